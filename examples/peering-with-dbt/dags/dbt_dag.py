"""Builds the shop's tables with dbt, layer by layer, whenever the lakehouse has new data."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, task

from airflow.providers.dagster.proxying import proxying_to_dagster

EXPORTS = Path(os.environ["SHOP_EXPORTS"])
LAKEHOUSE = os.environ["SHOP_DUCKDB"]

with DAG(
    "dbt_dag",
    schedule=[Asset("duckdb://shop/lakehouse/iris")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    max_active_runs=1,
    # DuckDB has one writer: the pool has one slot, and every task that writes takes it, proxied or not.
    default_args={"owner": "analytics", "pool": "duckdb"},
    description="dbt seed, run, test and export",
    tags=["dbt"],
) as dag:
    # DBT_PROJECT_DIR, DBT_PROFILES_DIR and DBT_TARGET_PATH are in the environment of the workers.
    dbt_seed = BashOperator(task_id="dbt_seed", bash_command="dbt seed")
    dbt_run_staging = BashOperator(task_id="dbt_run_staging", bash_command="dbt run --select staging")
    dbt_run_marts = BashOperator(task_id="dbt_run_marts", bash_command="dbt run --select marts")
    dbt_test = BashOperator(task_id="dbt_test", bash_command="dbt test")

    @task
    def export_customers() -> None:
        """Write the customers for the newsletter."""
        EXPORTS.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(LAKEHOUSE) as lakehouse:
            lakehouse.sql("from customers").write_csv(str(EXPORTS / "customers.csv"))

    dbt_seed >> dbt_run_staging >> dbt_run_marts >> dbt_test >> export_customers()

# The one line that airlift needs in this file; with nothing migrated it changes nothing.
proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")
