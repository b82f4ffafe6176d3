"""Following runs of Dagster to their end, through the retries that Dagster makes by itself."""

from __future__ import annotations

from collections.abc import Iterable

from airflow.providers.dagster import calls, wire
from airflow.providers.dagster.exceptions import DagsterRunDeleted, DagsterRunFailed
from airflow.providers.dagster.exchange import DagsterAddress
from airflow.providers.dagster.model import Run, RunStatus
from airflow.providers.dagster.patience import PATIENCE_WHILE_RUNNING, Patience
from airflow.providers.dagster.ports import Clock, Log
from airflow.providers.dagster.steps import Pause, Steps

__all__ = ["RETRY_SECONDS", "Following", "end_runs"]

RETRY_SECONDS = 900.0
"""How long a retry that Dagster has announced may take to appear; a daemon that is down comes back in that time."""
_RETRY_POLL_SECONDS = 5.0
_TAG_DELAY_SECONDS = 1.0
"""Dagster says that a run has failed a moment before it says whether it retries it."""
_FIRST_PAUSE, _PAUSE_GROWTH, _LONGEST_PAUSE = 0.5, 1.2, 5.0
_CENSUS_SECONDS = 60.0
"""How often to look for a second run of the same task, which only a worker that was cut off can have launched."""


class Following:
    """Follows runs, in steps.

    Args:
        address: Where Dagster is, for messages.
        clock: Tells the time.
        log: Log of the task; gets one line per change of state.
    """

    def __init__(self, address: DagsterAddress, clock: Clock, log: Log) -> None:
        self._address = address
        self._clock = clock
        self._log = log
        self._patience = Patience(PATIENCE_WHILE_RUNNING, clock, log)
        self._next_census = clock.now() + _CENSUS_SECONDS

    def ids_to_end(self, run_ids: Iterable[str]) -> Steps[tuple[Run, ...]]:
        """Follow the runs with these ids, each as `to_end` does."""
        ended: list[Run] = []
        for run_id in run_ids:
            run = yield from self._patience.ask_in_steps(calls.run(run_id))
            ended.append((yield from self.to_end(run)))
        return tuple(ended)

    def to_end(self, run: Run) -> Steps[Run]:
        """Follow a run until it, and each retry that Dagster makes of it, has ended.

        Args:
            run: The run as last seen.

        Returns:
            The last run, in its last state.

        Raises:
            DagsterApiError: Dagster did not answer for a quarter of an hour; the run may go on.
            DagsterRunDeleted: The run is gone.
            DagsterRunFailed: Dagster has announced a retry that does not come.
        """
        while True:
            run = yield from self._one_to_end(run)
            retry = yield from self._retry_of(run)
            if retry is None:
                return run
            self._log.info(
                "Dagster retries run %s: %s (%s)",
                run.run_id,
                self._address.run_url(retry.run_id),
                retry.status.value,
            )
            run = retry

    def _one_to_end(self, run: Run) -> Steps[Run]:
        pause = _FIRST_PAUSE
        while not run.status.is_terminal:
            yield Pause(pause)
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)
            run = yield from self._keep_the_oldest(run)
            seen = yield from self._patience.ask_in_steps(calls.run(run.run_id))
            if seen.status is not run.status:
                self._log.info("Dagster run %s: %s", seen.run_id, seen.status.value)
            run = seen
        return run

    def _retry_of(self, run: Run) -> Steps[Run | None]:
        """Wait for the run in which Dagster retries a failed one; None when it does not."""
        if run.status is RunStatus.FAILURE and run.will_retry is None:
            yield Pause(_TAG_DELAY_SECONDS)
            run = yield from self._patience.ask_in_steps(calls.run(run.run_id))
        deadline = self._clock.now() + RETRY_SECONDS
        while run.will_retry:
            retry = yield from self._announced(run)
            if retry is not None:
                return retry
            if self._clock.now() >= deadline:
                raise self._never_came(run)
            yield Pause(_RETRY_POLL_SECONDS)
            run = yield from self._patience.ask_in_steps(calls.run(run.run_id))
        return None

    def _announced(self, run: Run) -> Steps[Run | None]:
        if not run.retry_run_id:
            return None
        try:
            return (yield from self._patience.ask_in_steps(calls.run(run.retry_run_id)))
        except DagsterRunDeleted:
            return None

    def _never_came(self, run: Run) -> DagsterRunFailed:
        url = self._address.run_url(run.run_id)
        retry = f"run {run.retry_run_id}" if run.retry_run_id else "a run without an id yet"
        message = (
            f"Dagster run {run.run_id} failed and Dagster announced that it retries it, as {retry}, but {RETRY_SECONDS:.0f} s "
            f"later there is none. Start the Dagster daemon, which makes such retries, or clear the task. See {url}"
        )
        return DagsterRunFailed(message, run_id=run.run_id, url=url)

    def _keep_the_oldest(self, run: Run) -> Steps[Run]:
        """Now and then, terminate all but the oldest live run of the task, and follow that."""
        key = run.tags.get(wire.LAUNCH_KEY_TAG)
        if key is None or self._clock.now() < self._next_census:
            return run
        self._next_census = self._clock.now() + _CENSUS_SECONDS
        runs = yield from self._patience.ask_in_steps(calls.runs({wire.LAUNCH_KEY_TAG: key}))
        oldest, *others = [other for other in runs if _is_rival(other, run)] or [run]
        for other in others:
            self._log.warning(
                "Terminating Dagster run %s: %s is of the same task, and older.", other.run_id, oldest.run_id
            )
            yield from self._patience.ask_in_steps(calls.terminate(other.run_id))
        return oldest


def end_runs(key: str, log: Log) -> Steps[None]:
    """Terminate all live runs of a launch key.

    Args:
        key: The launch key. Not run ids: the answer to a launch may not have come yet.
        log: Log of the task.
    """
    runs = yield calls.runs({wire.LAUNCH_KEY_TAG: key})
    for run in runs:
        if not run.status.is_terminal:
            log.info("Terminating Dagster run %s.", run.run_id)
            yield calls.terminate(run.run_id)


def _is_rival(other: Run, run: Run) -> bool:
    """Whether a run does the same work: alive, and of the same code location, for each of these has its own run."""
    alive = not other.status.is_terminal and other.status is not RunStatus.CANCELING
    return alive and (other.location, other.repository) == (run.location, run.repository)
