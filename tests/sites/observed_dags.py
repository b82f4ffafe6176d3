"""The DAGs whose observation the live tests follow, for Airflow 2.11 and 3."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator

try:
    from airflow.sdk import DAG
except ImportError:
    from airflow.models.dag import DAG

# Of a run that was due more than a week ago, only the hourly pass sees what changes.
START = dt.datetime.combine(dt.datetime.now(dt.UTC).date(), dt.time(), dt.UTC) - dt.timedelta(days=1)
TRIED = Path(__file__).with_suffix(".tried")

for dag_id in ("twin_a", "twin_b"):  # each gets one run, under the same id
    with DAG(dag_id, start_date=START, schedule="@once", catchup=True, is_paused_upon_creation=False):
        BashOperator(task_id="extract", bash_command="true") >> BashOperator(
            task_id="load", bash_command="true"
        )

with DAG("fails", start_date=START, schedule=None, is_paused_upon_creation=False):
    good = BashOperator(task_id="good", bash_command="true")
    bad = BashOperator(task_id="bad", bash_command="false")
    after = BashOperator(task_id="after", bash_command="true")
    good >> bad >> after

with DAG("retried", start_date=START, schedule=None, is_paused_upon_creation=False):
    BashOperator(
        task_id="load",
        bash_command=f"test -e {TRIED} || {{ touch {TRIED}; exit 1; }}",
        retries=1,
        retry_delay=dt.timedelta(seconds=1),
    )

for length in (0, 1, 50):
    with DAG(f"mapped_{length}", start_date=START, schedule=None, is_paused_upon_creation=False):
        BashOperator.partial(task_id="parts").expand(bash_command=["true"] * length)
