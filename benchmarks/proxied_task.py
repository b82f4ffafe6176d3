"""The DAG of the launch benchmark, on Airflow 2.11 and 3: one task, which says when it begins."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow import __version__
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.bash import BashOperator
from synthetic_payloads import dag_id, task_id

TASK = task_id(5)
FOLDER = Path(sys.argv[1])
STATES = FOLDER / "states"
STARTED = "started"
"""File with the moment at which the task began, in seconds since 1970."""


def _say_when(_: object) -> None:
    """Airflow calls this right before it executes the operator."""
    (FOLDER / STARTED).write_text(repr(time.time()))


with DAG(dag_id(0), schedule="@daily", start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False) as dag:
    BashOperator(task_id=TASK, bash_command="exit 1", on_execute_callback=_say_when)


def run(dag: DAG) -> None:
    """Run the DAG in this process, for the day that the command line names.

    Args:
        dag: The DAG, after a tool has put its operator into it.
    """
    day = datetime.fromisoformat(sys.argv[2]).replace(tzinfo=UTC)
    moment = {"execution_date" if __version__.startswith("2.") else "logical_date": day}
    dag.test(**moment)
