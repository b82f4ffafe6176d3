"""What the tasks of Cosmos run: by their class and fields, or by their id before they have run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dagster_airlift_dbt.arguments import NonBuilding, read_arguments
from dagster_airlift_dbt.fields import Fields, unmasked, words_of
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.operators import selecting_words
from dagster_airlift_dbt.parsing import ParsedDbt
from dagster_airlift_dbt.shell import Word

BUILDING = frozenset({"build", "run", "seed", "snapshot"})
"""What of Cosmos builds something."""
PRODUCES = "It runs dbt for the tasks that watch it; each of these is mapped to its own models."

_CLASS = re.compile(
    r"_?(Dbt|SetupAsync|TeardownAsync)"
    r"(?P<kind>Build|RunOperation|Run|Seed|Snapshot|Test|Source|LS|Docs|Deps|Compile|Clone)?.*"
)
_WORDS = {
    "RunOperation": "run-operation",
    "LS": "ls",
    "Docs": "docs",
}
_TYPES = {
    "run": ("model",),
    "seed": ("seed",),
    "snapshot": ("snapshot",),
    "build": ("model", "seed", "snapshot"),
}


def command_of(class_name: str) -> str:
    """The dbt command that a class of Cosmos stands for; nothing for one that is not known."""
    found = _CLASS.fullmatch(class_name)
    kind = found["kind"] if found and found["kind"] and found[1] == "Dbt" else ""
    return _WORDS.get(kind, kind.lower())


def is_producer(class_name: str) -> bool:
    """Whether a class runs dbt for others, which watch it."""
    return "Producer" in class_name


def watches(class_name: str) -> bool:
    """Whether a class watches the one that runs dbt."""
    return "Watcher" in class_name and not is_producer(class_name)


def other(kind: str) -> tuple[ParsedDbt, ...]:
    """The command of a task that builds nothing; none where its class is not known."""
    return (NonBuilding(f"dbt {kind}"),) if kind else ()


def commands(class_name: str, fields: Fields) -> Sequence[ParsedDbt]:
    """Read the command of a task that has run.

    Args:
        class_name: Its class.
        fields: Its template fields.
    """
    kind = command_of(class_name)
    if kind not in BUILDING:
        return other(kind)
    flags = [Word(flag, "{{" in flag) for flag in words_of(fields.get("dbt_cmd_flags")) if flag.strip()]
    return [unmasked(read_arguments([Word(kind), *selecting_words(fields), *flags]))]


def names_of(task_id: str, kind: str) -> frozenset[tuple[str, str]]:
    """Which resource a task that has not run yet may be the one of, as Cosmos names tasks by default.

    Args:
        task_id: The task, with its groups.
        kind: The command that its class stands for.

    Returns:
        Types of resources, each with a name.
    """
    return frozenset(
        (resource_type, name)
        for resource_type in _TYPES.get(kind, ())
        for suffix in ((f"{resource_type}_build", "build") if kind == "build" else (kind,))
        for name in _candidates(task_id, suffix)
    )


def name_of(node: DbtNode) -> tuple[str, str]:
    """The type and the name by which Cosmos names the task of a resource."""
    return node.resource_type, f"{node.name}_v{node.version}" if node.is_versioned else node.name


def _candidates(task_id: str, suffix: str) -> set[str]:
    *groups, last = task_id.split(".")
    named = {last.removesuffix(f"_{suffix}")} if last.endswith(f"_{suffix}") else set[str]()
    return named | ({groups[-1]} if groups and last == suffix else set())
