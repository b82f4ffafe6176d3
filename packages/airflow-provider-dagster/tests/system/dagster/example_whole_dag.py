"""A DAG that has moved to Dagster as a whole, and one with a dynamically mapped task that has moved."""

from __future__ import annotations

from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

from airflow.providers.dagster.proxying import proxying_to_dagster

with DAG("example_whole_dag", schedule=None):
    BashOperator(task_id="extract", bash_command="echo extract") >> BashOperator(
        task_id="load", bash_command="echo load"
    )

with DAG("example_mapped", schedule=None):
    BashOperator.partial(task_id="load").expand(bash_command=["echo eu", "echo us"])

proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")
