"""In a tick: the partition of an event, and once in the log why one has none."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from dagster import AssetKey

from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.model import AssetUpdate, DagRun, TaskInstance
from dagster_airlift_core.partitions import Partitioning, Placement
from dagster_airlift_core.run_lookup import RunLookup


class Placer:
    """Finds the partitions of what a tick observes; nothing is asked while no mapped asset is partitioned.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG.
        partitioning: How they are partitioned.
    """

    def __init__(self, airflow: AirflowInstance, mapping: AssetMapping, partitioning: Partitioning) -> None:
        self._mapping = mapping
        self._partitioning = partitioning
        self._runs = RunLookup(airflow)
        self._unplaced: dict[str, None] = {}

    @property
    def unplaced(self) -> Iterable[str]:
        """What was observed without a partition although its asset is partitioned, and why."""
        return self._unplaced

    def expect(self, rows: Iterable[TaskInstance | DagRun | AssetUpdate]) -> None:
        """Say which rows may be asked for.

        Args:
            rows: Rows of a page.
        """
        self._runs.expect(
            row
            for row in rows
            if isinstance(row, TaskInstance) and TaskHandle(row.dag_id, row.task_id) in self._partitioned
        )

    def partition_key(self, key: AssetKey, row: TaskInstance | DagRun | AssetUpdate) -> str | None:
        """Return the key of the partition of an asset that a row materializes, None for none.

        Args:
            key: The key of the asset.
            row: A task instance, DAG run or event of an asset.

        Raises:
            AirflowApiError: Airflow did not give the DAG run.
            PartitionError: A function of the user raised something.
        """
        if key not in self._partitioning.partitions:
            return None
        placement = self._placement(key, row)
        if placement.why_none:
            what = f"event {row.id}" if isinstance(row, AssetUpdate) else f"{row.dag_id}.{row.run_id}"
            self._unplaced[f"{key.to_user_string()} of {what}: {placement.why_none}"] = None
        return placement.key

    def _placement(self, key: AssetKey, row: TaskInstance | DagRun | AssetUpdate) -> Placement:
        if isinstance(row, AssetUpdate):
            return self._partitioning.given(key, row.partition_key)
        run = self._runs.run_of(row) if isinstance(row, TaskInstance) else row
        if run is None:
            return Placement(why_none="Airflow does not have the DAG run any more")
        return self._partitioning.place(key, run)

    @cached_property
    def _partitioned(self) -> frozenset[TaskHandle]:
        partitioned = self._partitioning.partitions.keys()
        tasks = self._mapping.tasks.items()
        return frozenset(task for task, keys in tasks if not partitioned.isdisjoint(keys))
