"""Reads what is kept of manifests, and again only once they have changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike

from dagster_airlift_dbt.manifest import (
    GivenManifest,
    HasManifestPath,
    ManifestFile,
    ManifestSource,
    manifest_at,
)
from dagster_airlift_dbt.project import DbtProjectContent, read_project
from dagster_airlift_dbt.relations import Detail


@dataclass
class ProjectReader:
    """Reads one project; a code server that lives long always sees the manifest of now.

    Args:
        place: Where the manifest lies.
        detail: How much of it to keep.
        keeps_manifest: Whether to keep all of it, for dagster-dbt.
    """

    place: ManifestFile | GivenManifest
    detail: Detail = "full"
    keeps_manifest: bool = False
    _last: tuple[object, DbtProjectContent] | None = None

    def read(self) -> DbtProjectContent:
        """Read the project.

        Returns:
            What is kept of its manifest; the same value while the manifest is the same.

        Raises:
            DbtManifestError: The manifest is missing, or is none.
        """
        # Before the content: what is written meanwhile is read the next time.
        version = self.place.version()
        if self._last and version is not None and self._last[0] == version:
            return self._last[1]
        content = self._read()
        self._last = (version, content)
        return content

    def _read(self) -> DbtProjectContent:
        if not self.keeps_manifest:
            return read_project(self.place.pieces(), self.detail)
        manifest = self.place.whole()
        return read_project(GivenManifest(manifest).pieces(), self.detail, manifest)


def manifests_at(source: ManifestSource | Sequence[ManifestSource]) -> list[ManifestFile | GivenManifest]:
    """Find one manifest or several.

    Args:
        source: Where they come from.

    Returns:
        Them, in the same order.

    Raises:
        DbtManifestError: Nothing can read such a URI here.
    """
    if isinstance(source, str | PathLike | Mapping | HasManifestPath):
        return [manifest_at(source)]
    return [manifest_at(each) for each in source]
