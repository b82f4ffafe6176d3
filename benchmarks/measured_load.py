"""One load in a fresh process, measured: from nothing, or from what an earlier load has kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kept_state import begin_load, end_load, kept_bytes
from load_arguments import LoadArguments
from measured_work import measured_work, tell


def measure(load: Callable[[LoadArguments], Mapping[str, int]], arguments: LoadArguments) -> None:
    """Load once and print what that took as a line of JSON.

    Args:
        load: What is measured; it returns what it found worth counting.
        arguments: Its argument; with the state of an earlier load, nobody needs to be asked.
    """
    begin_load(arguments.state)
    measured = measured_work(lambda: load(arguments))
    end_load(arguments.state)
    tell({**measured, "state_bytes": kept_bytes(arguments.state)})
