"""Many questions at a time to a server that may be down."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from dagster_airlift_core.errors import AirflowApiError, AirflowUnreachable

Value = TypeVar("Value")


class Outage:
    """Keeps errors as values, and asks no more once so many questions in a row found nobody there.

    Args:
        given_up_after: How many.
    """

    def __init__(self, given_up_after: int) -> None:
        self._given_up_after = given_up_after
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._last: AirflowUnreachable | None = None

    def watch(self, ask: Callable[[], Value]) -> Value | AirflowApiError:
        """Return the answer, or the error that there was or would be.

        Args:
            ask: Asks.
        """
        with self._lock:
            if self._last and self._in_a_row >= self._given_up_after:
                return self._last
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
