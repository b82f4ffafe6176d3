"""What `path:` finds: the tree of the project's files, as far as a manifest tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import PurePosixPath

from dagster_airlift_dbt.errors import DbtSelectionError


def folders_of(path: str) -> list[str]:
    """The folders that a file of the project lies in; the project itself is `.`."""
    return [str(parent) for parent in PurePosixPath(path).parents]


@dataclass(frozen=True)
class ProjectTree:
    """The files of a dbt project that dbt read, and their folders."""

    files: frozenset[str]

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder with such a file in it, and the project itself."""
        return frozenset({".", *(folder for file in self.files for folder in folders_of(file))})

    def glob(self, pattern: str) -> set[str]:
        """Find files and folders as `pathlib.Path.glob` does on disk, where dbt looks.

        Args:
            pattern: Relative to the project. `*` stays within a folder, `**` does not.

        Returns:
            The paths of the project that the pattern names.

        Raises:
            DbtSelectionError: The pattern leads out of the project, or is none.
        """
        parts = [part for part in pattern.split("/") if part not in {"", "."}]
        _refuse_what_dbt_cannot_find(pattern, parts)
        only_folders = pattern.endswith("/") or parts[-1:] == ["**"]
        found = self.folders if only_folders else self.files | self.folders
        if not any(wildcard in pattern for wildcard in "*?["):
            return {"/".join(parts)} & found
        return {path for path in found if _matches(_parts(path), parts)}


def _parts(path: str) -> Sequence[str]:
    return () if path == "." else path.split("/")


def _matches(path: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return _matches(path, pattern[1:]) or (bool(path) and _matches(path[1:], pattern))
    return bool(path) and fnmatchcase(path[0], pattern[0]) and _matches(path[1:], pattern[1:])


def _refuse_what_dbt_cannot_find(pattern: str, parts: Sequence[str]) -> None:
    if not parts or pattern.startswith("/") or ".." in parts:
        raise DbtSelectionError(
            f"The path {pattern!r} is none in the dbt project. A path is relative to the folder of "
            "dbt_project.yml, like 'models/staging'."
        )
    if any("**" in part and part != "**" for part in parts):
        raise DbtSelectionError(
            f"'**' in the path {pattern!r} has to stand for whole folders, as in 'a/**/b'."
        )
