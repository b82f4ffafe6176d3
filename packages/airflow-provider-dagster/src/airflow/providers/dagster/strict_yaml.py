"""Reading one YAML file strictly: what it may be, where a mistake stands, and what is allowed there."""

from __future__ import annotations

import difflib
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

import yaml

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MigrationStateError",
    "as_boolean",
    "as_fields",
    "as_items",
    "as_text",
    "error_at",
    "read_yaml",
    "show",
]

MAX_BYTES = 1_000_000
MAX_DEPTH = 8

_STR_TAG = "tag:yaml.org,2002:str"
_BOOL_TAG = "tag:yaml.org,2002:bool"
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
        end = "" if problem.endswith("?") else "."
        super().__init__(f"{path.parent.name}/{path.name}:{line}:{column}: {problem}{end}")
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem

    def __reduce__(self) -> tuple[type[MigrationStateError], tuple[Path, int, int, str]]:
        """Survive a pickle, which an exception with arguments of its own does not by itself."""
        return type(self), (self.path, self.line, self.column, self.problem)


class _Mark(Protocol):
    """A place in the text: PyYAML has two classes for it, in Python and in C."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


def read_yaml(root: Path, path: Path) -> yaml.Node | None:
    """Read a file of a folder.

    Args:
        root: The folder.
        path: The file, in the folder.

    Returns:
        Its one document as a tree, None when it is empty.

    Raises:
        MigrationStateError: The file leaves the folder, is too large, is not UTF-8, or is not the YAML that is allowed.
    """
    return _compose(path, _read(root, path))


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


def as_fields(path: Path, node: yaml.Node, keys: tuple[str, ...], expected: str) -> dict[str, yaml.Node]:
    """Take a mapping that has only these keys, each at most once.

    Args:
        path: The file.
        node: What should be the mapping.
        keys: The keys that are allowed.
        expected: What is said when it is no mapping.

    Returns:
        The values that are there, by key.

    Raises:
        MigrationStateError: It is something else.
    """
    if not isinstance(node, yaml.MappingNode) or node.tag != _MAP_TAG:
        raise error_at(path, node, f"{expected}, found {show(node)}")
    fields: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag != _STR_TAG or key.value not in keys:
            raise error_at(path, key, f"unknown key {show(key)}{_nearest(key, keys, 'the keys here are')}")
        if key.value in fields:
            raise error_at(path, key, f"the key {key.value!r} stands twice")
        fields[key.value] = value
    return fields


def as_items(path: Path, node: yaml.Node, expected: str) -> list[yaml.Node]:
    """Take the items of a list; `expected` is what is said when it is none."""
    if not isinstance(node, yaml.SequenceNode) or node.tag != _SEQ_TAG:
        raise error_at(path, node, f"{expected}, found {show(node)}")
    return list(node.value)


def as_boolean(path: Path, node: yaml.Node) -> bool:
    """Take `true` or `false` alone: YAML 1.1 would take `yes`, `on` and `True` as well."""
    is_boolean = isinstance(node, yaml.ScalarNode) and node.tag == _BOOL_TAG
    if not is_boolean or node.value not in {"true", "false"}:
        raise error_at(
            path, node, f"expected true or false, in lower case and without quotes, found {show(node)}"
        )
    return node.value == "true"


def as_text(path: Path, node: yaml.Node, expected: str, allowed: Collection[str] = ()) -> str:
    """Take a text that is not empty, and one of those that are allowed if these are given."""
    if not isinstance(node, yaml.ScalarNode) or node.tag != _STR_TAG or not node.value:
        raise error_at(path, node, f"{expected}, found {show(node)}")
    if allowed and node.value not in allowed:
        near = _nearest(node, tuple(allowed), "it is one of")
        raise error_at(path, node, f"{expected}, found {show(node)}{near}")
    return str(node.value)


def error_at(path: Path, node: yaml.Node, problem: str) -> MigrationStateError:
    """Say what is wrong with a node, and where it stands."""
    return MigrationStateError(path, node.start_mark.line + 1, node.start_mark.column + 1, problem)


def _nearest(node: yaml.Node, names: tuple[str, ...], otherwise: str) -> str:
    near = difflib.get_close_matches(str(node.value), names, n=1)
    return f", did you mean {near[0]!r}?" if near else f", {otherwise} {', '.join(names)}"


def show(node: yaml.Node, *, depth: int = 2) -> str:
    """Write a node as Python would write its value, cut short: it came from outside."""
    text = "..."
    if isinstance(node, yaml.ScalarNode):
        is_text = node.tag == _STR_TAG
        text = repr(node.value) if is_text else node.value or "nothing"
    elif depth and isinstance(node, yaml.MappingNode):
        pairs = (f"{show(key, depth=0)}: {show(value, depth=depth - 1)}" for key, value in node.value[:4])
        text = "{" + ", ".join(pairs) + "}"
    elif depth and isinstance(node, yaml.SequenceNode):
        text = "[" + ", ".join(show(item, depth=depth - 1) for item in node.value[:4]) + "]"
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - one line of a log
