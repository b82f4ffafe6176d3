"""The user's own assets in the deployments of the launch benchmark: one that Dagster can run for each task."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import dagster as dg
from synthetic_payloads import TASKS, dag_id, task_id

AIRFLOW_URL_VARIABLE = "BENCHMARK_AIRFLOW_URL"
DAGS_VARIABLE = "BENCHMARK_DAGS"
DAYS_VARIABLE = "BENCHMARK_DAYS"
"""How many days of daily partitions each asset has; 0 for none."""
INSTANCE = "benchmark"


def assets() -> Mapping[str, Mapping[str, list[dg.AssetsDefinition]]]:
    """Return one asset for each task, by DAG id and task id; how many the environment says."""
    days = int(os.environ[DAYS_VARIABLE])
    start = (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%d")
    partitions = dg.DailyPartitionsDefinition(start) if days else None
    return {
        dag_id(number): {task_id(task): [_asset(number, task, partitions)] for task in range(TASKS)}
        for number in range(int(os.environ[DAGS_VARIABLE]))
    }


def _asset(number: int, task: int, partitions: dg.PartitionsDefinition | None) -> dg.AssetsDefinition:
    upstream = [dg.AssetKey([dag_id(number), task_id(task - 1)])] if task else []

    @dg.asset(name=task_id(task), key_prefix=[dag_id(number)], deps=upstream, partitions_def=partitions)
    def materialize() -> None: ...

    return materialize
