"""The DAGs that the contract tests ask about, for Airflow 2.11 and 3."""

from __future__ import annotations

import datetime as dt

from airflow.providers.standard.operators.bash import BashOperator

try:
    from airflow.sdk import DAG, Asset, TaskGroup
except ImportError:
    from airflow.datasets import Dataset as Asset
    from airflow.models.dag import DAG
    from airflow.utils.task_group import TaskGroup

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

with DAG(
    "contract",
    start_date=START,
    schedule=None,
    tags=["core", "eu"],
    description="What the contract asks about",
    default_args={"owner": "alice"},
):
    said = """echo; echo '{"said": "hello"}'"""
    extract = BashOperator(task_id="extract", bash_command=said, outlets=[Asset("s3://bkt/contract/raw")])
    with TaskGroup("grp"):
        load = BashOperator(task_id="load", bash_command="true")
    parts = BashOperator.partial(task_id="parts").expand(bash_command=["true", "true", "true"])
    extract >> load >> parts

with DAG("contract_fails", start_date=START, schedule=[Asset("s3://bkt/contract/raw")]):
    good = BashOperator(task_id="good", bash_command="true")
    bad = BashOperator(task_id="bad", bash_command="false")
    never = BashOperator(task_id="never", bash_command="true")
    good >> bad >> never
