"""From what ended in Airflow to asset events with an identity of their own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from dagster import (
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    MetadataValue,
    MultiPartitionKey,
    TimestampMetadataValue,
)

from dagster_airlift_core._dagster_private import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    DIMENSION_TAG_PREFIX,
)
from dagster_airlift_core._dialect import Links
from dagster_airlift_core.model import (
    ENDED,
    ENDED_WELL,
    FAILED,
    NOT_MAPPED,
    SKIPPED,
    SUCCESS,
    UNREACHED,
    AssetUpdate,
    DagRun,
    TaskInstance,
)
from dagster_airlift_core.wire import launch_key

Metadata: TypeAlias = dict[str, str | int | float | MetadataValue[Any]]

INSTANCE_LABEL = "Airflow Instance"
EFFECTIVE_TIMESTAMP = "dagster-airlift/effective-timestamp"
EVENT_ID = "dagster-airlift/event-id"
"""Metadata of the evaluation of a check, which has no tags."""


@dataclass(frozen=True)
class Ended:
    """Something that came to its end in Airflow, well or not, as far as its assets are concerned.

    Args:
        event_id: At most 64 characters; equal for the same end, whenever it is seen.
        of: The task instance, DAG run or event of an asset; of a mapped task the instance that was the last.
        ended_at: When it ended by Airflow's clock, None where Airflow does not know.
        metadata: Metadata of each event.
        launch_keys: One key for each Dagster run that may have done the work, none for DAG runs.
        instances: The task instances that it consists of, none for DAG runs.
        failure: What failed, as a sentence; None for a success.
        state: The state of a failure.
    """

    event_id: str
    of: TaskInstance | DagRun | AssetUpdate
    ended_at: datetime | None
    metadata: Metadata
    launch_keys: frozenset[str] = frozenset()
    instances: tuple[TaskInstance, ...] = ()
    failure: str | None = None
    state: str = FAILED

    @property
    def name(self) -> str:
        """Its name in a log."""
        if isinstance(self.of, AssetUpdate):
            return f"event {self.of.id} of {self.of.uri}"
        task = f".{self.of.task_id}" if isinstance(self.of, TaskInstance) else ""
        return f"{self.of.dag_id}.{self.of.run_id}{task}"

    def event(self, key: AssetKey, partition: str | None = None) -> AssetMaterialization | AssetObservation:
        """Return what it means for one asset: a success materialized it, a failure is observed.

        Args:
            key: Its key.
            partition: The key of the partition that this is about, None for none.
        """
        tags = {
            DATA_VERSION_TAG: self.event_id,
            DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
            **dimension_tags(partition),
        }
        if self.failure is None:
            return AssetMaterialization(asset_key=key, metadata=self.metadata, partition=partition, tags=tags)
        return AssetObservation(
            asset_key=key,
            description=self.failure,
            metadata={**self.metadata, "State": self.state},
            partition=partition,
            tags=tags,
        )


def dimension_tags(partition: str | None) -> Mapping[str, str]:
    """Return the tags by which Dagster knows the dimensions of a partition, none where it has no dimensions.

    Args:
        partition: The key of the partition.
    """
    dimensions = partition.keys_by_dimension if isinstance(partition, MultiPartitionKey) else {}
    return {f"{DIMENSION_TAG_PREFIX}{name}": key for name, key in dimensions.items()}


def task_ended(name: str, links: Links, instance: TaskInstance) -> Ended | None:
    """Return the end of one task instance, None unless it succeeded or failed for good."""
    if instance.state not in (SUCCESS, FAILED):
        return None
    has_failed = instance.state == FAILED
    return Ended(
        event_id=_digest("failed task" if has_failed else "task", name, instance.id),
        of=instance,
        ended_at=instance.ended_at,
        metadata=_task_metadata(name, links, instance),
        launch_keys=frozenset({_launch_key(name, instance)}),
        instances=(instance,),
        failure=f"The task {instance.task_id} of the DAG {instance.dag_id} failed." if has_failed else None,
    )


def task_unreached(name: str, links: Links, instance: TaskInstance) -> Ended:
    """Return as an end that Airflow skipped a task, or did not get to it because something before it failed."""
    task = f"the task {instance.task_id} of the DAG {instance.dag_id}"
    is_skipped = instance.state == SKIPPED
    return Ended(
        event_id=_digest("skipped task" if is_skipped else "unreached task", name, instance.id),
        of=instance,
        ended_at=instance.ended_at,
        metadata=_task_metadata(name, links, instance),
        instances=(instance,),
        failure=f"Airflow skipped {task}."
        if is_skipped
        else f"Airflow did not get to {task}: a task before it failed.",
        state=SKIPPED if is_skipped else UNREACHED,
    )


def mapped_task_ended(name: str, links: Links, instances: Sequence[TaskInstance]) -> Ended | None:
    """Return the one end of a dynamically mapped task, None unless all of its instances have ended.

    It succeeded when one succeeded and none failed: skipped instances and those that a shorter expansion
    removed do not count. It failed when one failed.
    """
    if any(instance.state not in ENDED for instance in instances):
        return None
    bad = [instance for instance in instances if instance.state == FAILED]
    if not bad and any(instance.state not in ENDED_WELL for instance in instances):
        return None
    chosen = sorted(
        bad or [one for one in instances if one.state == SUCCESS], key=lambda instance: instance.id
    )
    if not chosen:
        return None
    last = max(chosen, key=lambda one: (one.ended_at is not None, one.ended_at, one.map_index))
    counts: Metadata = {"Mapped Instances": len(chosen)}
    if bad:
        counts = {"Mapped Instances": len(instances), "Failed Instances": len(bad)}
    what = f"{len(bad)} of {len(instances)} instances of the task {last.task_id} of the DAG {last.dag_id} failed."
    return Ended(
        event_id=_digest("failed mapped task" if bad else "mapped task", name, *(one.id for one in chosen)),
        of=last,
        ended_at=last.ended_at,
        metadata={**_task_metadata(name, links, last), **counts},
        launch_keys=frozenset(_launch_key(name, instance) for instance in chosen),
        instances=tuple(instances),
        failure=what if bad else None,
    )


def dag_run_ended(name: str, links: Links, run: DagRun) -> Ended | None:
    """Return the end of a DAG run, None unless it succeeded or failed."""
    if run.state not in (SUCCESS, FAILED):
        return None
    has_failed = run.state == FAILED
    end = run.ended_at.isoformat() if run.ended_at else ""
    return Ended(
        event_id=_digest("failed dag run" if has_failed else "dag run", name, run.dag_id, run.run_id, end),
        of=run,
        ended_at=run.ended_at,
        metadata={
            **_metadata(name, links, run.dag_id, run.run_id),
            **_times(run.started_at, run.ended_at, run.duration),
            **_logical_date(run.logical_date),
        },
        failure=f"A run of the DAG {run.dag_id} failed." if has_failed else None,
    )


def asset_updated(name: str, links: Links, event: AssetUpdate) -> Ended:
    """Return what Airflow recorded of one of its assets; what came with it, in `extra`, may be anything and stays there."""
    source: Metadata = {}
    if event.dag_id and event.run_id:
        source |= _metadata(name, links, event.dag_id, event.run_id)
    if event.dag_id and event.task_id:
        source |= {
            "Airflow Task ID": event.task_id,
            "View Task": MetadataValue.url(links.task(event.dag_id, event.task_id)),
        }
    if event.map_index > NOT_MAPPED:
        source["Map Index"] = event.map_index
    return Ended(
        # Numbers begin anew when Airflow's database does.
        event_id=_digest("asset event", name, str(event.id), event.at.isoformat()),
        of=event,
        ended_at=event.at,
        metadata={
            INSTANCE_LABEL: name,
            "Airflow Asset URI": event.uri,
            "Airflow Asset Event": event.id,
            **source,
            **_times(None, event.at, None),
        },
    )


def nth_id(event_id: str, number: int) -> str:
    """Return the id of one of several events for the same asset, counted from 0."""
    return _digest("event", event_id, str(number)) if number else event_id


def _task_metadata(name: str, links: Links, instance: TaskInstance) -> Metadata:
    return {
        **_metadata(name, links, instance.dag_id, instance.run_id),
        "Airflow Task ID": instance.task_id,
        "Try Number": instance.try_number,
        **({"Marked by Hand": True} if instance.never_ran else {}),
        **({"Map Index": instance.map_index} if instance.is_mapped else {}),
        **({"Operator": instance.operator} if instance.operator else {}),
        "Task Logs": MetadataValue.url(links.task_instance(instance)),
        **_times(instance.started_at, instance.ended_at, instance.duration),
        **_logical_date(instance.logical_date),
    }


def _metadata(name: str, links: Links, dag_id: str, run_id: str) -> Metadata:
    return {
        INSTANCE_LABEL: name,
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


def _logical_date(instant: datetime | None) -> Metadata:
    return {"Logical Date": TimestampMetadataValue(instant.timestamp())} if instant else {}


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
