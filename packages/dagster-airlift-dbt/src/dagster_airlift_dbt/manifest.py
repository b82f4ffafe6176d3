"""Where a dbt manifest lies, and its content, read anew when it has changed."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast, runtime_checkable

from upath import UPath

from dagster_airlift_dbt.errors import DbtManifestError
from dagster_airlift_dbt.json_stream import Piece, pieces

Manifest: TypeAlias = Mapping[str, Any]
"""The content of dbt's `manifest.json`, as dagster-dbt takes it."""


@runtime_checkable
class HasManifestPath(Protocol):
    """What knows its manifest, like the `DbtProject` of dagster-dbt."""

    @property
    def manifest_path(self) -> Path:
        """The path of `manifest.json`."""
        ...


ManifestSource: TypeAlias = str | PathLike[str] | Manifest | HasManifestPath
"""Where a manifest comes from: a path, a URI that fsspec knows, its content, or a `DbtProject`."""

# The parts of a manifest that grow with the project; they are read entry by entry.
_LARGE = frozenset(
    {"nodes", "sources", "macros", "docs", "exposures", "metrics", "groups", "disabled"}
    | {"parent_map", "child_map", "group_map", "saved_queries", "semantic_models", "unit_tests", "functions"}
)
# By what a file system tells that a file was written anew. One that tells none of them has it read each time.
_MARKS = ("mtime", "created", "ETag", "etag", "LastModified", "Last-Modified", "last_modified", "updated")


def manifest_at(source: ManifestSource) -> ManifestFile | GivenManifest:
    """Find a manifest.

    Args:
        source: Where it comes from.

    Returns:
        The file, or the content that was given.

    Raises:
        DbtManifestError: Nothing can read such a URI here.
    """
    if isinstance(source, Mapping):
        return GivenManifest(source)
    path = source.manifest_path if isinstance(source, HasManifestPath) else source
    location = fspath(path)
    with _told(location):
        return ManifestFile(UPath(location), location)


@dataclass(frozen=True)
class GivenManifest:
    """A manifest that somebody else has read."""

    content: Manifest

    def version(self) -> None:
        """Whoever gave it may change it at any time."""

    def pieces(self) -> Iterator[Piece]:
        """Its members, the large ones entry by entry."""
        _refuse_without_nodes("What was given as a manifest", self.content)
        for member, value in self.content.items():
            if member in _LARGE and isinstance(value, Mapping):
                for entry, each in cast("Mapping[str, object]", value).items():
                    yield member, entry, each
            else:
                yield member, "", value

    def whole(self) -> Manifest:
        """Its content."""
        _refuse_without_nodes("What was given as a manifest", self.content)
        return self.content


@dataclass(frozen=True)
class ManifestFile:
    """A manifest in a file system, this machine's or another."""

    path: UPath
    location: str

    def version(self) -> object | None:
        """Something that differs once the file was written anew; None where only reading can tell."""
        with _told(self.location):
            # Some file systems remember what they have listed.
            self.path.fs.invalidate_cache()
            stat = cast("Mapping[str, object]", self.path.fs.info(self.path.path))
        marks = tuple(str(stat[mark]) for mark in _MARKS if stat.get(mark) is not None)
        return (marks, stat.get("size"), stat.get("ino")) if marks else None

    def pieces(self) -> Iterator[Piece]:
        """Its members, the large ones entry by entry; the file is never in memory as a whole."""
        members: set[str] = set()
        with _told(self.location), self.path.open(encoding="utf-8") as file:
            for piece in pieces(file, _LARGE):
                members.add(piece[0])
                yield piece
        _refuse_without_nodes(repr(self.location), members)

    def whole(self) -> Manifest:
        """Its content."""
        with _told(self.location):
            content: object = json.loads(self.path.read_bytes())
        members: dict[str, object] = cast("dict[str, object]", content) if isinstance(content, dict) else {}
        _refuse_without_nodes(repr(self.location), members)
        return members


@contextmanager
def _told(location: str) -> Generator[None]:
    """Say where it was and what to do."""
    try:
        yield
    except FileNotFoundError:
        # Without the cause: Dagster would show its stack too, and the sentence says it all.
        raise DbtManifestError(
            f"There is no dbt manifest at {location!r}. Write it with `dbt parse` in the dbt project, "
            "or pass the path of the one that your deployment writes."
        ) from None
    except ImportError as error:
        raise DbtManifestError(
            f"The dbt manifest {location!r} cannot be read here: {error}. Install what fsspec needs for it."
        ) from error
    except (OSError, ValueError) as error:
        raise DbtManifestError(
            f"The dbt manifest {location!r} cannot be read: {error}. Write it again with `dbt parse`."
        ) from error


def _refuse_without_nodes(what: str, members: Collection[str]) -> None:
    if "nodes" not in members:
        raise DbtManifestError(
            f"{what} is not a dbt manifest: it has no 'nodes'. dbt writes it to target/manifest.json."
        )
