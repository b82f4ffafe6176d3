"""One small dbt project, run by Airflow in each of the ways that people run dbt there."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task
from cosmos import (
    DbtDag,
    DbtTaskGroup,
    ExecutionConfig,
    ExecutionMode,
    LoadMode,
    ProfileConfig,
    ProjectConfig,
    RenderConfig,
    TestBehavior,
)

PROJECT = Path(__file__).parents[1] / "small"
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PROFILE = ProfileConfig(
    profile_name="small", target_name="test", profiles_yml_filepath=PROJECT / "profiles.yml"
)


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
    return BashOperator(
        task_id=task_id, bash_command=f"cd {PROJECT} && {command}", env=environment(dag_id), append_env=False
    )


def render(test_behavior: TestBehavior) -> RenderConfig:
    return RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=test_behavior)


def project() -> ProjectConfig:
    return ProjectConfig(
        dbt_project_path=PROJECT, manifest_path=PROJECT / "target" / "manifest.json", install_dbt_deps=False
    )


def arguments(dag_id: str) -> dict[str, object]:
    kept = {
        name: value
        for name, value in environment(dag_id).items()
        if name not in {"DBT_TARGET_PATH", "DBT_LOG_PATH"}
    }
    return {"env": kept, "install_deps": False}


with DAG("one", start_date=START, schedule=None):
    bash("one", "build", "dbt build 2>&1 | tee log_one.txt")

with DAG("layers", start_date=START, schedule=None) as layers:

    @task.bash(env=environment("layers"), cwd=str(PROJECT))
    def snapshot() -> str:
        return "dbt snapshot"

    (
        bash("layers", "seed", "dbt seed")
        >> bash("layers", "staging", "dbt run --select staging")
        >> bash("layers", "marts", "dbt run -s marts && dbt test")
        >> snapshot()
    )

each = DbtDag(
    dag_id="each",
    project_config=project(),
    profile_config=PROFILE,
    render_config=render(TestBehavior.AFTER_EACH),
    operator_args=arguments("each"),
    start_date=START,
    schedule=None,
    max_active_tasks=1,
)

with DAG("grouped", start_date=START, schedule=None, max_active_tasks=1):
    DbtTaskGroup(
        group_id="shop",
        project_config=project(),
        profile_config=PROFILE,
        render_config=render(TestBehavior.BUILD),
        operator_args=arguments("grouped"),
    )

watched = DbtDag(
    dag_id="watched",
    project_config=project(),
    profile_config=PROFILE,
    render_config=render(TestBehavior.AFTER_ALL),
    execution_config=ExecutionConfig(execution_mode=ExecutionMode.WATCHER),
    operator_args=arguments("watched"),
    start_date=START,
    schedule=None,
)
