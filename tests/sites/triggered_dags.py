"""DAGs that Dagster triggers, for Airflow 2.11 and 3: one succeeds, one fails half-way, one takes for ever."""

from __future__ import annotations

import datetime as dt

from airflow.providers.standard.operators.bash import BashOperator

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models.dag import DAG

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

with DAG("succeeds", start_date=START, schedule=None):
    extract = BashOperator(task_id="extract", bash_command="true")
    parts = BashOperator.partial(task_id="parts").expand(bash_command=["true", "true", "true"])
    extract >> parts

with DAG("fails", start_date=START, schedule=None):
    good = BashOperator(task_id="good", bash_command="true")
    bad = BashOperator(task_id="bad", bash_command="false")
    good >> bad

with DAG("lasts", start_date=START, schedule=None):
    BashOperator(task_id="sleep", bash_command="sleep 600")
