"""The dbt resources of a manifest, each with the few fields that a selection asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeAlias

from dagster_airlift_dbt.manifest import Manifest

Version: TypeAlias = str | float | None

_COLLECTIONS = (
    "nodes",
    "sources",
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "unit_tests",
    "functions",
)
# They have files of the project too, and nothing selects them.
_OTHER_COLLECTIONS = ("macros", "docs", "groups")


@dataclass(frozen=True)
class DbtNode:
    """One dbt resource: a model, a test, a source, a metric and so on."""

    unique_id: str
    resource_type: str
    name: str
    package: str
    fqn: tuple[str, ...]
    path: str
    patch_path: str
    depends_on: tuple[str, ...]
    tags: tuple[str, ...]
    config: Mapping[str, object]
    access: str | None
    version: Version
    latest_version: Version
    source_name: str
    generic_test: str | None
    is_blank: bool

    @property
    def is_versioned(self) -> bool:
        """Whether it is one version of a model."""
        return self.resource_type == "model" and self.version is not None

    @property
    def is_test(self) -> bool:
        """Whether selecting what it tests may select it."""
        return self.resource_type in {"test", "unit_test"}


def read_nodes(manifest: Manifest) -> dict[str, DbtNode]:
    """Read what dbt can select: everything in the manifest that is enabled."""
    return {
        unique_id: _node(unique_id, payload)
        for collection in _COLLECTIONS
        for unique_id, payload in (manifest.get(collection) or {}).items()
        if _config(payload).get("enabled") is not False
    }


def read_files(manifest: Manifest) -> frozenset[str]:
    """Read which files the project itself has, its packages' left out."""
    project = project_name(manifest)
    files = (file for payload in _payloads(manifest) for file in _files(payload, project))
    return frozenset(file for file in files if file)


def project_name(manifest: Manifest) -> str:
    """The name of the dbt project that the manifest belongs to."""
    return str(manifest.get("metadata", {}).get("project_name") or "")


def _payloads(manifest: Manifest) -> Iterator[Mapping[str, Any]]:
    for collection in (*_COLLECTIONS, *_OTHER_COLLECTIONS):
        yield from (manifest.get(collection) or {}).values()
    for disabled in (manifest.get("disabled") or {}).values():
        yield from disabled


def _files(payload: Mapping[str, Any], project: str) -> Iterator[str]:
    if payload.get("package_name") == project:
        yield _clean(payload.get("original_file_path"))
    package, _, path = str(payload.get("patch_path") or "").partition("://")
    if package == project:
        yield _clean(path)


def _node(unique_id: str, payload: Mapping[str, Any]) -> DbtNode:
    kind = str(payload.get("resource_type") or unique_id.partition(".")[0])
    return DbtNode(
        unique_id=unique_id,
        resource_type=kind,
        name=str(payload.get("name") or ""),
        package=str(payload.get("package_name") or ""),
        fqn=tuple(payload.get("fqn") or ()),
        path=_clean(payload.get("original_file_path")),
        patch_path=_clean(str(payload.get("patch_path") or "").partition("://")[2]),
        # dbt takes neither hooks of seeds nor anything of sources for a dependency.
        depends_on=() if kind in {"seed", "source"} else _depends_on(payload),
        tags=_tags(payload, kind),
        config=_config(payload),
        access=payload.get("access"),
        version=payload.get("version"),
        latest_version=payload.get("latest_version"),
        source_name=str(payload.get("source_name") or ""),
        generic_test=(payload.get("test_metadata") or {}).get("name"),
        is_blank=kind != "seed" and _is_blank(payload.get("raw_code")),
    )


def _clean(path: str | None) -> str:
    return str(PurePosixPath(path)) if path else ""


def _config(payload: Mapping[str, Any]) -> Mapping[str, object]:
    return payload.get("config") or {}


def _depends_on(payload: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple((payload.get("depends_on") or {}).get("nodes") or ())


def _tags(payload: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """A unit test has its tags in its configuration alone."""
    tags: list[str] | str = (_config(payload) if kind == "unit_test" else payload).get("tags") or []
    return (tags,) if isinstance(tags, str) else tuple(tags)


def _is_blank(raw_code: str | None) -> bool:
    """Whether there is nothing to run; a manifest without code says nothing about that."""
    return raw_code is not None and not raw_code.strip()
