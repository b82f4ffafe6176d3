"""Definitions that observe every task of an Airflow with dagster-airlift-core; `dagster-daemon` can load them."""

from __future__ import annotations

import os
from datetime import datetime

from dagster import Definitions
from tables import tables_of_tasks
from tick_arguments import AIRFLOW_URL_VARIABLE, DAGS_VARIABLE, INSTANCE, INTERVAL_SECONDS

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)

SENSOR = f"{INSTANCE}__airflow_sensor"

defs = build_defs_from_airflow_instance(
    airflow_instance=AirflowInstance(
        AirflowBasicAuthBackend(os.environ[AIRFLOW_URL_VARIABLE], "viewer", "viewer"), INSTANCE
    ),
    defs=Definitions(
        assets=[
            asset
            for dag, by_task in tables_of_tasks(int(os.environ[DAGS_VARIABLE])).items()
            for asset in assets_with_task_mappings(dag, by_task)
        ]
    ),
    sensor_minimum_interval_seconds=INTERVAL_SECONDS,
)


def cursor(_: datetime) -> str | None:
    """Return no cursor: the worst case is a sensor that does not know where it stood."""
    return None
