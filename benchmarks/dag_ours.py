"""A DAG file whose task is handed to Dagster with airflow.providers.dagster; attempts.py copies it into a DAG folder."""

from __future__ import annotations

from proxied_task import STATES, dag

from airflow.providers.dagster.proxying import proxying_to_dagster

__all__ = ["dag"]

proxying_to_dagster(globals(), STATES / "ours")
