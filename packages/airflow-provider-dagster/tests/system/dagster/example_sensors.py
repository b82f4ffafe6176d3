"""A DAG that waits for what Dagster does by itself by now."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow.providers.dagster.operators.dagster import DagsterRunJobOperator
from airflow.providers.dagster.sensors.dagster import DagsterAssetSensor, DagsterRunSensor

with DAG("example_sensors", schedule=None):
    # [START howto_sensor_asset]
    orders = DagsterAssetSensor(
        task_id="orders",
        asset_key="raw/orders",
        after="2026-01-01T00:00:00",
        poke_interval=30,
        timeout=3600,
    )
    # [END howto_sensor_asset]

    nightly = DagsterRunJobOperator(task_id="nightly", job_name="nightly")

    # [START howto_sensor_run]
    ended = DagsterRunSensor(
        task_id="ended",
        run_id="{{ ti.xcom_pull(task_ids='nightly', key='dagster_run_ids')[0] }}",
    )
    # [END howto_sensor_run]

    orders >> nightly >> ended
