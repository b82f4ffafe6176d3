"""What `fqn:` finds: resources by name, or by the folders that lead to them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from typing import Self

from dagster_airlift_dbt.nodes import DbtNode

_WILDCARDS = frozenset("*?[]")


@dataclass(frozen=True)
class FqnIndex:
    """Resources by what a qualified name may call them.

    Args:
        by_name: Name of a resource, and the names that a version of a model has.
        by_version: `name_v2` of each version; any prefix may stand before it.
        by_prefix: Each beginning of a qualified name, with and without its package.
        nodes: Everything with a qualified name, for wildcards.
    """

    by_name: Mapping[str, Sequence[str]]
    by_version: Mapping[str, Sequence[str]]
    by_prefix: Mapping[str, Sequence[str]]
    nodes: Sequence[DbtNode]

    @classmethod
    def of(cls, nodes: Iterable[DbtNode]) -> Self:
        """Index resources; sources have no qualified name that dbt would look at."""
        by_name: defaultdict[str, list[str]] = defaultdict(list)
        by_version: defaultdict[str, list[str]] = defaultdict(list)
        by_prefix: defaultdict[str, list[str]] = defaultdict(list)
        named = [node for node in nodes if node.resource_type != "source" and node.fqn]
        for node in named:
            by_name[_leaf(node)].append(node.unique_id)
            if node.is_versioned:
                by_version["_".join(node.fqn[-2:])].append(node.unique_id)
            for segments in _qualified_names(node):
                for length in range(1, len(segments) + 1):
                    by_prefix[".".join(segments[:length])].append(node.unique_id)
        return cls(by_name, by_version, by_prefix, named)

    def matching(self, value: str) -> set[str]:
        """The ids of what a qualified name, or a pattern of one, selects."""
        parts = value.split(".")
        found = {*self.by_name.get(value, ()), *self.by_version.get("_".join(parts[-2:]), ())}
        if _WILDCARDS.isdisjoint(value):
            return found.union(self.by_prefix.get(value, ()))
        return found.union(self._matching_pattern(parts))

    def _matching_pattern(self, parts: Sequence[str]) -> Iterator[str]:
        # Segments before the first wildcard match one by one, and from there on the rest as one text.
        first = next(at for at, part in enumerate(parts) if not _WILDCARDS.isdisjoint(part))
        head = list(parts[:first])
        matches = re.compile(translate(".".join(parts[first:]))).match
        for node in self.nodes:
            if (len(parts) == 1 and matches(_leaf(node))) or any(
                len(segments) >= len(parts)
                and segments[:first] == head
                and matches(".".join(segments[first:]))
                for segments in _qualified_names(node)
            ):
                yield node.unique_id


def is_pattern(value: str) -> bool:
    """Whether dbt takes a text for a pattern: `*`, `?` and `[…]` then stand for characters."""
    return any(wildcard in value for wildcard in "*?[")


def _leaf(node: DbtNode) -> str:
    """The name; a version of a model ends in it, `[…, name, v2]`."""
    return node.fqn[-2] if node.is_versioned else node.fqn[-1]


def _qualified_names(node: DbtNode) -> Iterator[list[str]]:
    """With the package and without; a dot in a name separates segments too."""
    package, *rest = [segment.split(".") for segment in node.fqn]
    segments = [part for segment in rest for part in segment]
    yield [*package, *segments]
    if segments:
        yield segments
