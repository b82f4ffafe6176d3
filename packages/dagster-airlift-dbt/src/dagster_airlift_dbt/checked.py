"""Which asset a dbt test checks, as dagster-dbt finds it, and which source is checked for its age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from dagster_airlift_dbt.nodes import DbtNode


@dataclass(frozen=True, slots=True)
class DbtTest:
    """A dbt test, with what decides about its check in Dagster.

    Args:
        unique_id: The test.
        name: Its name, and that of its check.
        parents: What it reads, resources and sources.
        attached: The resource that it is attached to, or the only one that it reads.
        ref: Name, package and version of the resource that `meta.dagster.ref` names instead.
        is_error: Whether its failure is an error, and no warning.
        description: What `meta.description` says.
    """

    unique_id: str
    name: str
    parents: tuple[str, ...]
    attached: str | None
    ref: tuple[str, str | None, object] | None
    is_error: bool
    description: str | None

    def checked(self, nodes: Mapping[str, DbtNode], project: str) -> str | None:
        """Return the unique id of what it checks, None where it reads several resources and names none of them.

        Args:
            nodes: The resources of the project.
            project: The name of the project, for a reference that names no package.
        """
        if self.ref is None:
            return self.attached
        name, package, version = self.ref
        wanted = (name, package or project, version)
        found = (each for each in nodes.values() if (each.name, each.package, each.version) == wanted)
        return next((each.unique_id for each in found), None)


def read_test(unique_id: str, payload: Mapping[str, Any]) -> DbtTest | None:
    """Read a test of a manifest; None for any other resource, unit tests among them.

    Args:
        unique_id: The resource.
        payload: What the manifest says about it; nothing in it has to be there.
    """
    if not unique_id.startswith("test."):
        return None
    config = _member(payload, "config")
    parents: tuple[str, ...] = tuple(_member(payload, "depends_on").get("nodes") or ())
    ref = _member(_member(_member(config, "meta") or _member(payload, "meta"), "dagster"), "ref")
    return DbtTest(
        unique_id=unique_id,
        name=str(payload.get("name") or ""),
        parents=parents,
        attached=next(iter(parents)) if len(set(parents)) == 1 else payload.get("attached_node"),
        ref=(str(ref.get("name")), ref.get("package"), ref.get("version")) if ref else None,
        is_error=str(config.get("severity") or "error").lower() == "error",
        description=_member(payload, "meta").get("description"),
    )


def has_freshness(payload: Mapping[str, Any]) -> bool:
    """Tell whether a source says how old its newest rows may be.

    Args:
        payload: What the manifest says about it.
    """
    if payload.get("resource_type") != "source":
        return False
    freshness = _member(payload, "freshness") or _member(_member(payload, "config"), "freshness")
    return any(_member(freshness, limit).get("count") for limit in ("warn_after", "error_after"))


def _member(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value: object = payload.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
