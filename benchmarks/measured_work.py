"""Some work in a fresh process: its wall and processor time and its peak of memory, above what the imports took."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_FORGET_THE_PEAK = "5"


def tell(measured: Mapping[str, object]) -> None:
    """Print a measurement as a line of JSON."""
    sys.stdout.write(json.dumps(measured) + "\n")


def measured_work(work: Callable[[], Mapping[str, int]]) -> Mapping[str, object]:
    """Do some work once and return what it took; an error of the work is one of the results.

    Args:
        work: What is measured; it returns what it found worth counting.
    """
    memory = _forget_peak()
    wall, processor = time.perf_counter(), time.process_time()
    counted: Mapping[str, int] = {}
    error = ""
    try:
        counted = work()
    except Exception as caught:  # noqa: BLE001 - the peer ends in several kinds, and which one is a result
        error = f"{type(caught).__name__}: {str(caught)[:300]}"
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - processor}
    return {**took, "memory": _peak() - memory, "error": error, **counted}


def _forget_peak() -> int:
    """Let the peak begin anew, where Linux allows it; return the bytes that are in use."""
    if not _CLEAR.exists():
        return _peak()
    _CLEAR.write_text(_FORGET_THE_PEAK)
    return _peak()


def _peak() -> int:
    """Return the largest size that this process has had in memory, in bytes."""
    if _STATUS.exists():
        lines = _STATUS.read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
