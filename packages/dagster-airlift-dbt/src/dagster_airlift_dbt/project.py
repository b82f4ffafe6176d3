"""One dbt project as its manifest tells it: the graph to select from, and the relations to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from dagster_airlift_dbt.checked import DbtTest, has_freshness, read_test
from dagster_airlift_dbt.graph import DbtGraph
from dagster_airlift_dbt.json_stream import Piece
from dagster_airlift_dbt.manifest import Manifest
from dagster_airlift_dbt.nodes import DbtNode, ProjectParts
from dagster_airlift_dbt.relations import DbtRelation, Detail, group_owners, read_relation


@dataclass(frozen=True)
class DbtProjectContent:
    """What is kept of a manifest.

    Args:
        graph: Everything that can be selected.
        relations: Unique id → what Dagster shows; sources are among them, ephemeral models are not.
        group_owners: dbt group → its owners.
        adapter: The type of the warehouse, like `duckdb`.
        project_id: The digest by which dbt knows the project.
        manifest: The manifest itself, for a translator of dagster-dbt; None where there is no such.
        tests: Unique id → what decides about the check of a test.
        fresh_sources: Unique ids of the sources that say how old their newest rows may be.
    """

    graph: DbtGraph
    relations: Mapping[str, DbtRelation]
    group_owners: Mapping[str, tuple[str, ...]]
    adapter: str | None
    project_id: str | None
    manifest: Manifest | None = field(default=None, repr=False)
    tests: Mapping[str, DbtTest] = field(default_factory=dict[str, DbtTest], repr=False)
    fresh_sources: frozenset[str] = frozenset()

    def upstream(self, unique_id: str) -> list[str]:
        """What a relation is made from: relations, where ephemeral models and the like are seen through."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = list(self.graph.nodes[unique_id].depends_on)
        while waiting:
            parent = waiting.pop()
            if parent in self.relations:
                found.add(parent)
            elif parent in self.graph.nodes and parent not in seen:
                seen.add(parent)
                waiting.extend(_seen_through(self.graph.nodes[parent]))
        return sorted(found)


_TRANSPARENT = frozenset({"model", "metric", "semantic_model", "saved_query", "function"})


def _seen_through(node: DbtNode) -> tuple[str, ...]:
    return node.depends_on if node.resource_type in _TRANSPARENT else ()


def read_project(
    pieces: Iterable[Piece], detail: Detail = "full", manifest: Manifest | None = None
) -> DbtProjectContent:
    """Read a manifest piece by piece, and keep a few fields of each resource.

    Args:
        pieces: The manifest.
        detail: How much of what Dagster shows to keep.
        manifest: The manifest itself, if it is to be kept.

    Returns:
        What is kept.
    """
    parts = ProjectParts()
    relations: dict[str, DbtRelation] = {}
    tests: dict[str, DbtTest] = {}
    fresh: set[str] = set()
    owners: dict[str, tuple[str, ...]] = {}
    members: dict[str, Mapping[str, Any]] = {}
    for member, entry, value in pieces:
        if member == "disabled":
            parts.add_disabled(value)
        if not isinstance(value, Mapping):
            continue
        payload = cast("Mapping[str, Any]", value)
        if not entry:
            members[member] = payload
            continue
        if member == "groups":
            owners[str(payload.get("name"))] = group_owners(payload)
        if not parts.add(member, entry, payload):
            continue
        if shown := read_relation(entry, payload, detail):
            relations[entry] = shown
            fresh.update([entry] if has_freshness(payload) else [])
        elif test := read_test(entry, payload):
            tests[entry] = test
    metadata = members.get("metadata", {})
    return DbtProjectContent(
        graph=DbtGraph.of(parts, metadata, members.get("selectors", {})),
        relations=relations,
        group_owners=owners,
        adapter=metadata.get("adapter_type"),
        project_id=metadata.get("project_id"),
        manifest=manifest,
        tests=tests,
        fresh_sources=frozenset(fresh),
    )
