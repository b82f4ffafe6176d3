"""The dbt models that Airflow runs, in Dagster, mapped to the tasks that run them."""

from __future__ import annotations

from dagster_airlift_dbt.arguments import NonBuilding, Uncertain
from dagster_airlift_dbt.command import DbtCommand, RunCommand
from dagster_airlift_dbt.component import DbtOnAirflowComponent
from dagster_airlift_dbt.dbt_on_airflow import DbtOnAirflow
from dagster_airlift_dbt.errors import (
    DbtManifestError,
    DbtMigrationError,
    DbtResultsUnavailable,
    DbtSelectionError,
)
from dagster_airlift_dbt.explicit import TaskCommands, Tasks
from dagster_airlift_dbt.found import Found, ResultSource
from dagster_airlift_dbt.graph import DbtGraph, SelectingCommand
from dagster_airlift_dbt.index import DbtIndex
from dagster_airlift_dbt.last_runs import RanLast
from dagster_airlift_dbt.log_results import DbtTaskLogs
from dagster_airlift_dbt.manifest import Manifest, ManifestSource
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.parsing import ParsedDbt, parse_dbt
from dagster_airlift_dbt.preflight import Preflight, RunOfDbt
from dagster_airlift_dbt.relations import Detail
from dagster_airlift_dbt.report import DbtReport, ReportedTask
from dagster_airlift_dbt.run_results import NodeResult, RunResults
from dagster_airlift_dbt.spec import IndirectSelection
from dagster_airlift_dbt.specs import ChangeSpec, DbtTranslator, ManifestTranslator
from dagster_airlift_dbt.store_results import DbtResultStore
from dagster_airlift_dbt.task_results import Checks
from dagster_airlift_dbt.watcher_results import CosmosWatcher
from dagster_airlift_dbt.xcom_results import DbtResultXCom

__all__ = [
    "ChangeSpec",
    "Checks",
    "CosmosWatcher",
    "DbtCommand",
    "DbtGraph",
    "DbtIndex",
    "DbtManifestError",
    "DbtMigrationError",
    "DbtNode",
    "DbtOnAirflow",
    "DbtOnAirflowComponent",
    "DbtReport",
    "DbtResultStore",
    "DbtResultXCom",
    "DbtResultsUnavailable",
    "DbtSelectionError",
    "DbtTaskLogs",
    "DbtTranslator",
    "Detail",
    "Found",
    "IndirectSelection",
    "Manifest",
    "ManifestSource",
    "ManifestTranslator",
    "NodeResult",
    "NonBuilding",
    "ParsedDbt",
    "Preflight",
    "RanLast",
    "ReportedTask",
    "ResultSource",
    "RunCommand",
    "RunOfDbt",
    "RunResults",
    "SelectingCommand",
    "TaskCommands",
    "Tasks",
    "Uncertain",
    "parse_dbt",
]
