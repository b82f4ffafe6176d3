"""Which dbt commands a task of Airflow runs, told by its class and by what it ran last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal, TypeAlias

from dagster_airlift_core import TaskHandle
from dagster_airlift_core.model import RenderedFields, Task
from dagster_airlift_dbt import cosmos, operators
from dagster_airlift_dbt.arguments import Uncertain
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.parsing import ParsedDbt

Style: TypeAlias = Literal[
    "bash",
    "cosmos",
    "cosmos watcher",
    "dbt cloud",
    "airflow-dbt-python",
    "container",
    "other operator",
    "given",
]
"""How a task runs dbt; `given` says that you told so."""

NOT_RUN_YET = "it did not run lately, and Airflow does not tell before what it will run"

# The class with its module, first fit; what fits none is not taken to run dbt.
_STYLES: tuple[tuple[re.Pattern[str], Style | None], ...] = (
    (re.compile(r"cosmos\.operators\..*watcher", re.IGNORECASE), "cosmos watcher"),
    (re.compile(r"cosmos\."), "cosmos"),
    (re.compile(r"airflow\.providers\.dbt\.cloud\..*RunJob"), "dbt cloud"),
    (re.compile(r"airflow\.providers\.dbt\.cloud\."), None),
    (re.compile(r"airflow_dbt_python\."), "airflow-dbt-python"),
    (re.compile(r".*bash", re.IGNORECASE), "bash"),
    (
        re.compile(r".*(kubernetes|pod|docker|container|cloud_?run|ecs|batch|\.eks)", re.IGNORECASE),
        "container",
    ),
    (re.compile(r".*dbt", re.IGNORECASE), "other operator"),
)


@dataclass(frozen=True)
class RecognisedTask:
    """What is known of the dbt commands of a task; nothing of its template fields but these is kept.

    Args:
        handle: The task.
        style: How it runs dbt.
        commands: What it runs: commands that build something, others, and such of which it cannot be told.
        unique_ids: The dbt resources that it names itself, instead of by a command.
        run_id: The DAG run in which it ran that; nothing before its first one.
        guess: The command that its class stands for, where its id may tell the rest.
        notes: What else is to be said about it.
    """

    handle: TaskHandle
    style: Style
    commands: tuple[ParsedDbt, ...] = ()
    unique_ids: tuple[str, ...] = ()
    run_id: str = ""
    guess: str = ""
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[DbtCommand, ...]:
        """The commands of which it can be told what they build or test."""
        return tuple(each for each in self.commands if isinstance(each, DbtCommand))

    @property
    def uncertain(self) -> tuple[Uncertain, ...]:
        """The commands of which it cannot."""
        return tuple(each for each in self.commands if isinstance(each, Uncertain))


def style_of(task: Task) -> Style | None:
    """Tell how a task may run dbt.

    Args:
        task: The task.

    Returns:
        The style, None for a task that runs none, or of whose class nothing can be told.
    """
    if task.is_proxied:
        return None
    return next((style for pattern, style in _STYLES if pattern.match(task.operator_class or "")), None)


def recognise(task: Task, ran: Sequence[RenderedFields]) -> RecognisedTask | None:
    """Tell which dbt commands a task runs.

    Args:
        task: The task.
        ran: The template fields of its last instance, or of all copies of a mapped task; none before its first
            run.

    Returns:
        What is known, None if the task runs no dbt.
    """
    style = style_of(task)
    if style is None:
        return None
    handle = TaskHandle(task.dag_id, task.task_id)
    class_name = (task.operator_class or "").rpartition(".")[2]
    if not ran:
        return _before_the_first_run(RecognisedTask(handle, style), class_name)
    found = RecognisedTask(handle, style, run_id=ran[0].run_id)
    if style == "cosmos watcher":
        return _watching(found, class_name, ran)
    read = cosmos.commands if style == "cosmos" else operators.READERS[style]
    commands = tuple(dict.fromkeys(chain.from_iterable(read(class_name, each.fields) for each in ran)))
    return replace(found, commands=commands, notes=_notes(task, ran)) if commands else None


def _before_the_first_run(found: RecognisedTask, class_name: str) -> RecognisedTask | None:
    if found.style in {"cosmos", "cosmos watcher"}:
        if cosmos.is_producer(class_name):
            return replace(found, notes=(cosmos.PRODUCES,))
        return _of_class(found, cosmos.command_of(class_name))
    return replace(found, commands=(Uncertain("", NOT_RUN_YET),))


def _of_class(found: RecognisedTask, kind: str) -> RecognisedTask | None:
    """What can be told without fields: a command that builds nothing, or what the id of the task may add to."""
    if kind in cosmos.BUILDING:
        return replace(found, guess=kind)
    return replace(found, commands=cosmos.other(kind)) if kind else None


def _watching(found: RecognisedTask, class_name: str, ran: Sequence[RenderedFields]) -> RecognisedTask | None:
    if cosmos.is_producer(class_name):
        return replace(found, notes=(cosmos.PRODUCES,))
    named = [each.fields.get("model_unique_id") for each in ran]
    ids = tuple(each for each in named if isinstance(each, str) and each.count(".") > 1)
    kind = cosmos.command_of(class_name)
    return replace(found, unique_ids=ids) if ids and kind in cosmos.BUILDING else _of_class(found, kind)


def _notes(task: Task, ran: Sequence[RenderedFields]) -> tuple[str, ...]:
    if not task.is_mapped:
        return ()
    return (
        f"It is mapped: this is what its {len(ran)} copies ran last, and the next ones may run something else.",
    )
