"""What one may choose about the definitions of an Airflow instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dagster import (
    AssetKey,
    DefaultSensorStatus,
)

from dagster_airlift_core.dag_trigger import DagTrigger
from dagster_airlift_core.endings import MappedTasks
from dagster_airlift_core.model import AirflowAsset
from dagster_airlift_core.partitions import PartitionKeyFn, PartitionSource
from dagster_airlift_core.results import TaskResults
from dagster_airlift_core.transforming import EventTransformerFn


@dataclass(frozen=True)
class Choices:
    """What one may choose about the definitions of an Airflow instance.

    Args:
        sensor_minimum_interval_seconds: Seconds between two looks at Airflow.
        default_sensor_status: Whether the sensor runs before anyone has switched it on.
        task_assets: Whether each task is an asset as well.
        airflow_asset_key_fn: Chooses the key of an asset of Airflow; None for its whole URI.
        run_timeline: Whether DAG runs are shown as runs of Dagster.
        triggers: How those DAGs are run whose assets can be materialized from Dagster, by DAG id.
        partition_source: Which moment of a DAG run names the partition of partitioned assets.
        partition_key_fn: Names the partition instead; None for the rules.
        mapped_tasks: How dynamically mapped tasks are told of.
        task_results: What may know more of a finished task than its state.
        event_transformer_fn: What may change the events.
    """

    sensor_minimum_interval_seconds: int = 30
    default_sensor_status: DefaultSensorStatus = DefaultSensorStatus.RUNNING
    task_assets: bool = False
    airflow_asset_key_fn: Callable[[AirflowAsset], AssetKey] | None = None
    run_timeline: bool = False
    triggers: Mapping[str, DagTrigger] = field(default_factory=dict[str, DagTrigger])
    partition_source: PartitionSource = "data_interval_start"
    partition_key_fn: PartitionKeyFn | None = None
    mapped_tasks: MappedTasks = "once"
    task_results: TaskResults | None = None
    event_transformer_fn: EventTransformerFn | None = None
