"""The places where we need more of Dagster than it promises to keep, each with its reason; of specs in `_dagster_specs`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as db
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetKey,
    AssetSpec,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    Definitions,
    JobDefinition,
    SensorEvaluationContext,
    TimeWindowPartitionsDefinition,
)

# Nothing public tells a process that runs a step what the code server had read when it loaded.
from dagster._core.definitions.definitions_load_context import (  # noqa: TID251
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

# Runs that Dagster did not launch: what failed, and where their job is defined.
from dagster._core.events import JobFailureData  # noqa: TID251
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin  # noqa: TID251

# Where the tags of events are stored: see `stored_events`.
from dagster._core.storage.event_log.schema import AssetEventTagsTable  # noqa: TID251
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage  # noqa: TID251

# What definitions of Dagster are made with: see `with_assets`.
from dagster_shared.record import replace

from dagster_airlift_core.batches import batches

Repository: TypeAlias = RemoteRepositoryOrigin
DATA_VERSION_TAG = "dagster/data_version"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
DIMENSION_TAG_PREFIX = "dagster/partition/"
"""What Dagster reads in the tags of events; it has the names, and none of them is public."""
_AT_ONCE = 100
"""Databases limit the values of one question."""


def stored_events(
    instance: DagsterInstance, wanted: Collection[tuple[AssetKey, str]]
) -> frozenset[tuple[AssetKey, str]]:
    """Return those pairs of asset and id for which the asset's event log holds an event with this data version.

    Nothing public finds an event by a tag, and the data version is the one such tag with an index.
    `get_event_tags_for_asset`, a method of the public `DagsterInstance` without the public mark, asks for one
    at a time, which is 7 ms of CPU; storages that speak SQL can be asked for many at once.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage) or not storage.has_table(AssetEventTagsTable.name):
        return frozenset(
            (key, event_id)
            for key, event_id in wanted
            if instance.get_event_tags_for_asset(key, {DATA_VERSION_TAG: event_id})
        )
    by_text = {key.to_string(): key for key, _ in wanted}
    latest: dict[tuple[AssetKey, str], datetime] = {}
    for some in batches(sorted(wanted, key=lambda pair: pair[1]), _AT_ONCE):
        table = AssetEventTagsTable.c
        query = (
            db.select(table.asset_key, table.value, db.func.max(table.event_timestamp))
            .where(table.asset_key.in_({key.to_string() for key, _ in some}))
            .where(table.key == DATA_VERSION_TAG)
            .where(table.value.in_({event_id for _, event_id in some}))
            .group_by(table.asset_key, table.value)
        )
        with storage.index_connection() as connection:
            found = connection.execute(query).fetchall()
        latest |= {(by_text[text], event_id): at for text, event_id, at in found}
    return frozenset(latest) - _wiped(storage, latest)


def _wiped(
    storage: SqlEventLogStorage, latest: Mapping[tuple[AssetKey, str], datetime]
) -> frozenset[tuple[AssetKey, str]]:
    """Return those of the events that came before their asset was wiped, which forgets them.

    Only the storage tells when that was; the rows of the events stay.
    """
    if not latest:
        return frozenset()
    keys = list({key for key, _ in latest})
    details = storage._get_assets_details(keys)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    wipes = {
        key: datetime.fromtimestamp(of_key.last_wipe_timestamp, UTC).replace(tzinfo=None)
        for key, of_key in zip(keys, details, strict=True)
        if of_key and of_key.last_wipe_timestamp
    }
    return frozenset(pair for pair, at in latest.items() if pair[0] in wipes and at <= wipes[pair[0]])


def latest_evaluations(
    instance: DagsterInstance, checks: Sequence[AssetCheckKey]
) -> Mapping[AssetCheckKey, AssetCheckEvaluation]:
    """Return the latest evaluation of each check that has one; only the storage is asked for many at once."""
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
    evaluations = {check: record.evaluation for check, record in records.items()}
    return {check: one for check, one in evaluations.items() if isinstance(one, AssetCheckEvaluation)}


def with_assets(defs: Definitions, assets: Iterable[Any]) -> Definitions:
    """Return the definitions with these assets instead; everything else in them stays.

    The public `Definitions.merge` adds, and takes nothing away.
    """
    return replace(defs, assets=list(assets))


def tag_run(instance: DagsterInstance, run_id: str, tags: Mapping[str, str]) -> None:
    """Tag a run that has begun: `add_run_tags` is a method of the public `DagsterInstance` without the public mark."""
    instance.add_run_tags(run_id, tags)


def planned(instance: DagsterInstance, run_id: str) -> frozenset[AssetKey]:
    """Return the assets that a run is to materialize; a run itself does not hold them when it runs a whole job.

    `all_logs` is a method of the public `DagsterInstance` without the public mark; public are the events of an asset.
    """
    logs = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    keys = [entry.dagster_event.asset_key for entry in logs if entry.dagster_event]
    return frozenset(key for key in keys if key)


def last_evaluation(instance: DagsterInstance, check: AssetCheckKey) -> AssetCheckEvaluation | None:
    """Return the latest evaluation of a check, and not that one of it is under way; only the storage has a history."""
    cursor: int | None = None
    while records := instance.event_log_storage.get_asset_check_execution_history(check, 10, cursor):
        for record in records:
            if isinstance(record.evaluation, AssetCheckEvaluation):
                return record.evaluation
        cursor = records[-1].id
    return None


def key_at(partitions: TimeWindowPartitionsDefinition, at: float) -> str:
    """Return the key of the last window that had begun at a moment, whether or not the definition goes so far.

    A method of a public class without the public mark. Nothing public goes from a moment to a key.

    Args:
        partitions: The definition.
        at: Seconds since the epoch.
    """
    return partitions.get_partition_key_for_timestamp(at)


def key_ended_at(partitions: TimeWindowPartitionsDefinition, moment: datetime) -> str:
    """Return the key of the last window that had ended at a moment, whether or not the definition goes so far.

    `get_prev_partition_window` has no public mark either.

    Args:
        partitions: The definition.
        moment: The moment.
    """
    window = partitions.get_prev_partition_window(moment, respect_bounds=False)
    assert window is not None  # noqa: S101 - there always is one before, where bounds do not count
    return key_at(partitions, window.start.timestamp())


def free_state_key(key: str) -> str:
    """Return a key that nothing else is stored under in this load: the second of two equal loads gets another."""
    while key in DefinitionsLoadContext.get().get_pending_reconstruction_metadata():
        key += "+"
    return key


def stored_state(key: str) -> str | None:
    """Return what the code server stored; None in the code server itself."""
    context = DefinitionsLoadContext.get()
    is_first = context.load_type is DefinitionsLoadType.INITIALIZATION
    state = None if is_first else context.reconstruction_metadata.get(key)
    return state if isinstance(state, str) else None


def store_state(key: str, state: str) -> None:
    """Store what the processes get that load the same definitions to run a step."""
    DefinitionsLoadContext.get().add_to_pending_reconstruction_metadata(key, state)


def map_specs(defs: Definitions, change: Callable[[AssetSpec], AssetSpec]) -> Definitions:
    """Change every asset spec of some definitions and keep everything else.

    The public `Definitions.map_asset_specs` raises when there is a single `SourceAsset` among them.
    """
    return defs.permissive_map_resolved_asset_specs(func=change, selection=None)


def external_job(name: str, keys: Iterable[AssetKey], tags: Mapping[str, str]) -> JobDefinition:
    """Return a job that Dagster shows and does not run: nothing public makes one of asset keys alone."""
    return JobDefinition.for_external_job(list(keys), name, tags=tags)


def repository_of(context: SensorEvaluationContext) -> Repository | None:
    """Return where the sensor of a tick is defined, without which Dagster's timeline does not find a run."""
    if context.code_location_origin is None or context.repository_name is None:
        return None
    return RemoteRepositoryOrigin(context.code_location_origin, context.repository_name)


def repository_of_run(run: DagsterRun) -> Repository | None:
    """Return where the job of a run is defined, which a run keeps for Dagster alone."""
    return run.remote_job_origin.repository_origin if run.remote_job_origin else None


def add_ended_run(
    instance: DagsterInstance, run: DagsterRun, began_at: datetime, repository: Repository | None
) -> None:
    """Store a run that Dagster did not launch; public is only to launch one."""
    origin = RemoteJobOrigin(repository, run.job_name) if repository else None
    instance.run_storage.add_historical_run(run._replace(remote_job_origin=origin), began_at)  # pyright: ignore[reportPrivateUsage]


def report_at(instance: DagsterInstance, event: DagsterEvent, run_id: str, at: datetime) -> None:
    """Store an event of a run as one of another moment; public are only asset events, of this moment."""
    if event.is_run_failure:
        event = event._replace(event_specific_data=JobFailureData(error=None))  # pyright: ignore[reportPrivateUsage]
    instance.report_dagster_event(event, run_id=run_id, timestamp=at.timestamp())
