"""The dbt models that Airflow runs, in Dagster, mapped to the tasks that run them."""

from __future__ import annotations

from dagster_airlift_dbt.command import BuildingCommand, DbtCommand
from dagster_airlift_dbt.dbt_on_airflow import DbtOnAirflow
from dagster_airlift_dbt.errors import DbtManifestError, DbtMigrationError, DbtSelectionError

__all__ = [
    "BuildingCommand",
    "DbtCommand",
    "DbtManifestError",
    "DbtMigrationError",
    "DbtOnAirflow",
    "DbtSelectionError",
]
