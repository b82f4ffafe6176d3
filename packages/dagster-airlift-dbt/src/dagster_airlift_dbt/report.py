"""What is known of the dbt tasks of an Airflow instance, as a table and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dagster_airlift_core.naming import some_of
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.parsing import ParsedDbt
from dagster_airlift_dbt.recognition import Style
from dagster_airlift_dbt.resolved import Certainty, ResolvedTask, ResolvedTasks

_SHOWN = 6
_WIDTH = 110
_HEAD = ("task", "how", "certainty", "builds")


@dataclass(frozen=True)
class ReportedTask:
    """What is known of one task.

    Args:
        dag_id: Its DAG.
        task_id: The task.
        style: How it runs dbt; `given` where you said what it runs.
        commands: Its dbt commands, those that build nothing too.
        models: The unique ids of the models, seeds and snapshots that it builds.
        certainty: `given`, `certain` as the task ran just that, `likely` as its id says so, `partly` where it can
            be told of some of its commands only, or `unknown`.
        warnings: What is to be looked at.
        notes: What is to be known.
        run_id: The DAG run in which it ran that; nothing where none was read.
        selects_nothing: Whether a command of it selects nothing that is an asset.
    """

    dag_id: str
    task_id: str
    style: Style
    commands: tuple[str, ...]
    models: tuple[str, ...]
    certainty: Certainty
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    run_id: str
    selects_nothing: bool


@dataclass(frozen=True)
class DbtReport:
    """Which tasks run which models, how that is known, and what is left over.

    Args:
        tasks: The tasks that run dbt, or may.
        not_run: The unique ids of the models, seeds and snapshots that no task is known to build.
        problems: What Airflow did not tell, and why.
    """

    tasks: tuple[ReportedTask, ...]
    not_run: tuple[str, ...]
    problems: tuple[str, ...] = ()

    @property
    def selecting_nothing(self) -> tuple[ReportedTask, ...]:
        """The tasks with a command that selects nothing that is an asset."""
        return tuple(task for task in self.tasks if task.selects_nothing)

    @property
    def is_complete(self) -> bool:
        """Whether every model has its task, and nothing is uncertain."""
        return not self.not_run and not self.problems and not any(task.warnings for task in self.tasks)

    def to_json(self) -> str:
        """Write it as JSON, with the fields of the values."""
        return json.dumps(asdict(self), indent=2)

    def to_text(self) -> str:
        """Write it as a table, with what is to be looked at below."""
        rows = [_HEAD, *(_cells(task) for task in self.tasks)]
        widths = [max(len(row[at]) for row in rows) for at in range(len(_HEAD) - 1)]
        lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
        return "\n".join([*lines, *self._below()]) + "\n"

    def __str__(self) -> str:
        """Return the table."""
        return self.to_text()

    def _below(self) -> list[str]:
        remarks = [
            f"{task.dag_id}.{task.task_id}: {remark}"
            for task in self.tasks
            for remark in (*task.warnings, *task.notes)
        ]
        parts = {
            "To be looked at": remarks,
            "Models that no task is known to build": self.not_run,
            "Tasks that select nothing": [f"{each.dag_id}.{each.task_id}" for each in self.selecting_nothing],
            "What Airflow did not tell": self.problems,
        }
        return [
            line
            for title, entries in parts.items()
            if entries
            for line in ["", f"{title}:", *_listed(entries)]
        ]


def report_of(resolved: ResolvedTasks) -> DbtReport:
    """Report what was resolved.

    Args:
        resolved: What all tasks run.
    """
    index = resolved.index
    return DbtReport(
        tasks=tuple(_reported(task) for task in sorted(resolved.tasks, key=lambda task: task.handle)),
        not_run=tuple(sorted(index.assets - index.run)),
        problems=resolved.problems,
    )


def _reported(task: ResolvedTask) -> ReportedTask:
    return ReportedTask(
        dag_id=task.handle.dag_id,
        task_id=task.handle.task_id,
        style=task.style,
        commands=tuple(filter(None, map(_written, task.parsed))),
        models=tuple(sorted(task.models)),
        certainty=task.certainty,
        warnings=task.warnings,
        notes=task.notes,
        run_id=task.run_id,
        selects_nothing=task.selects_nothing,
    )


def _written(parsed: ParsedDbt) -> str:
    return str(parsed) if isinstance(parsed, DbtCommand) else parsed.text


def _cells(task: ReportedTask) -> tuple[str, ...]:
    names = [unique_id.split(".", 2)[-1] for unique_id in task.models]
    builds = f"{len(names)}: {some_of(names, _SHOWN)}" if names else "nothing"
    return f"{task.dag_id}.{task.task_id}", task.style, task.certainty, builds


def _listed(entries: Sequence[str]) -> list[str]:
    return [
        textwrap.fill(each, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False)
        for each in entries
    ]
