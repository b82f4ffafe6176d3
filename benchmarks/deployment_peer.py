"""A Dagster deployment that peers an Airflow with the peer, dagster-airlift: `dagster-webserver -f` loads it."""

from __future__ import annotations

import os

import dagster as dg
from dagster_airlift.core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from deployed_assets import AIRFLOW_URL_VARIABLE, INSTANCE, assets

defs = build_defs_from_airflow_instance(
    airflow_instance=AirflowInstance(
        AirflowBasicAuthBackend(os.environ[AIRFLOW_URL_VARIABLE], "viewer", "viewer"), INSTANCE
    ),
    defs=dg.Definitions(
        assets=[
            asset for dag, by_task in assets().items() for asset in assets_with_task_mappings(dag, by_task)
        ]
    ),
)
