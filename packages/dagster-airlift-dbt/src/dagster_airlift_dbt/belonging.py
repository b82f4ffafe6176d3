"""Whether results of dbt are those of one try of an Airflow task, or were left behind by something else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt.run_results import RunResults

CLOCKS_APART = timedelta(seconds=10)
"""How far the clock of the machine that ran dbt may be from that of Airflow's worker."""
STAMP_PREFIX = "AIRFLOW_"


def stamp_of(instance: TaskInstance) -> Mapping[str, str]:
    """Return what `DBT_ENV_CUSTOM_ENV_AIRFLOW_…` says in results of a try, by the names that dbt gives them."""
    return {
        "AIRFLOW_DAG_ID": instance.dag_id,
        "AIRFLOW_RUN_ID": instance.run_id,
        "AIRFLOW_TASK_ID": instance.task_id,
        "AIRFLOW_MAP_INDEX": str(instance.map_index),
        "AIRFLOW_TRY_NUMBER": str(instance.try_number),
    }


def why_not_of(results: RunResults, instance: TaskInstance) -> str | None:
    """Say why results do not belong to a try; None where they do.

    A task that dies before dbt starts leaves the file of the run before it. A stamp tells; without one, the
    results must have been begun and written while the task ran.

    Args:
        results: The results.
        instance: The try.
    """
    expected = stamp_of(instance)
    stamped = {name: value for name, value in results.stamp.items() if name in expected}
    for name, value in stamped.items():
        if value != expected[name]:
            return f"it is stamped {name}={value!r}, and the task has {expected[name]!r}"
    if "AIRFLOW_RUN_ID" in stamped and "AIRFLOW_TRY_NUMBER" in stamped:
        return None
    began, ended = results.began_at, results.ended_at
    if began and instance.started_at and began < instance.started_at - CLOCKS_APART:
        return f"dbt began at {began:%Y-%m-%d %H:%M:%S}Z, before the task did"
    if ended and instance.ended_at and ended > instance.ended_at + CLOCKS_APART:
        return f"it was written at {ended:%Y-%m-%d %H:%M:%S}Z, after the task had ended"
    return None
