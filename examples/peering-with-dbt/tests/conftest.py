"""Finding what a run of the story left behind."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import psutil
import pytest

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture
def left_behind() -> Callable[[], list[str]]:
    """What lives of all that the test has started: here, orphans become children of the test process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    before = {process.pid for process in psutil.Process().children(recursive=True)}

    def find() -> list[str]:
        children = psutil.Process().children(recursive=True)
        return [title(process) for process in children if process.pid not in before and alive(process)]

    return find


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def title(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.NoSuchProcess:
        return str(process.pid)
