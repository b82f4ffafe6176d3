"""The assets and code locations of the fake Dagster, and what it answers about them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from airflow.providers.dagster import wire
from airflow.providers.dagster._fake_partitions import FakePartitions

__all__ = ["FakeAssets"]

Node = dict[str, Any]
_FIELDS = ("assetKey", "repository", "metadataEntries")


class FakeAssets:
    """The assets, jobs and code locations of a fake Dagster.

    Attributes:
        nodes: Assets as Dagster answers them, by key; see `add`.
        partitions: How those that are partitioned are.
        materializations: Of an asset: partition, moment in seconds since the epoch, run id.
        jobs: Location and name of each job.
        broken_locations: Name and error of the code locations that did not load.
        loading_locations: Names of those that are loading.
        versions: How often each code location has been reloaded.
    """

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, ...], Node] = {}
        self.partitions: dict[tuple[str, ...], FakePartitions] = {}
        self.materializations: dict[tuple[str, ...], list[tuple[str, float, str]]] = {}
        self.jobs: list[tuple[str, str]] = []
        self.broken_locations: dict[str, str] = {}
        self.loading_locations: list[str] = []
        self.versions: dict[str, int] = {}
        self._process = uuid.uuid4().hex  # a Dagster that takes over a port is another one

    def add(
        self, key: str, location: str, repository: str, *, is_executable: bool, group: str = "default"
    ) -> Node:
        """Define an asset, `a/b`."""
        path = key.split("/")
        node: Node = {
            "assetKey": {"path": path},
            "isExecutable": is_executable,
            "repository": {"name": repository, "location": {"name": location}},
            "metadataEntries": [{}],
            "groupName": group,
        }
        self.nodes[tuple(path)] = node
        return node

    def index(self, instance: str, dag_id: str, location: str) -> None:
        """Define the asset of a DAG, which names what the location has mapped to it so far."""
        tasks: dict[str, list[list[str]]] = {}
        dag: list[list[str]] = []
        for node in self._of(location):
            for entry in node["metadataEntries"]:
                for item in json.loads(entry.get("jsonString", "[]")) if entry else ():
                    if (item.get(wire.INSTANCE_FIELD), item[wire.DAG_ID_FIELD]) == (instance, dag_id):
                        task = item.get(wire.TASK_ID_FIELD)
                        (tasks.setdefault(task, []) if task else dag).append(node["assetKey"]["path"])
        node = self.add(f"{instance}/dag/{dag_id}", location, "__repository__", is_executable=False)
        node["metadataEntries"] = [
            {
                "label": wire.MAPPED_ASSETS_METADATA_KEY,
                "jsonString": json.dumps({"tasks": tasks, "dag": dag}),
            }
        ]

    @property
    def answers(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        """What answers each operation."""
        return {
            "AirflowMappingIndex": lambda v: {
                "assetNodes": [_cut(node, *_FIELDS) for node in self._named(v["dagAssets"])],
                **self._workspace(),
            },
            "AirflowRepositoryMappings": lambda v: {"repositoryOrError": self._repository(v["repository"])},
            "AirflowGroup": lambda v: {"assetNodes": self._in_group(v["group"])},
            "AirflowMappedAssets": self._mapped,
            "AirflowPartitionAt": lambda v: {"assetNodes": [*map(self._around(v), self._named(v["keys"]))]},
            "AirflowPartitionKeys": lambda v: {"assetNodes": [*map(self._keys(v), self._named(v["keys"]))]},
            "AirflowPartitionDimensions": lambda v: {
                "assetNodes": [
                    {**_cut(node, "assetKey"), "partitionKeysByDimension": self._how(node).dimensions}
                    for node in self._named(v["keys"])
                ]
            },
            "AirflowMaterializations": lambda v: {"assetOrError": self._materialized(v)},
            "AirflowLocations": lambda _: self._workspace(),
            "AirflowJobs": lambda _: self._workspace(),
        }

    def _named(self, keys: Iterable[Mapping[str, list[str]]]) -> list[Node]:
        found = (self.nodes.get(tuple(key["path"])) for key in keys)
        return [node for node in found if node]

    def _of(self, location: str) -> list[Node]:
        return [node for node in self.nodes.values() if node["repository"]["location"]["name"] == location]

    def _repository(self, selector: Mapping[str, str]) -> dict[str, Any]:
        nodes = [
            _cut(node, "assetKey", "metadataEntries")
            for node in self._of(selector["repositoryLocationName"])
            if node["repository"]["name"] == selector["repositoryName"]
        ]
        return {"__typename": "Repository", "assetNodes": nodes}

    def _in_group(self, selector: Mapping[str, str]) -> list[Node]:
        return [
            _cut(node, "assetKey", "isExecutable")
            for node in self._of(selector["repositoryLocationName"])
            if node["repository"]["name"] == selector["repositoryName"]
            and node["groupName"] == selector["groupName"]
        ]

    def _how(self, node: Node) -> FakePartitions:
        return self.partitions[tuple(node["assetKey"]["path"])]

    def _definition(self, node: Node) -> dict[str, Any]:
        partitions = self.partitions.get(tuple(node["assetKey"]["path"]))
        return {"partitionDefinition": partitions.definition if partitions else None}

    def _mapped(self, v: dict[str, Any]) -> dict[str, Any]:
        nodes: list[Node] = []
        refused: list[list[str | int]] = []
        for place, node in enumerate(self._named(v["keys"])):
            how = self.partitions.get(tuple(node["assetKey"]["path"]))
            answered: Node = dict.fromkeys(_decisive(v))
            for name, (limit, ascending) in _decisive(v).items() if how else ():
                try:
                    answered[name] = how.page(limit, ascending=ascending, cursor=v.get(name)) if how else None
                except ValueError:
                    refused.append(["assetNodes", place, name])
            nodes.append({**node, **self._definition(node), **answered})
        errors = [{"message": "not such a cursor", "path": path} for path in refused]
        return {"assetNodes": nodes, **({"errors": errors} if errors else {})}

    def _around(self, v: dict[str, Any]) -> Callable[[Node], dict[str, Any]]:
        def answer(node: Node) -> dict[str, Any]:
            page = self._how(node).page
            return {
                **_cut(node, "assetKey"),
                "oldest": page(1, ascending=True, cursor=None),
                "newest": page(v["limit"], ascending=False, cursor=None),
                "before": page(1, ascending=False, cursor=v["before"]),
                "at": page(1, ascending=True, cursor=v["at"]),
                "after": page(1, ascending=True, cursor=v["after"]),
            }

        return answer

    def _keys(self, v: dict[str, Any]) -> Callable[[Node], dict[str, Any]]:
        def answer(node: Node) -> dict[str, Any]:
            page = self._how(node).page(v["limit"], ascending=True, cursor=v["cursor"])
            return {**_cut(node, "assetKey"), "partitionKeyConnection": page}

        return answer

    def _materialized(self, v: dict[str, Any]) -> dict[str, Any]:
        key = tuple(v["key"]["path"])
        events = [
            {"runId": run_id, "timestamp": str(int(moment * 1000))}
            for partition, moment, run_id in reversed(self.materializations.get(key, []))
            if moment * 1000 > float(v["after"]) and partition in (v["partitions"] or [partition])
        ]
        known = key in self.nodes or key in self.materializations
        return {"__typename": "Asset", "hasDefinitionOrRecord": known, "assetMaterializations": events[:1]}

    def _workspace(self) -> dict[str, Any]:
        places = [
            ("defs", "__repository__"),
            *((n["repository"]["location"]["name"], n["repository"]["name"]) for n in self.nodes.values()),
            *((location, "__repository__") for location, _ in self.jobs),
        ]
        names = [*dict.fromkeys(location for location, _ in places)]
        entries = [
            *(_location(name, "LOADING", {}) for name in self.loading_locations),
            *(
                _location(name, "LOADED", {"__typename": "PythonError", "message": message})
                for name, message in self.broken_locations.items()
            ),
            *(_location(name, "LOADED", self._loaded(name, places), self._version(name)) for name in names),
        ]
        return {"workspaceOrError": {"__typename": "Workspace", "locationEntries": entries}}

    def _version(self, location: str) -> str:
        return f"{self._process}-{self.versions.get(location, 0)}"

    def _loaded(self, name: str, places: Iterable[tuple[str, str]]) -> dict[str, Any]:
        jobs = [{"name": job} for location, job in self.jobs if location == name]
        repositories = dict.fromkeys(repository for location, repository in places if location == name)
        return {
            "__typename": "RepositoryLocation",
            "repositories": [{"name": repository, "jobs": jobs} for repository in repositories],
        }


def _decisive(v: Mapping[str, Any]) -> dict[str, tuple[int, bool]]:
    """Say how many keys are asked for that decide about a partition, and whether the oldest ones, by field."""
    asked: dict[str, tuple[int, bool]] = {}
    if v["withPartitions"]:
        asked |= {"oldest": (1, True), "newest": (v["newestLimit"], False)}
    if v["atMoment"]:
        asked |= {"before": (1, False), "at": (1, True), "after": (1, True)}
        asked |= dict.fromkeys(("hours", "days", "months"), (v["span"], True))
    if v["nearKey"]:
        asked |= {"near": (v["nearLimit"], True)}
    return asked


def _cut(node: Node, *names: str) -> Node:
    return {name: node[name] for name in names}


def _location(name: str, status: str, loaded: Mapping[str, Any], version: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "loadStatus": status,
        "versionKey": version,
        "updatedTimestamp": 0.0,
        "locationOrLoadError": loaded or None,
    }
