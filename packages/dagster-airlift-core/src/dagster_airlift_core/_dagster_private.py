"""The only places where we need more of Dagster than it promises to keep, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    DagsterRunStatus,
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

# The definitions are a record of Dagster's own; only this keeps what else is in them, known to us or not.
from dagster_shared.record import replace

from dagster_airlift_core.batches import batches

Repository: TypeAlias = RemoteRepositoryOrigin
DATA_VERSION_TAG = "dagster/data_version"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"
DIMENSION_TAG_PREFIX = "dagster/partition/"
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
    """Return those of the events that came before their asset was wiped, which forgets them."""
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
    """Return the definitions with these assets instead; everything else in them stays."""
    return replace(defs, assets=list(assets))


def tag_run(instance: DagsterInstance, run_id: str, tags: Mapping[str, str]) -> None:
    """Tag a run that has begun: `add_run_tags` is a method of the public `DagsterInstance` without the public mark."""
    instance.add_run_tags(run_id, tags)


def planned(instance: DagsterInstance, run_id: str) -> frozenset[AssetKey]:
    """Return the assets that a run is to materialize; a run itself does not hold them when it runs a whole job."""
    logs = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION_PLANNED)
    keys = [entry.dagster_event.asset_key for entry in logs if entry.dagster_event]
    return frozenset(key for key in keys if key)


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
    """Return where the job of a run is defined."""
    return run.remote_job_origin.repository_origin if run.remote_job_origin else None


@dataclass(frozen=True)
class EndedRun:
    """A run that something else than Dagster has run, with its own times.

    Args:
        run_id: Its id, a UUID.
        job_name: Name of its job.
        tags: Its tags.
        assets: The assets that it is about.
        started_at: When it started.
        ended_at: When it ended.
        failure: Why it failed, None when it succeeded.
    """

    run_id: str
    job_name: str
    tags: Mapping[str, str]
    assets: frozenset[AssetKey]
    started_at: datetime
    ended_at: datetime
    failure: str | None

    def write(self, instance: DagsterInstance, repository: Repository | None) -> bool:
        """Store the run as far as it is not stored; return whether there was something to store.

        Public are only runs that Dagster launches, and events of this moment.

        Args:
            instance: Where it is stored.
            repository: Where its job is defined.
        """
        known = instance.get_run_by_id(self.run_id)
        if known and known.is_finished:
            return False
        if known is None:
            instance.run_storage.add_historical_run(self._run(repository), self.started_at)
        if known is None or known.status is DagsterRunStatus.NOT_STARTED:
            self._report(instance, DagsterEventType.RUN_START, self.started_at)
        ended_as = DagsterEventType.RUN_FAILURE if self.failure else DagsterEventType.RUN_SUCCESS
        self._report(instance, ended_as, self.ended_at)
        return True

    def _run(self, repository: Repository | None) -> DagsterRun:
        origin = RemoteJobOrigin(repository, self.job_name) if repository else None
        return DagsterRun(
            job_name=self.job_name,
            run_id=self.run_id,
            tags=self.tags,
            asset_selection=self.assets,
            status=DagsterRunStatus.NOT_STARTED,
            remote_job_origin=origin,
        )

    def _report(self, instance: DagsterInstance, what: DagsterEventType, at: datetime) -> None:
        has_failed = what is DagsterEventType.RUN_FAILURE
        event = DagsterEvent(
            event_type_value=what.value,
            job_name=self.job_name,
            message=self.failure if has_failed else None,
            event_specific_data=JobFailureData(error=None) if has_failed else None,
        )
        instance.report_dagster_event(event, run_id=self.run_id, timestamp=at.timestamp())
