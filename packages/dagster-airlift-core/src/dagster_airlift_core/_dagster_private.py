"""The only places where we need more of Dagster than it promises to keep, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetKey,
    AssetSpec,
    DagsterEventType,
    DagsterInstance,
    Definitions,
)

# Nothing public tells a process that runs a step what the code server had read when it loaded.
from dagster._core.definitions.definitions_load_context import (  # noqa: TID251
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

# The definitions are a record of Dagster's own; only this keeps what else is in them, known to us or not.
from dagster_shared.record import replace

DATA_VERSION_TAG = "dagster/data_version"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"


def has_event(instance: DagsterInstance, key: AssetKey, event_id: str) -> bool:
    """Whether the event log of an asset holds an event whose data version is this id.

    `get_event_tags_for_asset` is a method of the public `DagsterInstance` without the public mark.
    Nothing public finds an event by a tag, and the data version is the one such tag with an index.
    """
    return bool(instance.get_event_tags_for_asset(key, {DATA_VERSION_TAG: event_id}))


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
