"""One small dbt project, run by Airflow in the ways in which Bash tasks run dbt there."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

PROJECT = Path(__file__).parents[1] / "small"
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def environment(dag_id: str) -> dict[str, str]:
    """Each DAG has a file of its own, for DuckDB has one writer."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(PROJECT.parent),
        "SMALL_DUCKDB": str(PROJECT / f"{dag_id}.duckdb"),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": str(PROJECT / f"target_{dag_id}"),
        "DBT_LOG_PATH": str(PROJECT / f"log_{dag_id}"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def bash(dag_id: str, task_id: str, command: str) -> BashOperator:
    return BashOperator(task_id=task_id, bash_command=f"cd {PROJECT} && {command}", env=environment(dag_id))


with DAG("one", start_date=START, schedule=None):
    bash("one", "build", "dbt build 2>&1 | tee log_one.txt")

with DAG("layers", start_date=START, schedule=None):

    @task.bash(env=environment("layers"), cwd=str(PROJECT))
    def snapshot() -> str:
        """Say what to run."""
        return "dbt snapshot"

    (
        bash("layers", "seed", "dbt seed")
        >> bash("layers", "staging", "dbt run --select staging")
        >> bash("layers", "marts", "dbt run -s marts && dbt test")
        >> snapshot()
    )
