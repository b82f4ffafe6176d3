"""Which tasks of one DAG are migrated: the meaning of `<dag_id>.yaml`, plain data, no Airflow and no HTTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

from airflow.providers.dagster.strict_yaml import (
    MAX_BYTES,
    MigrationStateError,
    as_boolean,
    as_fields,
    as_items,
    as_text,
    error_at,
    read_yaml,
    show,
)

__all__ = [
    "MAX_BYTES",
    "Copies",
    "MigrationState",
    "MigrationStateError",
    "MigrationStateWarning",
    "TaskState",
    "load_migration_state",
]

_TASKS, _ID, _MIGRATED, _PROXIED, _MAPPED = "tasks", "id", "migrated", "proxied", "mapped"
_EXPECTED = "expected `tasks:` with a list of tasks like {id: load, migrated: true}, or `migrated: true` for the whole DAG"
_EXPECTED_TASKS = "expected a list of tasks like {id: load, migrated: true}"
_EXPECTED_TASK = "expected a task like {id: load, migrated: true}"


class MigrationStateWarning(UserWarning):
    """A migration state asks for something that cannot be done; the task stays as it is."""


class Copies(Enum):
    """Which copies of a dynamically mapped task run its assets in Dagster."""

    EACH = "each"
    """Every copy, in a Dagster run of its own that is tagged with the map index."""
    ONCE = "once"
    """The copy with map index 0, for all; the others end well at once."""


@dataclass(frozen=True)
class TaskState:
    """One entry of the file: a task id, whether the task is migrated, where that stands, and what its copies do."""

    task_id: str
    migrated: bool
    line: int
    column: int
    copies: Copies = Copies.EACH


@dataclass(frozen=True)
class MigrationState:
    """How far one DAG has been migrated.

    Args:
        path: The file, or the folder when there is none.
        tasks: Its entries, in its order; empty when there is no file, or when it speaks of the whole DAG.
        whole_dag: Whether the DAG is migrated as a whole; None when the file speaks of its tasks, or there is none.
        line: Where the file says so, from 1; 0 when there is none.
    """

    path: Path
    tasks: tuple[TaskState, ...] = ()
    whole_dag: bool | None = None
    line: int = 0

    @property
    def migrated(self) -> frozenset[str]:
        """Ids of the tasks that Dagster runs, as far as the file names them."""
        return frozenset(task.task_id for task in self.tasks if task.migrated)


def load_migration_state(folder: str | os.PathLike[str], dag_id: str) -> MigrationState:
    """Read `<dag_id>.yaml` in a folder.

    Args:
        folder: Folder with one file per DAG. Where it does not exist, nothing is migrated.
        dag_id: The DAG. Its file is found by listing the folder; no path is made from the id.

    Returns:
        The state; without a file, one that has no tasks.

    Raises:
        MigrationStateError: The file cannot be read, or is neither exactly
            `tasks: [{id: <string>, migrated: true|false, mapped: each|once}, ...]`, where `mapped` may be left out, nor
            `migrated: true|false`. The older key `proxied` is read as `migrated`.
    """
    root = Path(folder)
    name = f"{dag_id}.yaml"
    try:
        with os.scandir(root) as entries:
            path = next((root / entry.name for entry in entries if entry.name == name), None)
    except FileNotFoundError:
        path = None
    except OSError as error:
        raise MigrationStateError(root, 1, 1, f"the folder cannot be listed ({error.strerror})") from error
    if path is None:
        # Not `root / name`: a DAG id with a separator in it would lead out of the folder.
        return MigrationState(root)
    return _state(path, read_yaml(root, path))


def _state(path: Path, root: yaml.Node | None) -> MigrationState:
    if root is None:
        raise MigrationStateError(path, 1, 1, f"{_EXPECTED}, found nothing")
    fields = as_fields(path, root, (_TASKS, _MIGRATED, _PROXIED), _EXPECTED)
    flag = _flag(path, fields)
    if (_TASKS in fields) == (flag is not None):
        found = show(root) if flag is None else "both"
        raise error_at(path, root, f"{_EXPECTED}, found {found}")
    if flag is None:
        line = fields[_TASKS].start_mark.line + 1
        return MigrationState(path, tuple(_tasks(path, fields[_TASKS])), line=line)
    return MigrationState(path, whole_dag=as_boolean(path, flag), line=flag.start_mark.line + 1)


def _flag(path: Path, fields: dict[str, yaml.Node]) -> yaml.Node | None:
    if _MIGRATED in fields and _PROXIED in fields:
        raise error_at(path, fields[_PROXIED], "`proxied` is the older name of `migrated`, keep one of them")
    return fields.get(_MIGRATED, fields.get(_PROXIED))


def _tasks(path: Path, tasks: yaml.Node) -> Iterator[TaskState]:
    seen: dict[str, TaskState] = {}
    for node in as_items(path, tasks, _EXPECTED_TASKS):
        task = _task(path, node)
        if task.task_id in seen:
            where = seen[task.task_id].line
            raise error_at(path, node, f"the task {task.task_id!r} stands twice, first in line {where}")
        seen[task.task_id] = task
        yield task


def _task(path: Path, node: yaml.Node) -> TaskState:
    fields = as_fields(path, node, (_ID, _MIGRATED, _PROXIED, _MAPPED), _EXPECTED_TASK)
    flag = _flag(path, fields)
    if _ID not in fields or flag is None:
        raise error_at(path, node, f"{_EXPECTED_TASK}, found {show(node)}")
    task_id = as_text(path, fields[_ID], "expected a task id, a string (quote it)")
    migrated = as_boolean(path, flag)
    copies = Copies.EACH
    if _MAPPED in fields:
        allowed = [copies.value for copies in Copies]
        copies = Copies(as_text(path, fields[_MAPPED], "expected each or once", allowed))
    return TaskState(task_id, migrated, node.start_mark.line + 1, node.start_mark.column + 1, copies)
