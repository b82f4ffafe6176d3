"""Step 1, peer: every DAG of the shop's Airflow is an asset in Dagster, every successful run of it an event."""

import os

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance, build_defs_from_airflow_instance

airflow = AirflowInstance(
    auth_backend=AirflowBasicAuthBackend(
        webserver_url=os.environ["SHOP_AIRFLOW_URL"],
        username=os.environ["SHOP_AIRFLOW_USERNAME"],
        password=os.environ["SHOP_AIRFLOW_PASSWORD"],
    ),
    name="shop",
)

defs = build_defs_from_airflow_instance(airflow_instance=airflow, sensor_minimum_interval_seconds=5)
