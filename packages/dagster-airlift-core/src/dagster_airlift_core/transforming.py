"""What may change, drop or replace the events of Airflow before Dagster stores them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TypeAlias

from dagster import AssetKey, AssetSpec, SensorEvaluationContext

from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.results import TaskEvent

AssetEvent: TypeAlias = TaskEvent
"""What an event transformer gets and returns."""


@dataclass(frozen=True)
class AirflowDefinitionsData:
    """What is known of an Airflow instance and the assets that are mapped to it, for an event transformer.

    Args:
        airflow_instance: The Airflow instance.
        airflow_mapped_asset_specs: The assets that are mapped to a task or DAG, and the DAG assets.
        mapping: Assets by task and DAG.
    """

    airflow_instance: AirflowInstance
    airflow_mapped_asset_specs: Mapping[AssetKey, AssetSpec]
    mapping: AssetMapping

    @classmethod
    def of(
        cls, airflow: AirflowInstance, specs: Iterable[AssetSpec], mapping: AssetMapping
    ) -> AirflowDefinitionsData:
        """Return what is known, with those of the specs that are mapped."""
        mapped = {key for keys in (*mapping.tasks.values(), *mapping.dags.values()) for key in keys}
        return cls(airflow, {spec.key: spec for spec in specs if spec.key in mapped}, mapping)

    @property
    def instance_name(self) -> str:
        """Name of the Airflow instance."""
        return self.airflow_instance.name

    @property
    def mapped_asset_keys_by_task_handle(self) -> Mapping[TaskHandle, AbstractSet[AssetKey]]:
        """Keys of the assets that are mapped to each task."""
        return {handle: frozenset(keys) for handle, keys in self.mapping.tasks.items()}

    @property
    def mapped_asset_keys_by_dag_handle(self) -> Mapping[DagHandle, AbstractSet[AssetKey]]:
        """Keys of the assets that are mapped to each DAG, with those of the DAG assets."""
        return {handle: frozenset(keys) for handle, keys in self.mapping.dags.items()}

    def task_ids_in_dag(self, dag_id: str) -> set[str]:
        """Return the ids of those tasks of a DAG that have assets.

        Args:
            dag_id: DAG id.
        """
        return {handle.task_id for handle in self.mapping.tasks if handle.dag_id == dag_id}

    def asset_keys_in_task(self, dag_id: str, task_id: str) -> AbstractSet[AssetKey]:
        """Return the keys of the assets that are mapped to a task.

        Args:
            dag_id: DAG id.
            task_id: Task id.
        """
        return frozenset(self.mapping.tasks.get(TaskHandle(dag_id, task_id), ()))


EventTransformerFn: TypeAlias = Callable[
    [SensorEvaluationContext, AirflowDefinitionsData, Sequence[AssetEvent]], Iterable[AssetEvent]
]
"""Returns the events that are stored instead of those that it is given."""
