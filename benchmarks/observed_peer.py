"""Definitions that observe every task of an Airflow with the peer, dagster-airlift; `dagster-daemon` can load them."""

from __future__ import annotations

import os
import warnings
from datetime import datetime

from dagster import BetaWarning, Definitions
from dagster_airlift.core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift.core.sensor.sensor_builder import AirflowPollingSensorCursor
from dagster_shared.serdes import serialize_value
from tables import tables_of_tasks
from tick_arguments import AIRFLOW_URL_VARIABLE, DAGS_VARIABLE, INSTANCE, INTERVAL_SECONDS

SENSOR = f"{INSTANCE}__airflow_dag_status_sensor"

warnings.simplefilter("ignore", BetaWarning)
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


def cursor(since: datetime) -> str | None:
    """Return a cursor that stands at an instant: without one, the peer reads back a minute."""
    return serialize_value(AirflowPollingSensorCursor(end_date_gte=since.timestamp()))
