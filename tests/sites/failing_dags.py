"""The same dbt project, one model of which fails, in four of the ways in which Airflow runs dbt; `__…__` is filled in by the test."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from cosmos import (
    DbtDag,
    ExecutionConfig,
    ExecutionMode,
    LoadMode,
    ProfileConfig,
    ProjectConfig,
    RenderConfig,
    TestBehavior,
)
from cosmos.io import upload_to_cloud_storage

PROJECT = Path("__FAILING__")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def environment(dag_id: str) -> dict[str, str]:
    """Each DAG has a file of its own, for DuckDB has one writer."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(PROJECT.parent),
        "TILL_DUCKDB": str(PROJECT / f"{dag_id}.duckdb"),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_TARGET_PATH": "target",
        "DBT_LOG_PATH": str(PROJECT / f"log_{dag_id}"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def cosmos(
    dag_id: str, tests: TestBehavior, mode: ExecutionMode = ExecutionMode.LOCAL, **more: object
) -> DbtDag:
    """Let Cosmos make the tasks."""
    return DbtDag(
        dag_id=dag_id,
        tags=["failing"],
        project_config=ProjectConfig(
            dbt_project_path=PROJECT,
            manifest_path=PROJECT / "target" / "manifest.json",
            install_dbt_deps=False,
        ),
        profile_config=ProfileConfig(
            profile_name="till", target_name="t", profiles_yml_filepath=PROJECT / "profiles.yml"
        ),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=tests),
        execution_config=ExecutionConfig(execution_mode=mode),
        operator_args={"env": environment(dag_id), "install_deps": False, **more},
        start_date=START,
        schedule=None,
        max_active_tasks=1 if mode is ExecutionMode.LOCAL else 16,
    )


def layer(task_id: str, command: str) -> BashOperator:
    """A target of its own, beside those of the other DAGs."""
    own = {**environment("layers"), "DBT_TARGET_PATH": str(PROJECT / "target_layers")}
    return BashOperator(task_id=task_id, bash_command=f"cd {PROJECT} && dbt {command}", env=own)


each = cosmos("each", TestBehavior.AFTER_EACH)
built = cosmos("built", TestBehavior.BUILD, callback=upload_to_cloud_storage)
watched = cosmos("watched", TestBehavior.AFTER_EACH, ExecutionMode.WATCHER)

with DAG("layers", tags=["failing"], start_date=START, schedule=None):
    (
        layer("seed", "seed")
        >> layer("staging", "run --select stg_sales")
        >> layer("marts", "build --select sales broken")
        >> layer("reports", "run --select after_broken")
    )
