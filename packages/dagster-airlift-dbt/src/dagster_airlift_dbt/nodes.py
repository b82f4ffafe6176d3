"""The dbt resources of a manifest, each with the few fields that a selection asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import md5
from pathlib import PurePosixPath
from sys import intern
from typing import Any, TypeAlias, cast

Version: TypeAlias = str | float | None

_COLLECTIONS = frozenset(
    {
        "nodes",
        "sources",
        "exposures",
        "metrics",
        "semantic_models",
        "saved_queries",
        "unit_tests",
        "functions",
    }
)
# They have files of the project too, and nothing selects them.
_OTHER_COLLECTIONS = frozenset({"macros", "docs", "groups"})


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True)
class ProjectParts:
    """What a manifest has been found to hold so far."""

    nodes: dict[str, DbtNode] = field(default_factory=dict[str, DbtNode])
    files: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def add(self, collection: str, unique_id: str, payload: Mapping[str, Any]) -> DbtNode | None:
        """Take in one entry of a manifest.

        Args:
            collection: The member of the manifest that it belongs to.
            unique_id: The resource.
            payload: What the manifest says about it.

        Returns:
            The resource, if it is one that dbt can select: it is enabled.
        """
        if collection in _COLLECTIONS or collection in _OTHER_COLLECTIONS:
            self.files.update(_files(payload))
        if collection not in _COLLECTIONS or _config(payload).get("enabled") is False:
            return None
        node = self.nodes[unique_id] = _node(unique_id, payload)
        return node

    def add_disabled(self, payloads: object) -> None:
        """Take in the files of what is disabled: they are there all the same."""
        if isinstance(payloads, list):
            for payload in cast("list[Mapping[str, Any]]", payloads):
                self.files.update(_files(payload))

    def files_of(self, project: str) -> frozenset[str]:
        """The files of one project, without those of its packages."""
        return frozenset(file for package, file in self.files if package == project)


def project_name(metadata: Mapping[str, Any], packages: Iterable[str]) -> str:
    """The name of the dbt project that a manifest belongs to.

    Args:
        metadata: The metadata of the manifest. It has the name since dbt 1.6, and its digest before.
        packages: The packages in the manifest; the project is one of them.
    """
    if metadata.get("project_name"):
        return str(metadata["project_name"])
    digest = metadata.get("project_id")
    return next(
        (name for name in packages if md5(name.encode(), usedforsecurity=False).hexdigest() == digest), ""
    )


def _files(payload: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    package = str(payload.get("package_name") or "")
    for owner, path in ((package, payload.get("original_file_path")), _patch(payload)):
        if path:
            yield intern(owner), _clean(path)


def _patch(payload: Mapping[str, Any]) -> tuple[str, str]:
    """The package and path of the YAML file that describes a resource; before dbt 0.20 there was no package."""
    package, _, path = str(payload.get("patch_path") or "").rpartition("://")
    return package or str(payload.get("package_name") or ""), path


def _node(unique_id: str, payload: Mapping[str, Any]) -> DbtNode:
    kind = str(payload.get("resource_type") or unique_id.partition(".")[0])
    return DbtNode(
        unique_id=unique_id,
        resource_type=intern(kind),
        name=str(payload.get("name") or ""),
        package=intern(str(payload.get("package_name") or "")),
        fqn=tuple(map(intern, payload.get("fqn") or ())),
        path=_clean(payload.get("original_file_path")),
        patch_path=_clean(_patch(payload)[1]),
        # dbt takes neither hooks of seeds nor anything of sources for a dependency.
        depends_on=() if kind in {"seed", "source"} else _depends_on(payload),
        tags=_tags(payload, kind),
        config=_told(_config(payload)),
        access=payload.get("access"),
        version=payload.get("version"),
        latest_version=payload.get("latest_version"),
        source_name=str(payload.get("source_name") or ""),
        generic_test=_member(payload, "test_metadata").get("name"),
        is_blank=kind != "seed" and _is_blank(payload),
    )


def _clean(path: str | None) -> str:
    return str(PurePosixPath(path)) if path else ""


def _config(payload: Mapping[str, Any]) -> Mapping[str, object]:
    return _member(payload, "config")


def _member(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return payload.get(name) or {}


def _told(config: Mapping[str, object]) -> Mapping[str, object]:
    """What a configuration says: dbt writes down each setting, most of them empty, and nothing selects these."""
    return {
        intern(name): value for name, value in config.items() if value is not None and value not in ([], {})
    }


def _depends_on(payload: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(map(intern, _member(payload, "depends_on").get("nodes") or ()))


def _tags(payload: Mapping[str, Any], kind: str) -> tuple[str, ...]:
    """A unit test has its tags in its configuration alone."""
    tags: list[str] | str = (_member(payload, "config") if kind == "unit_test" else payload).get("tags") or []
    return (tags,) if isinstance(tags, str) else tuple(map(intern, tags))


def _is_blank(payload: Mapping[str, Any]) -> bool:
    """Whether there is nothing to run; a manifest without code says nothing about that."""
    code = payload.get("raw_code", payload.get("raw_sql"))
    return code is not None and not code.strip()
