"""Results of dbt in a store: a folder for each try, in any file system that fsspec knows."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upath import UPath

from dagster_airlift_core import AirflowInstance
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt.errors import DbtResultsUnavailable
from dagster_airlift_dbt.found import Found
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.run_results import DbtResultsError, RunResults, read_run_results
from dagster_airlift_dbt.store_layout import COSMOS_FOLDER, cosmos_folder_of, folder_of

MAX_BYTES = 64 * 1024 * 1024
"""A file is read so far, unpacked; results of 10,000 resources with their SQL have a quarter of it."""
MAX_MEMBERS = 10_000
_RESULTS = re.compile(r"(run_results|sources)[\w.-]*?\.json(\.gz)?")
_LOCAL = frozenset({"", "file", "local"})
_ARCHIVE = f"{COSMOS_FOLDER}.tar.gz"
_UNREADABLE = (ValueError, EOFError, RecursionError, zlib.error, gzip.BadGzipFile, tarfile.TarError)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class DbtResultStore:
    """A folder or bucket with a folder for each try, and in it `run_results.json` or `sources.json`, or both.

    The folder of a try is `{dag_id}/{run_id}/{task_id}/{map_index}/{try_number}`, each part percent-encoded. What
    Cosmos' upload functions write is read as well. Where a task runs dbt several times, a file for each
    (`run_results_1.json`, `run_results_2.json`) tells of all; dbt itself keeps the last only.

    Args:
        root: The folder: a path, or a URI that fsspec knows (`s3://dbt-runs/prod`).
        storage_options: What its file system needs.
    """

    root: str
    storage_options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)

    def results_of(
        self, airflow: AirflowInstance, instance: TaskInstance, projects: Sequence[DbtProjectContent]
    ) -> Found:
        """Look for the results of a try."""
        del airflow, projects  # the place says whose they are, and what is unknown is told of with the events
        try:
            return self._found(UPath(self.root, **self.storage_options), instance)
        except (OSError, ImportError) as error:
            raise DbtResultsUnavailable(
                f"The store of dbt's results {self.root!r} cannot be read: {error}. Check that it is there, that this "
                "process may read it, and that what fsspec needs for it is installed."
            ) from error

    def _found(self, root: UPath, instance: TaskInstance) -> Found:
        runs: list[RunResults] = []
        notes: list[str] = []
        files = list(_files(root, instance))
        if not files and not root.exists():
            notes.append(f"there is nothing at {self.root!r}")
        for file in files:
            try:
                runs += [read_run_results(json.loads(content)) for content in _contents(file)]
            except _UNREADABLE as error:
                notes.append(f"{file}: {error}")
        runs.sort(key=lambda run: run.generated_at or _LONG_AGO)
        return Found(tuple(runs), tuple(notes))


def _files(root: UPath, instance: TaskInstance) -> Iterator[UPath]:
    """List the results of a try, in our layout and in that of Cosmos."""
    yield from _listed(root, folder_of(instance))
    cosmos = cosmos_folder_of(instance)
    if cosmos:
        yield from _listed(root, (*cosmos, COSMOS_FOLDER))
        yield from (file for file in _listed(root, cosmos, archives=True))


def _listed(root: UPath, parts: tuple[str, ...], *, archives: bool = False) -> list[UPath]:
    folder = root.joinpath(*parts)
    folder.fs.invalidate_cache()  # some file systems remember what they have listed
    try:
        found = sorted(folder.iterdir(), key=lambda file: file.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    wanted = [
        file for file in found if (file.name == _ARCHIVE if archives else _RESULTS.fullmatch(file.name))
    ]
    return [file for file in wanted if _is_within(root, file)]


def _is_within(root: UPath, file: UPath) -> bool:
    """Whether a file of this machine lies in the store itself, and is no link that leads out of it."""
    if root.protocol not in _LOCAL:
        return True
    return Path(file.path).resolve().is_relative_to(Path(root.path).resolve())


def _contents(file: UPath) -> Iterator[bytes]:
    with file.open("rb") as raw:
        packed = raw.read(MAX_BYTES + 1)
    _refuse_large(packed)
    if file.name == _ARCHIVE:
        yield from _members(packed)
        return
    if file.name.endswith(".gz"):
        with gzip.open(io.BytesIO(packed)) as unpacked:
            packed = unpacked.read(MAX_BYTES + 1)
        _refuse_large(packed)
    yield packed


def _members(packed: bytes) -> Iterator[bytes]:
    """Read the results in an archive of the whole `target` folder, without unpacking it anywhere."""
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        for number, member in enumerate(archive):
            if number >= MAX_MEMBERS:
                raise DbtResultsError(f"it has more than {MAX_MEMBERS} files")
            folder, _, name = member.name.rpartition("/")
            if member.isfile() and folder == COSMOS_FOLDER and _RESULTS.fullmatch(name):
                content = archive.extractfile(member)
                unpacked = content.read(MAX_BYTES + 1) if content else b""
                _refuse_large(unpacked)
                yield unpacked


def _refuse_large(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise DbtResultsError(f"it has more than {MAX_BYTES // 1024 // 1024} MB")
