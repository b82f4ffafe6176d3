"""The resources of a project, indexed by what selection methods ask for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath
from typing import Self

from dagster_airlift_dbt.fqn import FqnIndex, is_pattern
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.paths import ProjectTree, folders_of

# dbt keeps these in one collection, `nodes`, and some of its methods look there alone.
_OUTSIDE_OF_NODES = frozenset(
    {"source", "exposure", "metric", "semantic_model", "saved_query", "unit_test", "function"}
)


@dataclass(frozen=True)
class KeyIndex:
    """Ids by a key of theirs, found by a key or by a pattern of keys."""

    by_key: Mapping[str, list[str]]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Self:
        """Index pairs of key and id."""
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        for key, unique_id in pairs:
            by_key[key].append(unique_id)
        return cls(by_key)

    def matching(self, pattern: str) -> set[str]:
        """The ids whose key is the pattern, or matches it."""
        if not is_pattern(pattern):
            return set(self.by_key.get(pattern, ()))
        return {each for key, ids in self.by_key.items() if fnmatchcase(key, pattern) for each in ids}


@dataclass(frozen=True)
class Catalogue:
    """The resources of a project, and an index for each thing that they are asked for by.

    Args:
        nodes: Unique id → resource.
        tree: The files of the project.
        project: Its name.
    """

    nodes: Mapping[str, DbtNode]
    tree: ProjectTree
    project: str

    def of_type(self, *kinds: str) -> list[DbtNode]:
        """The resources of some types."""
        return [node for kind in kinds for node in self._by_type.get(kind, ())]

    @property
    def parsed(self) -> list[DbtNode]:
        """What dbt keeps in `nodes`: models, tests, seeds, snapshots, analyses and operations."""
        return self.of_type(*(self._by_type.keys() - _OUTSIDE_OF_NODES))

    @cached_property
    def _by_type(self) -> Mapping[str, list[DbtNode]]:
        by_type: defaultdict[str, list[DbtNode]] = defaultdict(list)
        for node in self.nodes.values():
            by_type[node.resource_type].append(node)
        return by_type

    @cached_property
    def fqns(self) -> FqnIndex:
        """By qualified name."""
        return FqnIndex.of(self.nodes.values())

    @cached_property
    def tags(self) -> KeyIndex:
        """By tag."""
        return KeyIndex.of((tag, node.unique_id) for node in self.nodes.values() for tag in node.tags)

    @cached_property
    def packages(self) -> KeyIndex:
        """By package."""
        return KeyIndex.of((node.package, node.unique_id) for node in self.nodes.values())

    @cached_property
    def files(self) -> KeyIndex:
        """By the name of their file, with and without its ending."""
        return KeyIndex.of(
            (name, node.unique_id)
            for node in self.nodes.values()
            for path in [PurePosixPath(node.path)]
            for name in (path.name, path.stem)
        )

    @cached_property
    def paths(self) -> KeyIndex:
        """By their file, the YAML file that describes them, and the folders of the former."""
        return KeyIndex.of(
            (path, node.unique_id)
            for node in self.nodes.values()
            for path in (node.path, node.patch_path, *folders_of(node.path))
            if path
        )
