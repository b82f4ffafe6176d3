"""Waiting for Dagster runs to end, and saying why one ended badly."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterRunFailed
from airflow.providers.dagster.model import Run
from airflow.providers.dagster.patience import PATIENCE_WHILE_RUNNING, Patience
from airflow.providers.dagster.ports import Clock, Log

__all__ = ["check_success", "wait_for_run"]

_FIRST_PAUSE, _PAUSE_GROWTH, _LONGEST_PAUSE = 0.5, 1.2, 5.0


def wait_for_run(dagster: DagsterClient, run: Run, clock: Clock, log: Log) -> Run:
    """Ask for a run until it has ended.

    Args:
        dagster: The Dagster instance.
        run: The run as last seen.
        clock: The clock to wait by.
        log: Log of the task; gets one line per change of state.

    Returns:
        The run in its last state.

    Raises:
        DagsterApiError: Dagster did not answer for a quarter of an hour; the run may go on.
        DagsterRunDeleted: The run is gone.
    """
    patience = Patience(PATIENCE_WHILE_RUNNING, clock, log)
    pause = _FIRST_PAUSE
    while not run.status.is_terminal:
        clock.sleep(pause)
        pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)
        seen = patience.ask(lambda: dagster.run(run.run_id))  # noqa: B023 - called before `run` changes
        if seen.status is not run.status:
            log.info("Dagster run %s: %s", seen.run_id, seen.status.value)
        run = seen
    return run


def check_success(dagster: DagsterClient, runs: Sequence[Run]) -> None:
    """Raise for the first run that did not end well.

    Args:
        dagster: The Dagster instance.
        runs: Runs that have ended.

    Raises:
        DagsterRunFailed: With Dagster's own reason.
    """
    failed = next((run for run in runs if not run.status.is_success), None)
    if failed is None:
        return
    url = dagster.address.run_url(failed.run_id)
    message = (
        f"Dagster run {failed.run_id} ended as {failed.status.value}: {_reason(dagster, failed)}. See {url}"
    )
    raise DagsterRunFailed(message, run_id=failed.run_id, url=url)


def _reason(dagster: DagsterClient, run: Run) -> str:
    try:
        return dagster.failure(run.run_id).rstrip(".")
    except DagsterApiError as error:  # the run has failed whether or not Dagster can say why
        return f"its events cannot be read ({error})"
