"""Puts the measurements of the shop's irises into the lakehouse."""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from airflow.sdk import DAG, Asset, task

from airflow.providers.dagster.proxying import proxying_to_dagster

SOURCE = Path(os.environ["SHOP_DATA"]) / "iris.csv"
LANDING = Path(os.environ["SHOP_LANDING"])
LAKEHOUSE = os.environ["SHOP_DUCKDB"]
IRIS = Asset("duckdb://shop/lakehouse/iris")

with DAG(
    "load_lakehouse",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    description="CSV of iris measurements into the lakehouse",
    tags=["lakehouse"],
) as dag:

    @task
    def extract_iris() -> str:
        """Fetch today's file."""
        LANDING.mkdir(parents=True, exist_ok=True)
        return str(shutil.copy(SOURCE, LANDING / "iris.csv"))

    # DuckDB has one writer: the pool has one slot, and every task that writes takes it.
    @task(pool="duckdb", outlets=[IRIS])
    def load_iris(csv: str) -> None:
        """Replace the table."""
        with duckdb.connect(LAKEHOUSE) as lakehouse:
            lakehouse.execute("create schema if not exists lakehouse")
            lakehouse.execute("create or replace table lakehouse.iris as from read_csv($csv)", {"csv": csv})

    load_iris(extract_iris())

proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")
