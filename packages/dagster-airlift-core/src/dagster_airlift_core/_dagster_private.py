"""The only places where we need more of Dagster than it promises to keep, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetDep,
    AssetKey,
    AssetSpec,
    DagsterInstance,
    Definitions,
)

# Nothing public tells a process that runs a step what the code server had read when it loaded.
from dagster._core.definitions.definitions_load_context import (  # noqa: TID251
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

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


def with_facts(
    spec: AssetSpec, metadata: Mapping[str, object], tags: Mapping[str, str] | None = None
) -> AssetSpec:
    """Return a spec with more metadata and tags, in a ninth of the time of `AssetSpec.merge_attributes`.

    That looks again at everything of the spec: its key, dependencies, owners, tags and group. What is added
    must be of the form that Dagster demands.
    """
    return spec._replace(  # pyright: ignore[reportPrivateUsage]
        metadata={**spec.metadata, **metadata}, tags={**spec.tags, **(tags or {})}
    )


def with_deps(spec: AssetSpec, deps: Iterable[AssetKey]) -> AssetSpec:
    """Return a spec that reads more assets; not `AssetSpec.merge_attributes` for the reason of `with_facts`."""
    known = {dep.asset_key for dep in spec.deps}
    added = [AssetDep(key) for key in deps if key not in known]
    return spec._replace(deps=[*spec.deps, *added])  # pyright: ignore[reportPrivateUsage]


def spec_like(
    template: AssetSpec,
    *,
    key: AssetKey,
    deps: Iterable[AssetKey],
    description: str,
    owners: Sequence[str],
    tags: Mapping[str, str],
    metadata: Mapping[str, object],
) -> AssetSpec:
    """Return a spec in the group and of the kinds of another one.

    The template is looked at by Dagster, once and not for each of thousands; what is given must be of the form
    that Dagster demands, and no asset may be among `deps` twice.
    """
    return template._replace(  # pyright: ignore[reportPrivateUsage]
        key=key,
        deps=[AssetDep(dep) for dep in deps],
        description=description,
        owners=owners,
        tags={**template.tags, **tags},
        metadata=metadata,
    )
