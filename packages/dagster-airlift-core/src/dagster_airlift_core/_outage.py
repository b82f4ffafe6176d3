"""Many questions at a time to a server that may be down, or slow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from dagster_airlift_core.errors import AirflowApiError, AirflowUnreachable

Value = TypeVar("Value")

GIVEN_UP_AFTER = 16
"""So many questions in a row without an answer are an outage, and the rest is not asked."""


class Outage:
    """Keeps errors as values, and asks no more once the server is down or the time is up.

    Args:
        within: Seconds from now in which a question may begin.
        too_late: The error of those that did not.
    """

    def __init__(self, within: float, too_late: AirflowUnreachable) -> None:
        self._until = time.monotonic() + within
        self._too_late = too_late
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._last: AirflowUnreachable | None = None

    def watch(self, ask: Callable[[], Value]) -> Value | AirflowApiError:
        """Return the answer, or the error that there was or would be.

        Args:
            ask: Asks.
        """
        with self._lock:
            if self._last and self._in_a_row >= GIVEN_UP_AFTER:
                return self._last
        if time.monotonic() > self._until:
            return self._too_late
        try:
            answer = ask()
        except AirflowApiError as error:
            self._note(error)
            return error
        self._note(None)
        return answer

    def _note(self, error: AirflowApiError | None) -> None:
        with self._lock:
            self._last = error if isinstance(error, AirflowUnreachable) else None
            self._in_a_row = self._in_a_row + 1 if self._last else 0


def ask_each(
    names: Iterable[str], ask: Callable[[str], Value], outage: Outage, at_once: int
) -> dict[str, Value | AirflowApiError]:
    """Ask about several things, some of them at a time.

    Args:
        names: Their names.
        ask: Asks about one of them.
        outage: Decides when no more is asked.
        at_once: How many are asked about at a time.

    Returns:
        For each name the answer, or the error that there was instead; one does not stop the others.
    """
    wanted = list(dict.fromkeys(names))

    def answer(name: str) -> Value | AirflowApiError:
        return outage.watch(lambda: ask(name))

    with ThreadPoolExecutor(at_once, "airlift") as threads:
        return dict(zip(wanted, threads.map(answer, wanted), strict=True))
