"""Step 2, observe: what the tasks produce is in Dagster too, while Airflow runs them as before."""

import os
from pathlib import Path

from dagster import AssetSpec, Definitions

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_dbt import DbtCommand, DbtOnAirflow

airflow = AirflowInstance(
    auth_backend=AirflowBasicAuthBackend(
        webserver_url=os.environ["SHOP_AIRFLOW_URL"],
        username=os.environ["SHOP_AIRFLOW_USERNAME"],
        password=os.environ["SHOP_AIRFLOW_PASSWORD"],
    ),
    name="shop",
)

# New: the dbt command of each task, and what the other tasks write. Airflow tells what they ran last.
dbt = DbtOnAirflow(
    manifest=Path(os.environ["DBT_TARGET_PATH"]) / "manifest.json",
    tasks={
        "dbt_dag": {
            "dbt_seed": DbtCommand("seed"),
            "dbt_run_staging": DbtCommand("run", select="staging"),
            "dbt_run_marts": DbtCommand("run", select="marts"),
            "dbt_test": DbtCommand("test"),
        }
    },
    airflow=airflow,
)
iris = assets_with_task_mappings("load_lakehouse", {"load_iris": [AssetSpec(["lakehouse", "iris"])]})
newsletter = assets_with_task_mappings(
    "dbt_dag", {"export_customers": [AssetSpec("customers_csv", deps=["customers"])]}
)

defs = build_defs_from_airflow_instance(
    airflow_instance=airflow,
    # New: these assets, beside those of the DAGs.
    defs=Definitions.merge(dbt.defs(), Definitions(assets=[*iris, *newsletter])),
    sensor_minimum_interval_seconds=5,
)
