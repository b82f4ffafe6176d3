"""What one may choose about the definitions of an Airflow instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import get_args

from dagster import (
    AssetKey,
    DefaultSensorStatus,
)

from dagster_airlift_core.arguments import expect, expect_function, expect_one_of
from dagster_airlift_core.dag_trigger import DagTrigger
from dagster_airlift_core.endings import MappedTasks
from dagster_airlift_core.model import AirflowAsset
from dagster_airlift_core.partitions import PARTITION_SOURCES, PartitionKeyFn, PartitionSource
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

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            TypeError: Something is of another type.
            ValueError: There is no such choice, or an interval that is no time.
        """
        if self.sensor_minimum_interval_seconds < 0:
            seconds = self.sensor_minimum_interval_seconds
            raise ValueError(
                f"sensor_minimum_interval_seconds is {seconds}. Give a number of seconds, 0 or more."
            )
        expect_one_of("mapped_tasks", self.mapped_tasks, get_args(MappedTasks))
        expect_one_of("partition_source", self.partition_source, PARTITION_SOURCES)
        expect_function("airflow_asset_key_fn", self.airflow_asset_key_fn, "a function of an AirflowAsset")
        expect_function(
            "partition_key_fn", self.partition_key_fn, "a function of a DagRun and the partitions"
        )
        expect_function(
            "event_transformer_fn",
            self.event_transformer_fn,
            "a function of the context, an AirflowDefinitionsData and the events",
        )
        if self.task_results is not None:
            instead = "one object with the method `events_of` of TaskResults, such as a DbtOnAirflow"
            expect("task_results", self.task_results, TaskResults, instead)
