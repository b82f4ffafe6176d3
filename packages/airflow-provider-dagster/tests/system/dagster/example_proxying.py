"""A DAG of which one task has moved to Dagster."""

from __future__ import annotations

# [START howto_proxying]
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator

from airflow.providers.dagster.proxying import proxying_to_dagster

with DAG("example_proxying", schedule=None):
    extract = BashOperator(task_id="extract", bash_command="echo extract")
    load = BashOperator(task_id="load", bash_command="echo load")
    report = BashOperator(task_id="report", bash_command="echo report")
    extract >> load >> report

proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")
# [END howto_proxying]
