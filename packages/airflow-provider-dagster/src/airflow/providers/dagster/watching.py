"""What sensors look for in Dagster, in steps: a worker takes them one way and a triggerer another."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.providers.dagster import calls
from airflow.providers.dagster.model import Run, RunStatus
from airflow.providers.dagster.patience import PATIENCE_WHILE_RUNNING, Patience
from airflow.providers.dagster.ports import Clock, Log
from airflow.providers.dagster.steps import Pause, Steps

__all__ = ["look_for_materialization", "look_for_run"]

_TAG_DELAY_SECONDS = 1.0
"""Dagster says that a run has failed a moment before it says whether it retries it."""


def look_for_run(run_id: str, clock: Clock, log: Log) -> Steps[Run | None]:
    """Look whether a run, and all that Dagster retries of it by itself, is over.

    Args:
        run_id: The run.
        clock: The clock to wait by while Dagster does not answer.
        log: Log of the task.

    Returns:
        The last run, None while something may still come of it.

    Raises:
        DagsterRunDeleted: There is no such run.
        DagsterApiError: Dagster did not answer for a quarter of an hour.
    """
    patience = Patience(PATIENCE_WHILE_RUNNING, clock, log)
    run = yield from patience.ask_in_steps(calls.run(run_id))
    while True:
        if run.status is RunStatus.FAILURE and run.will_retry is None:
            yield Pause(_TAG_DELAY_SECONDS)
            run = yield from patience.ask_in_steps(calls.run(run.run_id))
        if not run.will_retry or not run.retry_run_id:
            return run if run.is_over else None
        run = yield from patience.ask_in_steps(calls.run(run.retry_run_id))


def look_for_materialization(
    key: Sequence[str], partition: str | None, after: float, clock: Clock, log: Log
) -> Steps[str | None]:
    """Look whether an asset has been materialized since a moment.

    Args:
        key: Key of the asset.
        partition: Its partition, None for any.
        after: The moment, in seconds since the epoch.
        clock: The clock to wait by while Dagster does not answer.
        log: Log of the task.

    Returns:
        The run that has last done so, empty when none did but an event says so; None while there is nothing.

    Raises:
        DagsterApiError: There is no such asset, or Dagster did not answer for a quarter of an hour.
    """
    patience = Patience(PATIENCE_WHILE_RUNNING, clock, log)
    run_ids = yield from patience.ask_in_steps(calls.materializations(key, partition, after))
    return run_ids[0] if run_ids else None
