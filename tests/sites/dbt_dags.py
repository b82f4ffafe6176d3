"""A DAG whose tasks build the same dbt project, each leaving its results elsewhere; `__…__` is filled in by the test."""

from __future__ import annotations

import datetime as dt

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

# Airflow itself was started for another project.
PROJECT = {
    "DBT_PROJECT_DIR": "__PROJECT__",
    "DBT_PROFILES_DIR": "__PROJECT__",
    "DBT_TARGET_PATH": "target",
    "DBT_LOG_PATH": "logs",
}
STAMP = {
    **PROJECT,
    "DBT_ENV_CUSTOM_ENV_AIRFLOW_DAG_ID": "{{ dag.dag_id }}",
    "DBT_ENV_CUSTOM_ENV_AIRFLOW_RUN_ID": "{{ run_id }}",
    "DBT_ENV_CUSTOM_ENV_AIRFLOW_TASK_ID": "{{ task.task_id }}",
    "DBT_ENV_CUSTOM_ENV_AIRFLOW_MAP_INDEX": "{{ ti.map_index }}",
    "DBT_ENV_CUSTOM_ENV_AIRFLOW_TRY_NUMBER": "{{ ti.try_number }}",
}
# Whether dbt fails or not; and `rm` before, so that a task that dies before dbt starts ships nothing old.
SHIP = """
there=__STORE__/{{ dag.dag_id | urlencode }}/{{ run_id | urlencode }}/{{ task.task_id | urlencode }}
there=$there/{{ ti.map_index }}/{{ ti.try_number }}
rm -f target/run_results.json
trap 'mkdir -p "$there" && cp target/run_results.json "$there/"' EXIT
"""
BUILD = "__DBT__ build --profiles-dir ."

with DAG(
    "shop",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    schedule=None,
    default_args={"cwd": "__PROJECT__", "append_env": True, "trigger_rule": "all_done"},
):
    shipped = BashOperator(task_id="shipped", bash_command=SHIP + BUILD, env=STAMP)
    events = BashOperator(task_id="events", bash_command=BUILD, env={**PROJECT, "DBT_LOG_FORMAT": "json"})
    lines = BashOperator(task_id="lines", bash_command=BUILD, env=PROJECT)
    shipped >> events >> lines
