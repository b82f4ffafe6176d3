"""How Dagster's answers about assets and code locations are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from airflow.providers.dagster import wire
from airflow.providers.dagster.assets import (
    AssetMapping,
    AssetReference,
    KeyInPartitions,
    MappedAsset,
    MappingIndex,
    MomentInPartitions,
    PartitionKeys,
    Partitions,
    Repository,
)
from airflow.providers.dagster.model import CodeLocation, Work
from airflow.providers.dagster.partition_questions import NO_PARTITION, SPANS, PartitionQuestion
from airflow.providers.dagster.run_answers import message_of

__all__ = [
    "parse_assets",
    "parse_dimensions",
    "parse_executable",
    "parse_jobs",
    "parse_locations",
    "parse_mapping_index",
    "parse_moments",
    "parse_partition_keys",
    "parse_repository_mappings",
]

_AT_MOMENT = ("oldest", "newest", "before", "at", "after")
_AT_KEY = ("oldest", "newest", "near")
_FIELDS = {
    wire.TASK_MAPPING_METADATA_KEY: (wire.INSTANCE_FIELD, wire.DAG_ID_FIELD, wire.TASK_ID_FIELD),
    wire.DAG_MAPPING_METADATA_KEY: (wire.INSTANCE_FIELD, wire.DAG_ID_FIELD),
}


def parse_mapping_index(data: Mapping[str, Any], *, instance: str, dag_id: str) -> MappingIndex:
    """Take what a DAG asset names, and the repositories that it does not speak for, out of the answer."""
    found = [(node, index) for node in data["assetNodes"] if (index := _index(node)) is not None]
    places = {_place(node) for node, _ in found}
    repositories = tuple(_repositories(data["workspaceOrError"]))
    references = (ref for _, index in found for ref in _references(index, instance=instance, dag_id=dag_id))
    return MappingIndex(
        references=tuple(references),
        covered=tuple(each for each in repositories if (each.location, each.name) in places),
        uncovered=tuple(each for each in repositories if (each.location, each.name) not in places),
        missing=tuple(_missing(data["workspaceOrError"])),
    )


def parse_repository_mappings(data: Mapping[str, Any]) -> tuple[AssetReference, ...]:
    """Take the mapped assets out of the answer to REPOSITORY_MAPPINGS; none when the repository is gone by now."""
    nodes = data["repositoryOrError"].get("assetNodes", ())
    read = (AssetReference(_key(node), tuple(_mappings(node["metadataEntries"]))) for node in nodes)
    return tuple(reference for reference in read if reference.mappings)


def parse_jobs(data: Mapping[str, Any]) -> tuple[Work, ...]:
    """Take all jobs out of the answer to JOBS, each as what a run of it would be."""
    return tuple(
        Work(entry["name"], repository["name"], job["name"])
        for entry in data["workspaceOrError"].get("locationEntries", ())
        for repository in _loaded(entry).get("repositories", ())
        for job in repository["jobs"]
    )


def parse_assets(
    data: Mapping[str, Any], partition: PartitionQuestion = NO_PARTITION
) -> tuple[MappedAsset, ...]:
    """Take the assets, and what decides their partition, out of the answer to MAPPED_ASSETS."""
    return tuple(_asset(node, partition) for node in data["assetNodes"])


def parse_executable(data: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Take the keys of the assets that Dagster can run out of the answer to GROUP."""
    return tuple(_key(node) for node in data["assetNodes"] if node["isExecutable"])


def parse_moments(data: Mapping[str, Any]) -> Mapping[tuple[str, ...], MomentInPartitions]:
    """Take the keys around a moment out of the answer to PARTITION_AT."""
    return {_key(node): _moment(node, {}) for node in data["assetNodes"]}


def parse_partition_keys(data: Mapping[str, Any]) -> Mapping[tuple[str, ...], PartitionKeys]:
    """Take a page of keys of each asset out of the answer to PARTITION_KEYS."""
    return {_key(node): _partition_keys(node["partitionKeyConnection"]) for node in data["assetNodes"]}


def parse_dimensions(data: Mapping[str, Any]) -> Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Take the keys of each dimension of each asset out of the answer to PARTITION_DIMENSIONS."""
    return {
        _key(node): tuple(tuple(each["partitionKeys"]) for each in node["partitionKeysByDimension"])
        for node in data["assetNodes"]
    }


def parse_locations(data: Mapping[str, Any]) -> tuple[CodeLocation, ...]:
    """Take the code locations, and what keeps some from being loaded, out of the answer to LOCATIONS."""
    workspace = data["workspaceOrError"]
    if workspace["__typename"] != "Workspace":
        return (CodeLocation("(workspace)", message_of(workspace)),)
    return tuple(map(_location, workspace["locationEntries"]))


def _key(node: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(node["assetKey"]["path"])


def _place(node: Mapping[str, Any]) -> tuple[str, str]:
    repository = node["repository"]
    return repository["location"]["name"], repository["name"]


def _asset(node: Mapping[str, Any], partition: PartitionQuestion) -> MappedAsset:
    location, repository = _place(node)
    return MappedAsset(
        key=_key(node),
        location=location,
        repository=repository,
        is_executable=node["isExecutable"],
        partitions=_partitions(node["partitionDefinition"]),
        mappings=tuple(_mappings(node["metadataEntries"])),
        at_moment=_at_moment(node),
        at_key=_at_key(node, partition.key_start),
    )


def _at_moment(node: Mapping[str, Any]) -> MomentInPartitions | None:
    """Read the keys around a moment, None unless Dagster gives all of them."""
    if any(node.get(name) is None for name in (*_AT_MOMENT, *SPANS)):
        return None
    return _moment(node, {span: tuple(node[name]["results"]) for name, span in SPANS.items()})


def _moment(node: Mapping[str, Any], around: Mapping[int, tuple[str, ...]]) -> MomentInPartitions:
    return MomentInPartitions(
        oldest=_partition_keys(node["oldest"]),
        newest=_partition_keys(node["newest"]),
        before=_partition_keys(node["before"]),
        at=_partition_keys(node["at"]),
        after=_partition_keys(node["after"]),
        around=around,
    )


def _at_key(node: Mapping[str, Any], start: int | None) -> KeyInPartitions | None:
    """Read the keys near a key, None unless Dagster gives all of them."""
    if any(node.get(name) is None for name in _AT_KEY):
        return None
    return KeyInPartitions(
        oldest=_partition_keys(node["oldest"]),
        newest=_partition_keys(node["newest"]),
        near=_partition_keys(node["near"]),
        start=start,
    )


def _partitions(definition: Mapping[str, Any] | None) -> Partitions | None:
    if definition is None:
        return None
    names = tuple(each["name"] for each in definition["dimensionTypes"])
    return Partitions(definition["type"], names, definition["fmt"] or "")


def _partition_keys(connection: Mapping[str, Any] | None) -> PartitionKeys:
    answer = connection or {}
    return PartitionKeys(
        tuple(answer.get("results", ())), answer.get("cursor", ""), answer.get("hasMore", False)
    )


def _missing(workspace: Mapping[str, Any]) -> Iterator[CodeLocation]:
    """Name the locations without repositories; one that is loaded again has those from before, until it is done."""
    for entry in workspace.get("locationEntries", ()):
        if "repositories" not in _loaded(entry):
            yield _location(entry)


def _repositories(workspace: Mapping[str, Any]) -> Iterator[Repository]:
    for entry in workspace.get("locationEntries", ()):
        version = f"{entry['versionKey']}@{entry['updatedTimestamp']}"
        for repository in _loaded(entry).get("repositories", ()):
            yield Repository(entry["name"], repository["name"], version)


def _index(node: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read what a DAG asset says about the assets that are mapped there, None if it says nothing."""
    for entry in node["metadataEntries"]:
        if entry.get("label") == wire.MAPPED_ASSETS_METADATA_KEY:
            value = json.loads(entry["jsonString"])
            return {"tasks": dict(value["tasks"]), "dag": list(value["dag"])}
    return None


def _references(index: Mapping[str, Any], *, instance: str, dag_id: str) -> Iterator[AssetReference]:
    for task_id, keys in (*index["tasks"].items(), ("", index["dag"])):
        for key in keys:
            yield AssetReference(tuple(key), (AssetMapping(instance, dag_id, task_id),))


def _mappings(entries: Iterable[Mapping[str, Any]]) -> Iterator[AssetMapping]:
    """Read the mapping metadata; an entry that is not one is nobody's mapping."""
    for entry in entries:
        fields = _FIELDS.get(entry.get("label", ""))
        if fields is None:
            continue
        value: object = json.loads(entry["jsonString"])
        for item in cast("list[object]", value) if isinstance(value, list) else ():
            mapping = _mapping(item, fields)
            if mapping is not None:
                yield mapping


def _mapping(item: object, names: tuple[str, ...]) -> AssetMapping | None:
    if not isinstance(item, dict):
        return None
    fields = cast("dict[object, object]", item)
    texts = [value for value in map(fields.get, names) if isinstance(value, str)]
    return AssetMapping(*texts) if len(texts) == len(names) else None


def _loaded(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Give what came of loading a location, the error as well; nothing while it has not been loaded."""
    loaded: dict[str, Any] | None = entry["locationOrLoadError"]
    return loaded or {}


def _location(entry: Mapping[str, Any]) -> CodeLocation:
    loaded = _loaded(entry)
    if entry["loadStatus"] != "LOADED":
        return CodeLocation(entry["name"], "it is still loading", is_loading=True)
    return CodeLocation(
        entry["name"], message_of(loaded) if loaded.get("__typename") == "PythonError" else ""
    )
