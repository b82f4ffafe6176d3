"""Waiting for Dagster runs to end, and saying why one ended badly."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterRunFailed
from airflow.providers.dagster.following import Following
from airflow.providers.dagster.model import Run
from airflow.providers.dagster.ports import Clock, Log
from airflow.providers.dagster.steps import take

__all__ = ["check_success", "wait_for_run"]

_STEPS_SHOWN, _STACK_SHOWN = 20, 4000


def wait_for_run(dagster: DagsterClient, run: Run, clock: Clock, log: Log) -> Run:
    """Ask for a run until it has ended, and with it what Dagster retries of it by itself.

    Args:
        dagster: The Dagster instance.
        run: The run as last seen.
        clock: The clock to wait by.
        log: Log of the task; gets one line per change of state.

    Returns:
        The run in its last state; another one where Dagster has retried it.

    Raises:
        DagsterApiError: Dagster did not answer for a quarter of an hour; the run may go on.
        DagsterRunDeleted: The run is gone.
        DagsterRunFailed: Dagster has announced a retry that does not come.
    """
    return take(Following(dagster.address, clock, log).to_end(run), dagster, clock)


def check_success(dagster: DagsterClient, runs: Sequence[Run], log: Log) -> None:
    """Raise for the first run that did not end well, with its failed steps in the log.

    Args:
        dagster: The Dagster instance.
        runs: Runs that have ended.
        log: Log of the task; gets the traceback of each failed step.

    Raises:
        DagsterRunFailed: With Dagster's own reason.
    """
    failed = next((run for run in runs if not run.status.is_success), None)
    if failed is None:
        return
    url = dagster.address.run_url(failed.run_id)
    message = f"Dagster run {failed.run_id} ended as {failed.status.value}: {_reason(dagster, failed, log)}. See {url}"
    raise DagsterRunFailed(message, run_id=failed.run_id, url=url)


def _reason(dagster: DagsterClient, run: Run, log: Log) -> str:
    try:
        failure = dagster.failure(run.run_id)
    except DagsterApiError as error:  # the run has failed whether or not Dagster can say why
        return f"its events cannot be read ({error})"
    for step in failure.steps[:_STEPS_SHOWN]:
        log.warning("Dagster: %s\n%s", step, step.stack[-_STACK_SHOWN:])
    return failure.reason.rstrip(".")
