"""Which asset reads which: the leaves of a DAG, edges that close no circle, and an order of all assets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagster import AssetKey, AssetSpec

Edges = Mapping[AssetKey, Sequence[AssetKey]]
"""For each asset, those that it reads."""


@dataclass(frozen=True)
class Lineage:
    """The assets that each asset reads.

    Args:
        deps: For each asset, those that it reads.
    """

    deps: Edges

    @classmethod
    def of(cls, specs: Iterable[AssetSpec]) -> Lineage:
        """Return the lineage that some specs declare."""
        return cls({spec.key: [dep.asset_key for dep in spec.deps] for spec in specs})

    def leaves(self, keys: frozenset[AssetKey]) -> list[AssetKey]:
        """Return those of the assets that no other of them reads, sorted."""
        if len(keys) == 1:
            return list(keys)
        read = {dep for key in keys for dep in self.deps.get(key, ()) if dep != key}
        return sorted(keys - read, key=str)

    def without_circles(self, wanted: Edges) -> Edges:
        """Return those of the wanted edges that close no circle, with each other or with what is there.

        The cost is linear in assets and edges where there is no circle.

        Args:
            wanted: For each asset, those that it should read as well.
        """
        before_any_circle = _numbered([self.deps, wanted]).keys()
        readers: dict[AssetKey, set[AssetKey]] = defaultdict(set)
        for asset, deps in self.deps.items():
            if asset not in before_any_circle:
                for dep in deps:
                    readers[dep].add(asset)
        kept: dict[AssetKey, list[AssetKey]] = {}
        for asset, deps in wanted.items():
            kept[asset] = []
            for dep in dict.fromkeys(deps):
                safe = dep in before_any_circle or dep not in _below(asset, readers)
                if safe:
                    kept[asset].append(dep)
                    readers[dep].add(asset)
        return kept


def lineage_order(specs: Iterable[AssetSpec]) -> Mapping[AssetKey, int]:
    """Number the assets so that each comes after those it reads; assets on a circle come last.

    The cost is linear in assets and dependencies.
    """
    deps = {spec.key: [dep.asset_key for dep in spec.deps] for spec in specs}
    numbered = _numbered([deps])
    known = {*deps, *(dep for ups in deps.values() for dep in ups)}
    return {key: numbered.get(key, len(numbered)) for key in known}


def _numbered(graphs: Iterable[Edges]) -> Mapping[AssetKey, int]:
    """Number the assets upstream first, and leave out those on a circle and below one."""
    readers: dict[AssetKey, list[AssetKey]] = defaultdict(list)
    waiting: dict[AssetKey, int] = {}
    for deps_of in graphs:
        for asset, deps in deps_of.items():
            waiting[asset] = waiting.get(asset, 0) + len(deps)
            for dep in deps:
                waiting.setdefault(dep, 0)
                readers[dep].append(asset)
    ready = [key for key, count in waiting.items() if not count]
    for key in ready:
        for reader in readers[key]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    return {key: number for number, key in enumerate(ready)}


def _below(asset: AssetKey, readers: Mapping[AssetKey, set[AssetKey]]) -> set[AssetKey]:
    found, todo = {asset}, [asset]
    while todo:
        fresh = readers.get(todo.pop(), set()) - found
        found |= fresh
        todo.extend(fresh)
    return found
