"""From a row of a scan to what ended with it, and the assets that this concerns."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from dagster import AssetKey

from dagster_airlift_core.errors import AirflowNotFound, SetAside
from dagster_airlift_core.events import (
    Ended,
    asset_updated,
    dag_run_ended,
    mapped_task_ended,
    task_ended,
    task_unreached,
)
from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.memory import Memory
from dagster_airlift_core.model import ENDED, SKIPPED, UNREACHED, AssetUpdate, DagRun, TaskInstance
from dagster_airlift_core.recall import Candidate, Recall

Ending: TypeAlias = TaskInstance | DagRun | AssetUpdate
"""A row of a scan."""

MAX_MAPPED = 10_000

MappedTasks: TypeAlias = Literal["once", "each"]
"""Whether a dynamically mapped task is told of once, when all of it has ended, or for each of its instances."""


@dataclass
class Endings:
    """Tells what ended with the rows of one tick.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG.
        recall: What is known of Dagster's history.
        memory: What was found in earlier ticks.
        mapped_tasks: How dynamically mapped tasks are told of.
        testing_tasks: Tasks that are told of although no asset is mapped to them.
        unreached_tasks: Tasks that are told of although Airflow skipped them, or did not get to them.
    """

    airflow: AirflowInstance
    mapping: AssetMapping
    recall: Recall
    memory: Memory
    mapped_tasks: MappedTasks
    testing_tasks: Collection[TaskHandle] = ()
    unreached_tasks: Collection[TaskHandle] = ()

    _groups: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]], init=False)

    def of_row(self, row: Ending) -> Candidate | None:
        """Return what a row alone says, None where it concerns no asset or is one of several.

        Raises:
            SetAside: There is no asset for the DAG of a run.
        """
        keys = self._keys(row)
        if not (keys or self._tests(row)) or self.is_one_of_several(row):
            return None
        ended = self._ended(row)
        return (keys, ended) if ended else None

    def _ended(self, row: Ending) -> Ended | None:
        name, links = self.airflow.name, self.airflow.links
        if isinstance(row, AssetUpdate):
            return asset_updated(name, links, row)
        if isinstance(row, DagRun):
            return dag_run_ended(name, links, row)
        if row.state in (UNREACHED, SKIPPED) and TaskHandle(row.dag_id, row.task_id) in self.unreached_tasks:
            return task_unreached(name, links, row)
        return task_ended(name, links, row)

    def of_mapped_task(self, row: TaskInstance) -> Candidate | None:
        """Return what ended with the mapped task of an instance, None unless it is new and all of it has ended.

        Raises:
            SetAside: Its instances cannot be read.
            AirflowApiError: Airflow did not give them.
        """
        keys = self._keys(row)
        group = (row.dag_id, row.run_id, row.task_id)
        if not (keys or self._tests(row)) or group in self._groups:
            return None
        event_id = self.memory.ended_as(row)
        if event_id and (
            self.memory.is_settled(event_id)
            or (keys and self.recall.is_stored([(key, event_id) for key in keys]))
        ):
            return None
        self._groups.add(group)
        instances = self._instances(row)
        ended = mapped_task_ended(self.airflow.name, self.airflow.links, instances)
        if ended is None:
            return None
        # An instance that failed may be skipped when it is tried again, and no row tells of that.
        if ended.failure is None:
            for instance in instances:
                self.memory.remember(instance, ended.event_id)
        return keys, ended

    def _tests(self, row: object) -> bool:
        return isinstance(row, TaskInstance) and TaskHandle(row.dag_id, row.task_id) in self.testing_tasks

    def is_one_of_several(self, row: Ending) -> bool:
        """Whether it takes the other instances of its mapped task to tell what ended."""
        return isinstance(row, TaskInstance) and row.is_mapped and self.mapped_tasks == "once"

    def again(self, row: Ending) -> None:
        """Look at the mapped task of a row once more, for not all of it was told."""
        if isinstance(row, TaskInstance):
            self._groups.discard((row.dag_id, row.run_id, row.task_id))

    def _keys(self, row: Ending) -> Collection[AssetKey]:
        if isinstance(row, TaskInstance):
            return self.mapping.tasks.get(TaskHandle(row.dag_id, row.task_id), ())
        if isinstance(row, AssetUpdate):
            return self._updated(row)
        keys = self.mapping.dags.get(DagHandle(row.dag_id), ())
        if not keys:
            raise SetAside(f"{row.dag_id}: no asset stands for this DAG, reload the code location")
        return keys

    def _updated(self, event: AssetUpdate) -> Collection[AssetKey]:
        """Return the asset that an event updated, none where the success of its task or DAG run stands for it."""
        key = self.mapping.uris.get(event.uri)
        told: set[AssetKey] = set()
        if event.dag_id:
            told.update(self.mapping.dags.get(DagHandle(event.dag_id), ()))
            told.update(self.mapping.tasks.get(TaskHandle(event.dag_id, event.task_id or ""), ()))
        return () if key is None or key in told else (key,)

    def _instances(self, row: TaskInstance) -> list[TaskInstance]:
        """Ask for all instances of a mapped task, no further than the first that has not ended."""
        name = f"{row.dag_id}.{row.run_id}.{row.task_id}"
        instances: list[TaskInstance] = []
        try:
            for page in self.airflow.instances_of_task(row.dag_id, row.run_id, row.task_id):
                instances.extend(page.rows)
                if page.bad_rows or len(instances) > MAX_MAPPED:
                    raise SetAside(f"{name}: {len(page.bad_rows)} unreadable of {len(instances)} and more")
                if any(instance.state not in ENDED for instance in page.rows):
                    break
        except AirflowNotFound as error:
            raise SetAside(f"{name}: {error}") from error
        return instances
