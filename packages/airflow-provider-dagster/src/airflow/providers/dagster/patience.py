"""How long to put up with a Dagster that does not answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from airflow.providers.dagster.exceptions import DagsterApiError
from airflow.providers.dagster.ports import Clock, Log

__all__ = ["PATIENCE_BEFORE_LAUNCH", "PATIENCE_WHILE_RUNNING", "Patience"]

T = TypeVar("T")

PATIENCE_BEFORE_LAUNCH = 30.0
"""Seconds; nothing has been started, and the user wants to know."""
PATIENCE_WHILE_RUNNING = 900.0
"""Seconds; the run goes on without us, so a restart of the webserver must not fail the task."""
_LONGEST_PAUSE = 30.0


def _is_transient(error: DagsterApiError) -> bool:
    return error.transient


@dataclass(frozen=True)
class Patience:
    """Asks a question again when the answer fails to come, for so many seconds in a row.

    Args:
        seconds: How long to go on after the first failure.
        clock: The clock to wait by.
        log: Where to say that we wait.
    """

    seconds: float
    clock: Clock
    log: Log

    def ask(
        self, question: Callable[[], T], *, again_if: Callable[[DagsterApiError], bool] = _is_transient
    ) -> T:
        """Ask until there is an answer.

        Args:
            question: What to ask; without `again_if`, something that may be asked twice.
            again_if: Whether asking again after this failure may help and can do no harm.

        Returns:
            The answer.

        Raises:
            DagsterApiError: The last failure, when asking again is no use or the time is up.
        """
        started, pause = self.clock.now(), 1.0
        while True:
            try:
                return question()
            except DagsterApiError as error:
                # The jitter keeps the tasks of one DAG from coming back all at once.
                wait = max(pause * random.uniform(0.8, 1.2), error.retry_after)  # noqa: S311 - no secret
                left = started + self.seconds - self.clock.now()
                if not again_if(error) or wait > left:
                    raise
                self.log.warning("%s Asking again for another %d s.", error, left)
            self.clock.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)
