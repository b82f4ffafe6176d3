"""One small dbt project, run by Airflow in the ways in which Cosmos runs dbt there."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from airflow.sdk import DAG
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


def project() -> ProjectConfig:
    return ProjectConfig(
        dbt_project_path=PROJECT, manifest_path=PROJECT / "target" / "manifest.json", install_dbt_deps=False
    )


def arguments(dag_id: str) -> dict[str, object]:
    """Each DAG has a file of its own, for DuckDB has one writer."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(PROJECT.parent),
        "SMALL_DUCKDB": str(PROJECT / f"{dag_id}.duckdb"),
        "DBT_PROFILES_DIR": str(PROJECT),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    return {"env": environment, "install_deps": False}


def render(test_behavior: TestBehavior, select: str) -> RenderConfig:
    return RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=test_behavior, select=select.split())


each = DbtDag(
    dag_id="each",
    project_config=project(),
    profile_config=PROFILE,
    render_config=render(TestBehavior.AFTER_EACH, "raw_orders stg_orders"),
    operator_args=arguments("each"),
    start_date=START,
    schedule=None,
    max_active_tasks=1,
)

with DAG("grouped", start_date=START, schedule=None, max_active_tasks=1) as grouped:
    DbtTaskGroup(
        group_id="small",
        project_config=project(),
        profile_config=PROFILE,
        render_config=render(TestBehavior.BUILD, "+revenue.v2"),
        operator_args=arguments("grouped"),
    )

watched = DbtDag(
    dag_id="watched",
    project_config=project(),
    profile_config=PROFILE,
    render_config=render(TestBehavior.AFTER_ALL, "raw_orders stg_orders"),
    execution_config=ExecutionConfig(execution_mode=ExecutionMode.WATCHER),
    operator_args=arguments("watched"),
    start_date=START,
    schedule=None,
)
