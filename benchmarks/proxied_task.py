"""The DAG of the launch benchmark, on Airflow 2.11 and 3: one task, which says when it begins."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG  # pyright: ignore[reportMissingTypeStubs] - ships no py.typed
from airflow.providers.standard.operators.bash import BashOperator  # pyright: ignore[reportMissingTypeStubs] - the same
from synthetic_payloads import dag_id, task_id

TASK = task_id(5)
STATES = Path(os.environ["BENCHMARK_STATES"])
"""Folder with the migration state of each tool."""


def _say_when(_: object) -> None:
    """Airflow calls this right before it executes the operator."""
    Path(os.environ["BENCHMARK_STARTED"]).write_text(repr(time.time()))


with DAG(dag_id(0), schedule="@daily", start_date=datetime(2024, 1, 1, tzinfo=UTC), catchup=False) as dag:
    BashOperator(task_id=TASK, bash_command="exit 1", on_execute_callback=_say_when)
