"""Which tasks of one DAG are migrated: a strict reader of `<dag_id>.yaml`, plain data, no Airflow and no HTTP."""

from __future__ import annotations

import difflib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

__all__ = [
    "MigrationState",
    "MigrationStateError",
    "MigrationStateWarning",
    "TaskState",
    "load_migration_state",
]

MAX_BYTES = 1_000_000
MAX_DEPTH = 8

_TASKS, _ID, _MIGRATED = "tasks", "id", "migrated"
_EXPECTED_TASK = "expected a task like {id: load, migrated: true}"
_STR_TAG = "tag:yaml.org,2002:str"
_MAP_TAG = "tag:yaml.org,2002:map"
_SEQ_TAG = "tag:yaml.org,2002:seq"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class MigrationStateError(ValueError):
    """A migration state file cannot be read or does not say what it has to say.

    Args:
        path: The file.
        line: Line of the place, from 1.
        column: Column of the place, from 1.
        problem: What is wrong there, as half a sentence without a full stop.
    """

    def __init__(self, path: Path, line: int, column: int, problem: str) -> None:
        # Folder and file only: a full path differs between processes and versions of a DAG bundle.
        super().__init__(f"{path.parent.name}/{path.name}:{line}:{column}: {problem}.")
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem

    def __reduce__(self) -> tuple[type[MigrationStateError], tuple[Path, int, int, str]]:
        """Survive a pickle, which an exception with arguments of its own does not by itself."""
        return type(self), (self.path, self.line, self.column, self.problem)


class MigrationStateWarning(UserWarning):
    """A migration state asks for something that cannot be done; the task stays as it is."""


@dataclass(frozen=True)
class TaskState:
    """One entry of the file: a task id, whether the task is migrated, and where that stands."""

    task_id: str
    migrated: bool
    line: int
    column: int


@dataclass(frozen=True)
class MigrationState:
    """How far one DAG has been migrated.

    Args:
        path: The file, whether it exists or not.
        tasks: Its entries, in its order; empty when there is no file.
    """

    path: Path
    tasks: tuple[TaskState, ...] = ()

    @property
    def migrated(self) -> frozenset[str]:
        """Ids of the tasks that Dagster runs."""
        return frozenset(task.task_id for task in self.tasks if task.migrated)


class _Mark(Protocol):
    """A place in the text: PyYAML has two classes for it, in Python and in C."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def load_migration_state(folder: str | os.PathLike[str], dag_id: str) -> MigrationState:
    """Read `<dag_id>.yaml` in a folder.

    Args:
        folder: Folder with one file per DAG. Where it does not exist, nothing is migrated.
        dag_id: The DAG. Its file is found by listing the folder; no path is made from the id.

    Returns:
        The state; without a file, one that has no tasks.

    Raises:
        MigrationStateError: The file cannot be read, or is not exactly
            `tasks: [{id: <string>, migrated: true|false}, ...]`.
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
    return MigrationState(path, tuple(_tasks(path, _compose(path, _read(root, path)))))


def _read(root: Path, path: Path) -> str:
    try:
        if not path.resolve(strict=True).is_relative_to(root.resolve()):
            raise MigrationStateError(path, 1, 1, "the file is a symbolic link that leaves its folder")
        if not stat.S_ISREG(path.stat().st_mode):
            raise MigrationStateError(path, 1, 1, "expected a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        reason = getattr(error, "strerror", None) or error
        raise MigrationStateError(path, 1, 1, f"the file cannot be read ({reason})") from error
    if len(content) > MAX_BYTES:
        raise MigrationStateError(path, 1, 1, f"the file is larger than {MAX_BYTES:,} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise MigrationStateError(path, line, column, "expected UTF-8") from error


def _compose(path: Path, text: str) -> yaml.Node | None:
    try:
        _check_events(path, text)
        return yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "the YAML cannot be parsed"
        raise MigrationStateError(path, *_place(mark), problem.rstrip(".")) from error
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split()).rstrip(".")
        raise MigrationStateError(path, 1, 1, f"the YAML cannot be parsed ({problem})") from error


def _check_events(path: Path, text: str) -> None:
    """Refuse aliases and deep nesting before anything is built from the events."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise MigrationStateError(path, *_place(event.start_mark), "aliases are not allowed")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise MigrationStateError(path, *_place(event.start_mark), "the YAML is nested too deeply")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _place(mark: _Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _tasks(path: Path, root: yaml.Node | None) -> Iterator[TaskState]:
    expected = "expected `tasks:` with a list of tasks like {id: load, migrated: true}"
    if root is None:
        raise MigrationStateError(path, 1, 1, f"{expected}, found nothing")
    tasks = _fields(path, root, (_TASKS,), expected)[_TASKS]
    if not isinstance(tasks, yaml.SequenceNode) or tasks.tag != _SEQ_TAG:
        raise _error(
            path, tasks, f"expected a list of tasks like {{id: load, migrated: true}}, found {_show(tasks)}"
        )
    seen: dict[str, TaskState] = {}
    for node in tasks.value:
        task = _task(path, node)
        if task.task_id in seen:
            where = seen[task.task_id].line
            raise _error(path, node, f"the task {task.task_id!r} stands twice, first in line {where}")
        seen[task.task_id] = task
        yield task


def _task(path: Path, node: yaml.Node) -> TaskState:
    fields = _fields(path, node, (_ID, _MIGRATED), _EXPECTED_TASK)
    task_id, migrated = fields[_ID], fields[_MIGRATED]
    if not isinstance(task_id, yaml.ScalarNode) or task_id.tag != _STR_TAG or not task_id.value:
        raise _error(path, task_id, f"expected a task id, a string (quote it), found {_show(task_id)}")
    if not _is_boolean(migrated):
        raise _error(path, migrated, f"expected true or false without quotes, found {_show(migrated)}")
    return TaskState(
        task_id.value, migrated.value == "true", node.start_mark.line + 1, node.start_mark.column + 1
    )


def _is_boolean(node: yaml.Node) -> bool:
    """Only `true` and `false`: YAML 1.1 would take `yes`, `on` and `True` as well."""
    tag = "tag:yaml.org,2002:bool"
    return isinstance(node, yaml.ScalarNode) and node.tag == tag and node.value in {"true", "false"}


def _fields(path: Path, node: yaml.Node, keys: tuple[str, ...], expected: str) -> dict[str, yaml.Node]:
    """Take a mapping that has exactly these keys, each once."""
    if not isinstance(node, yaml.MappingNode) or node.tag != _MAP_TAG:
        raise _error(path, node, f"{expected}, found {_show(node)}")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != _STR_TAG or key.value not in keys:
            raise _error(path, key, f"unknown key {_show(key)}{_nearest(key, keys)}")
        if key.value in fields:
            raise _error(path, key, f"the key {key.value!r} stands twice")
        fields[key.value] = value
    if len(fields) < len(keys):
        raise _error(path, node, f"{expected}, found {_show(node)}")
    return fields


def _nearest(key: yaml.Node, keys: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(str(key.value), keys, n=1)
    return f", did you mean {near[0]!r}?" if near else f", the keys here are {', '.join(keys)}"


def _show(node: yaml.Node, *, depth: int = 2) -> str:
    """Write a node as Python would write its value, cut short: it came from outside."""
    text = "..."
    if isinstance(node, yaml.ScalarNode):
        is_text = node.tag == _STR_TAG
        text = repr(node.value) if is_text else node.value or "nothing"
    elif depth and isinstance(node, yaml.MappingNode):
        pairs = (f"{_show(key, depth=0)}: {_show(value, depth=depth - 1)}" for key, value in node.value[:4])
        text = "{" + ", ".join(pairs) + "}"
    elif depth and isinstance(node, yaml.SequenceNode):
        text = "[" + ", ".join(_show(item, depth=depth - 1) for item in node.value[:4]) + "]"
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - one line of a log


def _error(path: Path, node: yaml.Node, problem: str) -> MigrationStateError:
    return MigrationStateError(path, node.start_mark.line + 1, node.start_mark.column + 1, problem)
