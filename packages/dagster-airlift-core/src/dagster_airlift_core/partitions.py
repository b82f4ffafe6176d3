"""Which partition of an asset a DAG run is for, by the rules of the Airflow side for the tasks that it proxies."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias, get_args

from dagster import (
    AssetKey,
    AssetSpec,
    MultiPartitionKey,
    MultiPartitionsDefinition,
    PartitionsDefinition,
    TimeWindowPartitionsDefinition,
)

from dagster_airlift_core._dagster_private import key_at, key_ended_at
from dagster_airlift_core.errors import PartitionError
from dagster_airlift_core.model import DagRun

PartitionSource: TypeAlias = Literal["data_interval_start", "data_interval_end", "logical_date", "run_after"]
"""The moments of a DAG run that can name the partition; the Airflow side has the same."""
PARTITION_SOURCES: tuple[PartitionSource, ...] = get_args(PartitionSource)
Partitions: TypeAlias = PartitionsDefinition[Any]
PartitionKeyFn: TypeAlias = Callable[[DagRun, Partitions], str | None]
"""Names the partition of an asset that a DAG run is for, None for none."""


@dataclass(frozen=True)
class Placement:
    """The partition that a DAG run is for.

    Args:
        key: Its key, a `MultiPartitionKey` where the partitions have dimensions; None when the run fits none.
        why_none: What keeps the run from having one, empty where it has one or none is wanted.
    """

    key: str | None = None
    why_none: str = ""


@dataclass(frozen=True)
class Partitioning:
    """How assets are partitioned, and what decides which partition of them a DAG run is for.

    Args:
        partitions: The partitions of each asset that has some.
        source: Which moment of a DAG run names the partition, where nothing else does.
        key_fn: Names the partition instead, None for the rules of `place`.
    """

    partitions: Mapping[AssetKey, Partitions] = field(default_factory=dict[AssetKey, Partitions])
    source: PartitionSource = "data_interval_start"
    key_fn: PartitionKeyFn | None = None

    @classmethod
    def of(
        cls, specs: Iterable[AssetSpec], source: PartitionSource, key_fn: PartitionKeyFn | None
    ) -> Partitioning:
        """Return how the assets of some specs are partitioned.

        Args:
            specs: The specs.
            source: Which moment of a DAG run names the partition, where nothing else does.
            key_fn: Names the partition instead.

        Raises:
            ValueError: There is no such source.
        """
        return cls({spec.key: spec.partitions_def for spec in specs if spec.partitions_def}, source, key_fn)

    def place(self, key: AssetKey, run: DagRun) -> Placement:
        """Return the partition of an asset that a DAG run is for; an asset that is not partitioned has none.

        Args:
            key: The key of the asset.
            run: The DAG run.

        Raises:
            PartitionError: The function that names partitions raised something, or the partitions themselves did.
        """
        partitions = self.partitions.get(key)
        if partitions is None:
            return Placement()
        with _naming(f"{key.to_user_string()}: its partition for {run.dag_id}.{run.run_id}"):
            if self.key_fn is None:
                return place(run, partitions, self.source)
            chosen = self.key_fn(run, partitions)
            return given(partitions, chosen) if chosen else Placement()

    def given(self, key: AssetKey, partition_key: str | None) -> Placement:
        """Return the partition of an asset of which Airflow knows no more than a key of its own.

        Args:
            key: The key of the asset.
            partition_key: Airflow's partition key, None for none.

        Raises:
            PartitionError: The partitions raised something.
        """
        if not partition_key:
            return Placement(why_none="it comes without a partition key")
        with _naming(f"{key.to_user_string()}: its partition {partition_key!r}"):
            return given(self.partitions[key], partition_key)


@contextmanager
def _naming(what: str) -> Generator[None]:
    try:
        yield
    except Exception as error:
        raise PartitionError(f"{what} cannot be told, {type(error).__name__}: {error}") from error


def place(run: DagRun, partitions: Partitions, source: PartitionSource) -> Placement:
    """Return the partition that a DAG run is for.

    The partition key of the run itself decides, where Airflow gave it one. Otherwise it is the window that holds the
    moment of the run; where the data interval is empty, as Airflow 3 makes it of a cron expression, the last window
    that had ended then. A run without that moment is in the window in which it was due.

    Args:
        run: The DAG run.
        partitions: The partitions of the asset.
        source: Which moment of the run it is.
    """
    timed = partitions if isinstance(partitions, TimeWindowPartitionsDefinition) else None
    if run.partition_key:
        if timed and run.partition_date:
            return _holding(timed, run.partition_date, "partition date")
        return given(partitions, run.partition_key)
    if timed is None:
        return Placement(
            why_none="its partitions are not windows of time, and the DAG run has no partition key"
        )
    if source == "data_interval_start" and (ended := run.empty_interval):
        return _ended(timed, ended)
    moment: datetime | None = getattr(run, source)
    name = source.replace("_", " ") if moment else "due time"
    return _holding(timed, moment or run.run_after, name)


def given(partitions: Partitions, key: str) -> Placement:
    """Return the partition of a key that somebody else has chosen.

    Args:
        partitions: The partitions of the asset.
        key: The key.
    """
    if not partitions.has_partition_key(key):
        return Placement(why_none=f"it has no partition {key!r}")
    if isinstance(partitions, MultiPartitionsDefinition):
        return Placement(
            MultiPartitionKey(dict(zip(partitions.partition_dimension_names, key.split("|"), strict=True)))
        )
    return Placement(key)


def _holding(partitions: TimeWindowPartitionsDefinition, moment: datetime | None, name: str) -> Placement:
    if moment is None:
        return Placement(
            why_none="the DAG run has no data interval, no logical date and no time at which it was due"
        )
    at = moment.timestamp()
    key = key_at(partitions, at)
    if partitions.has_partition_key(key):
        window = partitions.time_window_for_partition_key(key)
        if window.start.timestamp() <= at < window.end.timestamp():
            return Placement(key)
    return Placement(why_none=f"it has no partition for the {name} {moment.isoformat()} of the DAG run")


def _ended(partitions: TimeWindowPartitionsDefinition, moment: datetime) -> Placement:
    """Return the last window that had ended; one that the definition does not have stands for none before it."""
    key = key_ended_at(partitions, moment)
    if partitions.has_partition_key(key):
        return Placement(key)
    return Placement(
        why_none=f"it has no partition that had just ended at {moment.isoformat()}, when the DAG run was due"
    )
