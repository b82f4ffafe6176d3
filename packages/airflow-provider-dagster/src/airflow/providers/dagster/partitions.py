"""Which partition of its assets a task is for: chosen from Airflow's run, named and checked by Dagster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow.providers.dagster.assets import MappedAsset
from airflow.providers.dagster.exceptions import InvalidPartition
from airflow.providers.dagster.model import PARTITION_TAG
from airflow.providers.dagster.partition_keys import PartitionCheck
from airflow.providers.dagster.partition_questions import PartitionQuestion

__all__ = ["PARTITION_SOURCES", "Choice", "check_use", "choose_partition", "partition_tags"]

PARTITION_SOURCES = ("data_interval_start", "data_interval_end", "logical_date", "run_after")
"""The moments of a DAG run that can decide about the partition."""
_TIME_WINDOW = "TIME_WINDOW"
_GIVEN = "partition_key"


@dataclass(frozen=True)
class Choice:
    """What Airflow says about the partition.

    Args:
        source: Where that comes from.
        key: The key itself, empty unless it is given.
        moment: A moment in the partition, in seconds since the epoch; None unless there is one.
        has_ended: Whether the partition is the last one that has ended at that moment, instead of that which holds it.
    """

    source: str
    key: str = ""
    moment: int | None = None
    has_ended: bool = False

    @property
    def question(self) -> PartitionQuestion:
        """What to ask of partitions together with the assets."""
        return PartitionQuestion(self.moment, self.key)


def choose_partition(context: Mapping[str, Any], *, partition_key: str | None, source: str) -> Choice:
    """Choose what names the partition: the given key, else Airflow's own, else a moment of the DAG run.

    Args:
        context: Airflow's context of the task instance.
        partition_key: The key that the DAG's author gives; None for none.
        source: Which moment of the DAG run it is else, one of `PARTITION_SOURCES`.

    Returns:
        The choice. Nobody has to have a partition, so it may hold neither a key nor a moment.

    Raises:
        ValueError: There is no such source.
        InvalidPartition: The key is empty.
    """
    if source not in PARTITION_SOURCES:
        raise ValueError(
            f"partition_source is {source!r}. Choose one of {', '.join(map(repr, PARTITION_SOURCES))}."
        )
    if partition_key == "":
        raise InvalidPartition(
            "`partition_key` is empty, as a template may have left it. Correct it, or leave the argument out to run the "
            "partition of the Airflow run."
        )
    if partition_key is not None:
        return Choice(_GIVEN, key=str(partition_key))
    # Airflow 3.3: a run may be for a partition of Airflow's own.
    key, date = context.get("partition_key"), context.get("partition_date")
    moment = date if key else _moment(context, source)
    return Choice(
        "the partition key of the Airflow run" if key else source,
        key=str(key or ""),
        moment=int(moment.timestamp()) if isinstance(moment, datetime) else None,
        has_ended=not key and source == "data_interval_start" and _is_empty_interval(context),
    )


def _is_empty_interval(context: Mapping[str, Any]) -> bool:
    # Airflow 3 reads a cron expression as moments without an interval: a run at midnight is for the day before, as it
    # was in Airflow 2, where the interval started then.
    start = context.get("data_interval_start")
    return start is not None and start == context.get("data_interval_end")


def _moment(context: Mapping[str, Any], source: str) -> object:
    if source == "run_after":
        return getattr(context.get("dag_run"), "run_after", None)
    return context.get(source)


def check_use(assets: Sequence[MappedAsset], choice: Choice) -> None:
    """Make sure that a key which the DAG's author gives is one for some asset.

    Args:
        assets: All assets of a task.
        choice: What Airflow says about the partition.

    Raises:
        InvalidPartition: None of them is partitioned.
    """
    if choice.source == _GIVEN and assets and not any(asset.partitions for asset in assets):
        names = ", ".join(asset.name for asset in assets)
        raise InvalidPartition(
            f"`partition_key` is {choice.key!r}, but Dagster's assets {names} are not partitioned. Partition them in "
            "Dagster, or leave the argument out."
        )


def partition_tags(assets: Sequence[MappedAsset], choice: Choice, check: PartitionCheck) -> Mapping[str, str]:
    """Name the one partition of the assets that a run is for.

    Args:
        assets: Assets of one code location; if a partition was asked for with them, then that of the choice.
        choice: What Airflow says about the partition.
        check: Asks Dagster.

    Returns:
        Tags for the run; none when no asset is partitioned.

    Raises:
        InvalidPartition: Dagster has no such partition, or the assets have different ones.
        DagsterApiError: Dagster cannot be asked.
    """
    partitioned = [asset for asset in assets if asset.partitions]
    if not partitioned:
        return {}
    timed = [asset for asset in partitioned if asset.partitions and asset.partitions.kind == _TIME_WINDOW]
    by_moment = timed if choice.moment is not None else []
    others = [asset for asset in partitioned if asset not in by_moment]
    if others and not choice.key:
        raise InvalidPartition(_no_choice(others, choice))
    keys = {
        **(_at_moment(by_moment, choice.moment, choice, check) if choice.moment is not None else {}),
        **check.given(others, choice.key),
    }
    if len(set(keys.values())) > 1:
        raise InvalidPartition(_different(keys))
    key = next(iter(keys.values()))
    dimensions = next((a.partitions.dimensions for a in others if a.partitions), ())
    parts = zip(dimensions, key.split("|"), strict=True) if len(dimensions) > 1 else ()
    return {PARTITION_TAG: key, **{f"{PARTITION_TAG}/{name}": part for name, part in parts}}


def _at_moment(
    assets: Sequence[MappedAsset], moment: int, choice: Choice, check: PartitionCheck
) -> Mapping[tuple[str, ...], str]:
    if choice.has_ended:
        return check.keys_ended_at(assets, moment, choice.source)
    return check.keys_at(assets, moment, choice.source)


def _no_choice(assets: Iterable[MappedAsset], choice: Choice) -> str:
    kinds = ", ".join(
        f"{asset.name} ({asset.partitions.kind.lower()})" for asset in assets if asset.partitions
    )
    timed = all(asset.partitions and asset.partitions.kind == _TIME_WINDOW for asset in assets)
    if not timed:
        return f"The assets {kinds} are partitioned, and nothing says which partition to run: give a `partition_key`."
    return (
        f"The assets {kinds} are partitioned by time, and the Airflow run has no {choice.source}, as one that was "
        'triggered by hand or by an asset. Give a `partition_key`, or `partition_source="run_after"` to take the moment '
        "for which the run was made."
    )


def _different(keys: Mapping[tuple[str, ...], str]) -> str:
    named = ", ".join(f"{'/'.join(asset)} {key!r}" for asset, key in keys.items())
    return (
        f"One Dagster run is for one partition, but the assets of this task would need different ones: {named}. "
        "Map them to different tasks."
    )
