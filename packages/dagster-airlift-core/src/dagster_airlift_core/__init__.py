"""Peer Dagster with Airflow instances: DAGs and tasks become assets, their runs become events."""

from dagster_airlift_core.auth import AirflowAuthBackend, AirflowTokenAuthBackend
from dagster_airlift_core.basic_auth import AirflowBasicAuthBackend
from dagster_airlift_core.component import AirflowInstanceComponent
from dagster_airlift_core.dag_run_request import DagRunRequest
from dagster_airlift_core.dag_trigger import DagTrigger
from dagster_airlift_core.definitions import build_defs_from_airflow_instance, load_airflow_dag_asset_specs
from dagster_airlift_core.errors import (
    AirflowApiError,
    AirflowNotFound,
    AirflowPayloadError,
    AirflowUnauthorized,
    AirflowUnreachable,
    AirliftError,
    MappingError,
)
from dagster_airlift_core.filters import AirflowFilter
from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.http_options import HttpOptions
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import (
    assets_with_dag_mappings,
    assets_with_multiple_task_mappings,
    assets_with_task_mappings,
)
from dagster_airlift_core.model import AirflowAsset, Dag, DagRun, TaskInstance
from dagster_airlift_core.results import TaskEvent, TaskResults
from dagster_airlift_core.snapshot import AirflowSnapshot, SnapshotError
from dagster_airlift_core.transforming import AirflowDefinitionsData, AssetEvent, EventTransformerFn
from dagster_airlift_core.triggering import dag_triggering_assets

__all__ = [
    "AirflowApiError",
    "AirflowAsset",
    "AirflowAuthBackend",
    "AirflowBasicAuthBackend",
    "AirflowDefinitionsData",
    "AirflowFilter",
    "AirflowInstance",
    "AirflowInstanceComponent",
    "AirflowNotFound",
    "AirflowPayloadError",
    "AirflowSnapshot",
    "AirflowTokenAuthBackend",
    "AirflowUnauthorized",
    "AirflowUnreachable",
    "AirliftError",
    "AssetEvent",
    "Dag",
    "DagHandle",
    "DagRun",
    "DagRunRequest",
    "DagTrigger",
    "EventTransformerFn",
    "HttpOptions",
    "MappingError",
    "SnapshotError",
    "TaskEvent",
    "TaskHandle",
    "TaskInstance",
    "TaskResults",
    "assets_with_dag_mappings",
    "assets_with_multiple_task_mappings",
    "assets_with_task_mappings",
    "build_defs_from_airflow_instance",
    "dag_triggering_assets",
    "load_airflow_dag_asset_specs",
]
