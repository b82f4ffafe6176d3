"""Names of the DAG runs that a Dagster run has Airflow run: made of the run's id, and read back."""

from __future__ import annotations

import re
from uuid import UUID

_NAME = re.compile(r"dagster__([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:__[1-9][0-9]*)?")


def dag_run_id(dagster_run_id: str, attempt: int) -> str:
    """Return the id of the DAG run that one attempt of a Dagster run triggers.

    Args:
        dagster_run_id: Id of the Dagster run.
        attempt: Which attempt, from 1; a later one follows a DAG run that failed.
    """
    name = f"dagster__{UUID(dagster_run_id)}"
    return name if attempt == 1 else f"{name}__{attempt}"


def dagster_run_of(dag_run_id: str) -> str | None:
    """Return the id of the Dagster run that triggered a DAG run, None where none did.

    Args:
        dag_run_id: Id of the DAG run.
    """
    match = _NAME.fullmatch(dag_run_id)
    return match[1] if match else None
