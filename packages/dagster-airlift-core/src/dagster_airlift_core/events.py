"""From finished task instances and DAG runs to materializations with an identity of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from dagster import AssetKey, AssetMaterialization, MetadataValue, TimestampMetadataValue

from dagster_airlift_core._dagster_private import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from dagster_airlift_core._dialect import Links
from dagster_airlift_core.model import ENDED_WELL, SUCCESS, DagRun, TaskInstance
from dagster_airlift_core.wire import launch_key

Metadata: TypeAlias = dict[str, str | int | float | MetadataValue[Any]]

EFFECTIVE_TIMESTAMP = "dagster-airlift/effective-timestamp"


@dataclass(frozen=True)
class Success:
    """Something that ended well in Airflow and materializes assets.

    Args:
        event_id: At most 64 characters; equal for the same success, whenever it is seen.
        ended_at: When it ended by Airflow's clock, None where Airflow does not know.
        metadata: Metadata of each event.
        run_id: DAG run id.
        launch_keys: One key for each Dagster run that may have done the work, none for DAG runs.
    """

    event_id: str
    ended_at: datetime | None
    metadata: Metadata
    run_id: str
    launch_keys: frozenset[str] = frozenset()

    def materialization(self, key: AssetKey) -> AssetMaterialization:
        """Return the event for one asset."""
        return AssetMaterialization(
            asset_key=key,
            metadata=self.metadata,
            tags={DATA_VERSION_TAG: self.event_id, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"},
        )


def task_success(name: str, links: Links, instance: TaskInstance) -> Success:
    """Return the success of a task instance that is not mapped."""
    return Success(
        event_id=_digest("task", name, instance.id),
        ended_at=instance.ended_at,
        metadata=_task_metadata(name, links, instance),
        run_id=instance.run_id,
        launch_keys=frozenset({_launch_key(name, instance)}),
    )


def mapped_task_success(name: str, links: Links, instances: Sequence[TaskInstance]) -> Success | None:
    """Return the one success of a dynamically mapped task, None unless all its instances ended well.

    Skipped instances and those that a shorter expansion removed do not count, as long as one succeeded.
    """
    good = sorted((instance for instance in instances if instance.state == SUCCESS), key=lambda one: one.id)
    if not good or any(instance.state not in ENDED_WELL for instance in instances):
        return None
    last = max(good, key=lambda one: (one.ended_at is not None, one.ended_at, one.map_index))
    return Success(
        event_id=_digest("mapped task", name, *(instance.id for instance in good)),
        ended_at=last.ended_at,
        metadata={**_task_metadata(name, links, last), "Mapped Instances": len(good)},
        run_id=last.run_id,
        launch_keys=frozenset(_launch_key(name, instance) for instance in good),
    )


def dag_success(name: str, links: Links, run: DagRun) -> Success:
    """Return the success of a DAG run."""
    end = run.ended_at.isoformat() if run.ended_at else ""
    return Success(
        event_id=_digest("dag run", name, run.dag_id, run.run_id, end),
        ended_at=run.ended_at,
        metadata={
            **_metadata(name, links, run.dag_id, run.run_id),
            **_times(run.started_at, run.ended_at, run.duration),
        },
        run_id=run.run_id,
    )


def _task_metadata(name: str, links: Links, instance: TaskInstance) -> Metadata:
    return {
        **_metadata(name, links, instance.dag_id, instance.run_id),
        "Airflow Task ID": instance.task_id,
        "Try Number": instance.try_number,
        **({"Map Index": instance.map_index} if instance.is_mapped else {}),
        **({"Operator": instance.operator} if instance.operator else {}),
        "Task Logs": MetadataValue.url(links.task_instance(instance)),
        **_times(instance.started_at, instance.ended_at, instance.duration),
    }


def _metadata(name: str, links: Links, dag_id: str, run_id: str) -> Metadata:
    return {
        "Airflow Instance": name,
        "Airflow DAG ID": dag_id,
        "Airflow Run ID": run_id,
        "Run Details": MetadataValue.url(links.dag_run(dag_id, run_id)),
    }


def _times(start: datetime | None, end: datetime | None, duration: timedelta | None) -> Metadata:
    times: Metadata = {}
    if start is not None:
        times["Start Date"] = TimestampMetadataValue(start.timestamp())
    if end is not None:
        times["End Date"] = TimestampMetadataValue(end.timestamp())
        times[EFFECTIVE_TIMESTAMP] = TimestampMetadataValue(end.timestamp())
    if duration is not None:
        times["Duration"] = duration.total_seconds()
    return times


def _launch_key(name: str, instance: TaskInstance) -> str:
    return launch_key(
        instance=name,
        dag_id=instance.dag_id,
        run_id=instance.run_id,
        task_id=instance.task_id,
        map_index=instance.map_index,
        max_tries=instance.max_tries,
    )


def _digest(*identity: str) -> str:
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()
