"""What was read of Dagster's repositories, kept on this machine for as long as Dagster does not reload them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow.providers.dagster.assets import AssetMapping, AssetReference, Repository

__all__ = ["MappingCache"]


@dataclass(frozen=True)
class MappingCache:
    """Remembers which assets of a repository are mapped; names alone, and what it says is asked of Dagster again.

    Every failure to read or to write is as good as not to have it.

    Args:
        folder: Where to keep the files; made when there is something to keep.
        url: The Dagster that they are about.
    """

    folder: Path
    url: str

    def get(self, repository: Repository) -> tuple[AssetReference, ...] | None:
        """Give what was read of a repository.

        Args:
            repository: The repository, in the version that Dagster has loaded.

        Returns:
            Its mapped assets, None when they were not read in this version.
        """
        try:
            stored = json.loads(self._path(repository).read_text(encoding="utf-8"))
            if stored["version"] != repository.version:
                return None
            return tuple(map(_reference, stored["assets"]))
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            return None

    def last(self, location: str) -> tuple[AssetReference, ...] | None:
        """Give what was read last of a code location.

        Args:
            location: Name of the code location, in whatever version, loaded or not.

        Returns:
            Its mapped assets, None when it was not read, or its DAG asset has spoken for it since.
        """
        paths = [*self.folder.glob(f"{self._digest(location)}-*.json")]
        try:
            stored = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
            found = tuple(_reference(item) for each in stored for item in each["assets"])
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            return None
        return found if stored else None

    def forget(self, repository: Repository) -> None:
        """Drop what was read of a repository, for it is not kept up to date any more.

        Args:
            repository: The repository.
        """
        with contextlib.suppress(OSError):
            self._path(repository).unlink()

    def put(self, repository: Repository, references: tuple[AssetReference, ...]) -> None:
        """Keep what was read of a repository.

        Args:
            repository: The repository, in the version that was read.
            references: Its mapped assets.
        """
        assets = [
            {"key": each.key, "mappings": [[m.instance, m.dag_id, m.task_id] for m in each.mappings]}
            for each in references
        ]
        text = json.dumps({"version": repository.version, "assets": assets})
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(self._path(repository), text)

    def _write(self, path: Path, text: str) -> None:
        """Replace the file in one step, for other tasks read it meanwhile."""
        handle, name = tempfile.mkstemp(dir=self.folder, prefix="new-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise

    def _path(self, repository: Repository) -> Path:
        name = f"{self._digest(repository.location)}-{self._digest(repository.location, repository.name)}"
        return self.folder / f"{name}.json"

    def _digest(self, *names: str) -> str:
        return hashlib.sha256(json.dumps([self.url, *names]).encode()).hexdigest()[:32]


def _reference(item: dict[str, Any]) -> AssetReference:
    key = tuple(str(part) for part in item["key"])
    return AssetReference(key, tuple(AssetMapping(*map(str, names)) for names in item["mappings"]))
