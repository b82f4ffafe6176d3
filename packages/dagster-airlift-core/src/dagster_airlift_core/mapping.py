"""Which asset belongs to which task or DAG: written into asset metadata, read back from there."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from typing import TypeAlias, TypeVar, cast

from dagster import AssetKey, AssetsDefinition, AssetSpec, JsonMetadataValue

from dagster_airlift_core._dagster_specs import json_metadata, with_facts
from dagster_airlift_core.errors import MappingError
from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.mappable import by_id, mappable, task_handle
from dagster_airlift_core.wire import (
    DAG_ID_FIELD,
    DAG_MAPPING_METADATA_KEY,
    INSTANCE_FIELD,
    TASK_ID_FIELD,
    TASK_MAPPING_METADATA_KEY,
)

_Asset = TypeVar("_Asset", AssetsDefinition, AssetSpec, AssetsDefinition | AssetSpec)
_Handle = TypeVar("_Handle", DagHandle, TaskHandle)
Handle: TypeAlias = DagHandle | TaskHandle


@dataclass(frozen=True, slots=True)
class MappingEntry:
    """One entry of an asset's metadata; `instance` is None until an Airflow instance claims it."""

    handle: Handle
    instance: str | None = None

    def to_metadata(self) -> dict[str, str]:
        """Return the entry as it stands in metadata."""
        entry = {} if self.instance is None else {INSTANCE_FIELD: self.instance}
        entry[DAG_ID_FIELD] = self.handle.dag_id
        if isinstance(self.handle, TaskHandle):
            entry[TASK_ID_FIELD] = self.handle.task_id
        return entry


@dataclass(frozen=True)
class DagIndex:
    """Keys of the assets mapped to the tasks of one DAG, and to the DAG; a key is a list of its parts."""

    tasks: dict[str, list[list[str]]]
    dag: list[list[str]]

    def to_metadata(self) -> JsonMetadataValue:
        """Return the index as it stands in metadata."""
        return json_metadata({"tasks": self.tasks, "dag": self.dag})


@dataclass(frozen=True)
class AssetMapping:
    """The assets of each task and DAG of one Airflow instance.

    Args:
        tasks: Keys of the assets that a task materializes.
        dags: Keys of the assets that a successful run of a DAG materializes.
        uris: The key of each of Airflow's own assets, by URI.
    """

    tasks: Mapping[TaskHandle, tuple[AssetKey, ...]]
    dags: Mapping[DagHandle, tuple[AssetKey, ...]]
    uris: Mapping[str, AssetKey] = field(default_factory=dict[str, AssetKey])

    @classmethod
    def of(cls, instance: str, specs: Iterable[AssetSpec]) -> AssetMapping:
        """Return what the specs say about one Airflow instance.

        Raises:
            MappingError: The metadata of a spec is not of the form that we write.
        """
        tasks: dict[TaskHandle, dict[AssetKey, None]] = defaultdict(dict)
        dags: dict[DagHandle, dict[AssetKey, None]] = defaultdict(dict)
        for spec in specs:
            for handle in handles_of(spec, instance):
                if isinstance(handle, TaskHandle):
                    tasks[handle][spec.key] = None
                else:
                    dags[handle][spec.key] = None
        return cls(
            {handle: tuple(keys) for handle, keys in tasks.items()},
            {handle: tuple(keys) for handle, keys in dags.items()},
        )

    @property
    def dag_ids(self) -> frozenset[str]:
        """Ids of the DAGs that have a mapped task, or are mapped themselves."""
        return frozenset(handle.dag_id for handle in (*self.tasks, *self.dags))

    @cached_property
    def fingerprint(self) -> str:
        """Equal for equal mappings, in every process."""
        levels = (*self.tasks.items(), *self.dags.items())
        entries = [[*astuple(handle), key.to_user_string()] for handle, keys in levels for key in keys]
        entries += [["", uri, key.to_user_string()] for uri, key in self.uris.items()]
        return hashlib.sha256(json.dumps(sorted(entries)).encode()).hexdigest()[:16]

    def keys_by_dag(self) -> Mapping[str, frozenset[AssetKey]]:
        """Return all mapped assets of each DAG, whatever their level."""
        found: dict[str, set[AssetKey]] = defaultdict(set)
        for handle, keys in (*self.tasks.items(), *self.dags.items()):
            found[handle.dag_id].update(keys)
        return {dag_id: frozenset(keys) for dag_id, keys in found.items()}

    def index_by_dag(self) -> Mapping[str, DagIndex]:
        """Return what the asset of each DAG says about the assets mapped there, for the Airflow side."""
        found: dict[str, DagIndex] = defaultdict(lambda: DagIndex({}, []))
        for handle, keys in self.tasks.items():
            found[handle.dag_id].tasks[handle.task_id] = [list(key.path) for key in keys]
        for handle, keys in self.dags.items():
            found[handle.dag_id].dag.extend(list(key.path) for key in keys)
        return dict(found)

    def with_others(self, specs: Iterable[AssetSpec], instance: str) -> AssetMapping:
        """Return the mapping with what more specs say.

        Raises:
            MappingError: The metadata of a spec is not of the form that we write.
        """
        more = AssetMapping.of(instance, specs)
        return replace(self, tasks=_union(self.tasks, more.tasks), dags=_union(self.dags, more.dags))

    def with_dag_assets(self, keys: Mapping[str, AssetKey]) -> AssetMapping:
        """Return the mapping with one more asset for each of these DAGs."""
        more = {DagHandle(dag_id): (key,) for dag_id, key in keys.items()}
        return replace(self, dags=_union(self.dags, more))


def _union(
    some: Mapping[_Handle, tuple[AssetKey, ...]], more: Mapping[_Handle, tuple[AssetKey, ...]]
) -> Mapping[_Handle, tuple[AssetKey, ...]]:
    changed = {handle: tuple(dict.fromkeys((*some.get(handle, ()), *keys))) for handle, keys in more.items()}
    return {**some, **changed}


def assets_with_task_mappings(dag_id: str, task_mappings: Mapping[str, Iterable[_Asset]]) -> Sequence[_Asset]:
    """Say which assets the tasks of a DAG materialize.

    An asset that is mapped already keeps its mappings and gets these too.

    Args:
        dag_id: DAG id.
        task_mappings: Task id to assets, specs as well as definitions; one asset may have several tasks.

    Returns:
        The assets, of the same kinds, with the mapping in their metadata. The arguments stay as they are.

    Raises:
        MappingError: Something is no list of assets, or two different specs have the same key.
    """
    named = by_id(f"The tasks of the DAG {dag_id!r}", task_mappings)
    return _mapped({TaskHandle(dag_id, task_id): assets for task_id, assets in named.items()})


def assets_with_dag_mappings(dag_mappings: Mapping[str, Iterable[_Asset]]) -> Sequence[_Asset]:
    """Say which assets a successful run of a DAG materializes.

    Args:
        dag_mappings: DAG id to assets, specs as well as definitions; one asset may have several DAGs.

    Returns:
        The assets, of the same kinds, with the mapping in their metadata. The arguments stay as they are.

    Raises:
        MappingError: Something is no list of assets, or two different specs have the same key.
    """
    named = by_id("DAGs", dag_mappings)
    return _mapped({DagHandle(dag_id): assets for dag_id, assets in named.items()})


def assets_with_multiple_task_mappings(
    assets: Iterable[_Asset], task_handles: Iterable[TaskHandle | Mapping[str, str]]
) -> Sequence[_Asset]:
    """Say that each of several tasks, of one or more DAGs, materializes the same assets.

    Args:
        assets: Assets, specs as well as definitions.
        task_handles: The tasks; `{"dag_id": …, "task_id": …}` is understood too.

    Returns:
        The assets, of the same kinds, with the mapping in their metadata. The arguments stay as they are.

    Raises:
        MappingError: Something is no task or no list of assets, or two different specs have the same key.
    """
    if isinstance(task_handles, (TaskHandle, str, Mapping)):
        raise MappingError(
            f"Expected a list of tasks, found {task_handles!r}. Give [TaskHandle('etl', 'load')]."
        )
    tasks = [task_handle(task) for task in task_handles]
    found = mappable(
        ", ".join(f"The task {task.task_id!r} of the DAG {task.dag_id!r}" for task in tasks), assets
    )
    return _mapped(dict.fromkeys(tasks, found))


def _mapped(assets_of: Mapping[Handle, Iterable[_Asset]]) -> Sequence[_Asset]:
    """Return each asset once, with all the handles that it was given."""
    found: dict[object, _Asset] = {}
    entries: dict[object, list[MappingEntry]] = defaultdict(list)
    for handle, assets in assets_of.items():
        for asset in mappable(handle, assets):
            identity = asset.key if isinstance(asset, AssetSpec) else id(asset)
            known = found.setdefault(identity, asset)
            if known is not asset and known != asset:
                raise MappingError(
                    f"Two different specs of the asset {identity} are mapped, one of them to {handle}. "
                    "Make the spec once and map it to both."
                )
            entries[identity].append(MappingEntry(handle))
    return [_changed(asset, entries[identity]) for identity, asset in found.items()]


def _changed(asset: _Asset, new: Sequence[MappingEntry]) -> _Asset:
    def change(spec: AssetSpec) -> AssetSpec:
        return with_entries(spec, (*entries_of(spec), *new))

    changed = change(asset) if isinstance(asset, AssetSpec) else asset.map_asset_specs(change)
    return cast("_Asset", changed)


def entries_of(spec: AssetSpec, instance: str | None = None) -> tuple[MappingEntry, ...]:
    """Return the mapping in the metadata of a spec.

    Args:
        spec: The spec.
        instance: Name of the Airflow instance of those entries that name none.

    Raises:
        MappingError: It is not of the form that we write.
    """
    written = [
        (key, value)
        for key in (TASK_MAPPING_METADATA_KEY, DAG_MAPPING_METADATA_KEY)
        if (value := spec.metadata.get(key)) is not None
    ]
    return tuple([_entry(spec, key, item, instance) for key, value in written for item in _items(value)])


def _items(value: object) -> Sequence[object]:
    if isinstance(value, JsonMetadataValue):
        value = value.data
    return cast("Sequence[object]", value) if isinstance(value, (list, tuple)) else (value,)


def _entry(spec: AssetSpec, key: str, item: object, unclaimed: str | None) -> MappingEntry:
    fields = cast("Mapping[object, object]", item) if isinstance(item, (dict, Mapping)) else {}
    dag_id, task_id, named = fields.get(DAG_ID_FIELD), fields.get(TASK_ID_FIELD), fields.get(INSTANCE_FIELD)
    instance = named if named and isinstance(named, str) else unclaimed
    if isinstance(dag_id, str) and dag_id:
        if key == DAG_MAPPING_METADATA_KEY:
            return MappingEntry(DagHandle(dag_id), instance)
        if isinstance(task_id, str) and task_id:
            return MappingEntry(TaskHandle(dag_id, task_id), instance)
    raise MappingError(
        f"The metadata {key!r} of the asset {spec.key.to_user_string()!r} has the entry {item!r}. "
        "Write it with assets_with_task_mappings or assets_with_dag_mappings."
    )


def with_entries(spec: AssetSpec, entries: Sequence[MappingEntry]) -> AssetSpec:
    """Return the spec with exactly these entries, each of them once."""
    return with_facts(spec, mapping_metadata(entries))


def mapping_metadata(entries: Sequence[MappingEntry]) -> Mapping[str, JsonMetadataValue]:
    """Return the metadata in which these entries stand, each of them once."""
    tasks: list[Mapping[str, str]] = []
    dags: list[Mapping[str, str]] = []
    for entry in dict.fromkeys(entries):
        (tasks if isinstance(entry.handle, TaskHandle) else dags).append(entry.to_metadata())
    return {
        key: json_metadata(written)
        for key, written in ((TASK_MAPPING_METADATA_KEY, tasks), (DAG_MAPPING_METADATA_KEY, dags))
        if written
    }


def claimed(spec: AssetSpec, instance: str) -> AssetSpec:
    """Return the spec with the name of an Airflow instance in every entry that has none yet."""
    entries = entries_of(spec, instance)
    return spec if entries == entries_of(spec) else with_entries(spec, entries)


def handles_of(spec: AssetSpec, instance: str) -> tuple[Handle, ...]:
    """Return the tasks and DAGs of one Airflow instance that an asset is mapped to."""
    return tuple([entry.handle for entry in entries_of(spec) if entry.instance == instance])
