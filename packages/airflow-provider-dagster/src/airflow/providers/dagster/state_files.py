"""Adding tasks to the text of a migration state, and leaving everything else in it as it stands."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from airflow.providers.dagster.strict_yaml import read_yaml

__all__ = ["add_tasks", "new_text", "write_atomically"]

_BOM = "\ufeff"


def new_text(task_ids: Iterable[str]) -> str:
    """Write a migration state by which nothing is migrated.

    Args:
        task_ids: The tasks, in the order in which they are written.

    Returns:
        The text of the file.
    """
    lines = [f"  - {_entry(task_id)}\n" for task_id in task_ids]
    return "".join(["tasks:\n", *lines]) if lines else "tasks: []\n"


def add_tasks(path: Path, task_ids: Sequence[str]) -> str:
    """Add tasks that are not migrated to the end of the list in a file.

    Args:
        path: A file that `load_migration_state` reads, and that has a list of tasks.
        task_ids: The tasks, none of which is in it.

    Returns:
        The new text: every comment, blank line and entry of the old one, and the new entries.

    Raises:
        MigrationStateError: The file cannot be read.
    """
    text = path.read_bytes().decode()
    bom = _BOM if text.startswith(_BOM) else ""
    lines = text.removeprefix(_BOM).splitlines(keepends=True)
    tasks = _list_of(read_yaml(path.parent, path))
    if tasks.flow_style:
        _insert_before_bracket(lines, tasks, ", ".join(map(_entry, task_ids)))
    else:
        _insert_lines(lines, tasks, task_ids, "\r\n" if "\r\n" in text else "\n")
    return bom + "".join(lines)


def write_atomically(path: Path, text: str) -> None:
    """Put a file in its place in one step: a reader sees the old text or the new one.

    Args:
        path: The file; where it is a link, what it leads to.
        text: What it will say.
    """
    target = path.resolve()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        # A temporary file is nobody else's to read; this one is.
        Path(name).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _list_of(root: yaml.Node | None) -> yaml.SequenceNode:
    pairs: list[tuple[yaml.Node, yaml.Node]] = root.value if isinstance(root, yaml.MappingNode) else []
    tasks = next((value for key, value in pairs if key.value == "tasks"), None)
    if not isinstance(tasks, yaml.SequenceNode):
        raise TypeError("Only a file with a list of tasks can be added to.")
    return tasks


def _insert_before_bracket(lines: list[str], tasks: yaml.SequenceNode, entries: str) -> None:
    line, column = tasks.end_mark.line, tasks.end_mark.column - 1
    comma = ", " if tasks.value and not _has_comma(lines, tasks.value[-1].end_mark, (line, column)) else ""
    lines[line] = lines[line][:column] + comma + entries + lines[line][column:]


def _has_comma(lines: Sequence[str], start: yaml.Mark, end: tuple[int, int]) -> bool:
    """Whether a comma stands between two places, outside of comments."""
    between = [*lines[start.line : end[0]], lines[end[0]][: end[1]]]
    between[0] = between[0][start.column :]
    return any("," in line.partition("#")[0] for line in between)


def _insert_lines(lines: list[str], tasks: yaml.SequenceNode, task_ids: Sequence[str], ending: str) -> None:
    last = tasks.value[-1]
    while isinstance(last, yaml.MappingNode) and not last.flow_style:
        # The end of a block is where the next thing begins, behind the comments between.
        last = last.value[-1][1]
    after, indent = last.end_mark.line + 1, " " * tasks.start_mark.column
    if not lines[after - 1].endswith("\n"):
        lines[after - 1] += ending
    lines[after:after] = [f"{indent}- {_entry(task_id)}{ending}" for task_id in task_ids]


def _entry(task_id: str) -> str:
    # What YAML would read as a number, a date or a boolean gets its quotes here.
    written = yaml.safe_dump(task_id, allow_unicode=True, width=10_000).splitlines()[0]
    return f"{{id: {written}, migrated: false}}"
