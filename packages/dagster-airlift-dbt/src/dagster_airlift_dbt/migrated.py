"""Migrates a task by the path of its dbt project."""

from __future__ import annotations

from pathlib import Path

from dagster_airlift_dbt.dbt_on_airflow import DbtOnAirflow


def with_migrated(dbt: DbtOnAirflow, dag_id: str, task_id: str, project: Path) -> DbtOnAirflow:
    """Let Dagster be able to run what one task runs; this needs dagster-dbt.

    Args:
        dbt: The projects and their tasks.
        dag_id: The DAG.
        task_id: The task.
        project: Where the dbt project lies for Dagster.
    """
    # dagster-dbt is an extra.
    from dagster_dbt import DbtProject  # noqa: PLC0415

    return dbt.migrate(dag_id, task_id, project=DbtProject(project))
