"""Step 3, migrate: Dagster is able to run the dbt tasks; a line of YAML for each says when it does."""

import os
from pathlib import Path

from dagster import AssetSpec, Definitions, in_process_executor
from dagster_dbt import DbtProject

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
# New: Dagster may run what these tasks run; the migration state says which of them it does.
project = DbtProject(os.environ["DBT_PROJECT_DIR"])
for task_id in ("dbt_seed", "dbt_run_staging", "dbt_run_marts", "dbt_test"):
    dbt = dbt.migrate("dbt_dag", task_id, project=project)
iris = assets_with_task_mappings("load_lakehouse", {"load_iris": [AssetSpec(["lakehouse", "iris"])]})
newsletter = assets_with_task_mappings(
    "dbt_dag", {"export_customers": [AssetSpec("customers_csv", deps=["customers"])]}
)

defs = build_defs_from_airflow_instance(
    airflow_instance=airflow,
    defs=Definitions.merge(
        dbt.defs(),
        # New: one process, for DuckDB has one writer.
        Definitions(assets=[*iris, *newsletter], executor=in_process_executor),
    ),
    sensor_minimum_interval_seconds=5,
)
