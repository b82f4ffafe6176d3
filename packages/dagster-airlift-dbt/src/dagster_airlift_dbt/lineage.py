"""Who depends on whom among dbt resources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from dagster_airlift_dbt.nodes import DbtNode


@dataclass(frozen=True)
class Lineage:
    """The edges, in both directions, between the resources that there are."""

    parents: Mapping[str, Sequence[str]]
    children: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, nodes: Mapping[str, DbtNode]) -> Self:
        """Draw the edges; `child_map` of a manifest is not complete everywhere, so it is not asked."""
        children: defaultdict[str, list[str]] = defaultdict(list)
        parents: dict[str, list[str]] = {}
        for node in nodes.values():
            parents[node.unique_id] = [parent for parent in node.depends_on if parent in nodes]
            for parent in parents[node.unique_id]:
                children[parent].append(node.unique_id)
        return cls(parents, children)

    def ancestors(self, ids: Collection[str], depth: int | None = None) -> set[str]:
        """What resources depend on, so many steps up; all the way if depth is None."""
        return _reachable(ids, self.parents, depth)

    def descendants(self, ids: Collection[str], depth: int | None = None) -> set[str]:
        """What depends on resources, so many steps down; all the way if depth is None."""
        return _reachable(ids, self.children, depth)


def _reachable(ids: Iterable[str], edges: Mapping[str, Sequence[str]], depth: int | None) -> set[str]:
    found: set[str] = set()
    layer = set(ids)
    while layer and (depth is None or depth > 0):
        layer = {each for one in layer for each in edges.get(one, ())} - found
        found |= layer
        depth = None if depth is None else depth - 1
    return found
