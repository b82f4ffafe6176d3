"""How long to put up with a Dagster that does not answer."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from airflow.providers.dagster.exceptions import DagsterApiError
from airflow.providers.dagster.exchange import Call
from airflow.providers.dagster.ports import Clock, Log
from airflow.providers.dagster.steps import Pause, Steps

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
        trial = self._trial(again_if)
        while True:
            try:
                return question()
            except DagsterApiError as error:
                pause = trial.pause_after(error)
            self.clock.sleep(pause)

    def ask_in_steps(self, call: Call[T]) -> Steps[T]:
        """Make a call until there is an answer.

        Args:
            call: What to ask; something that may be asked twice.

        Returns:
            The answer.

        Raises:
            DagsterApiError: The last failure, when asking again is no use or the time is up.
        """
        trial = self._trial(_is_transient)
        while True:
            try:
                answer: T = yield call
            except DagsterApiError as error:
                pause = trial.pause_after(error)
            else:
                return answer
            yield Pause(pause)

    def _trial(self, again_if: Callable[[DagsterApiError], bool]) -> _Trial:
        return _Trial(self.clock.now() + self.seconds, self.clock, self.log, again_if)


@dataclass
class _Trial:
    """One question and how long it is still worth asking."""

    deadline: float
    clock: Clock
    log: Log
    again_if: Callable[[DagsterApiError], bool]
    pause: float = 1.0

    def pause_after(self, error: DagsterApiError) -> float:
        """Say how long to wait before the next time; raise the error when there is none."""
        # The jitter keeps the tasks of one DAG from coming back all at once.
        wait = max(self.pause * random.uniform(0.8, 1.2), error.retry_after)  # noqa: S311 - no secret
        left = self.deadline - self.clock.now()
        if not self.again_if(error) or wait > left:
            raise error
        self.log.warning("%s Asking again for another %d s.", error, left)
        self.pause = min(self.pause * 2, _LONGEST_PAUSE)
        return wait
