"""A DAG file whose task is handed to Dagster with the peer's operator; attempts.py copies it into a DAG folder."""

from __future__ import annotations

from dagster_airlift.in_airflow import proxying_to_dagster
from dagster_airlift.in_airflow.proxied_state import load_proxied_state_from_yaml
from proxied_task import STATES, dag

__all__ = ["dag"]

proxying_to_dagster(global_vars=globals(), proxied_state=load_proxied_state_from_yaml(STATES / "peer"))
