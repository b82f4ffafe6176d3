"""The two sides meet over the wire alone, so they must spell it alike."""

from __future__ import annotations

import inspect

from airflow.providers.dagster import wire as airflow_side
from dagster_airlift_core import wire as dagster_side


def test_both_sides_have_one_wire() -> None:
    assert inspect.getsource(airflow_side) == inspect.getsource(dagster_side)
