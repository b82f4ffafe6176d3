"""What each task runs of the dbt projects: its commands, resolved, and what cannot be told of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Literal, TypeAlias

from dagster_airlift_core import TaskHandle
from dagster_airlift_dbt import cosmos
from dagster_airlift_dbt.arguments import Uncertain
from dagster_airlift_dbt.command import DbtCommand, RunCommand
from dagster_airlift_dbt.errors import DbtSelectionError, NothingSelected
from dagster_airlift_dbt.index import DbtIndex
from dagster_airlift_dbt.parsing import ParsedDbt
from dagster_airlift_dbt.projects import DbtProjects, TaskCommand
from dagster_airlift_dbt.recognition import NOT_RUN_YET, RecognisedTask, Style

Certainty: TypeAlias = Literal["given", "certain", "likely", "partly", "unknown"]
"""You said so; it ran just that; its id says so; of some of its commands alone; it cannot be told."""

_COMMANDS: dict[str, RunCommand] = {"model": "run", "seed": "seed", "snapshot": "snapshot"}


@dataclass(frozen=True)
class ResolvedTask:
    """What a task runs.

    Args:
        handle: The task.
        style: How it runs dbt.
        parsed: Its dbt commands.
        commands: Those that build or test something, each with what it runs.
        certainty: How sure that is.
        warnings: What is to be looked at.
        notes: What is to be known.
        run_id: The DAG run in which it ran that, nothing where none was read.
        selects_nothing: Whether a command of it selects nothing that is an asset.
    """

    handle: TaskHandle
    style: Style
    parsed: tuple[ParsedDbt, ...]
    commands: tuple[TaskCommand, ...]
    certainty: Certainty
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    run_id: str = ""
    selects_nothing: bool = False

    @property
    def models(self) -> frozenset[str]:
        """The unique ids of what it builds that is an asset."""
        return frozenset(
            unique_id for each in self.commands for unique_id in each.ids if each.assets.is_asset(unique_id)
        )


@dataclass(frozen=True)
class ResolvedTasks:
    """What all tasks run.

    Args:
        projects: The dbt projects.
        tasks: The tasks.
        problems: What could not be found out, and why.
    """

    projects: DbtProjects
    tasks: tuple[ResolvedTask, ...]
    problems: tuple[str, ...] = ()

    @property
    def commands(self) -> list[TaskCommand]:
        """The commands of all tasks."""
        return list(chain.from_iterable(task.commands for task in self.tasks))

    @cached_property
    def index(self) -> DbtIndex:
        """Which dbt resource is which asset, and which tasks run it."""
        return DbtIndex(self.projects.projects, self.commands)

    def of(self, handle: TaskHandle) -> ResolvedTask | None:
        """What one task runs, None for a task that runs no dbt.

        Args:
            handle: The task.
        """
        return next((task for task in self.tasks if task.handle == handle), None)


def given(projects: DbtProjects, handle: TaskHandle, commands: Iterable[DbtCommand]) -> ResolvedTask:
    """Resolve the commands that somebody has said a task runs.

    Args:
        projects: The dbt projects.
        handle: The task.
        commands: Its commands.

    Raises:
        DbtSelectionError: One of them selects nothing, something in several projects, or what needs more than a
            manifest.
    """
    resolved = tuple(projects.resolve(handle, command) for command in commands)
    return ResolvedTask(handle, "given", tuple(each.command for each in resolved), resolved, "given")


def found(projects: DbtProjects, task: RecognisedTask) -> ResolvedTask:
    """Resolve what was found out about a task; what does not fit the projects becomes a warning.

    Args:
        projects: The dbt projects.
        task: What was found out.
    """
    if task.guess or task.unique_ids:
        return _named(projects, task)
    commands: list[TaskCommand] = []
    warnings = [_doubt(each) for each in task.uncertain]
    failures: list[DbtSelectionError] = []
    for command in task.known:
        try:
            commands.append(projects.resolve(task.handle, command))
        except DbtSelectionError as error:
            # A test that finds nothing to do builds nothing, like any other.
            failures += [error] if command.builds else []
    misses = [error for error in failures if not isinstance(error, NothingSelected)]
    return ResolvedTask(
        handle=task.handle,
        style=task.style,
        parsed=task.commands,
        commands=tuple(commands),
        certainty=_certainty(any(each.command.builds for each in commands), bool(task.uncertain or misses)),
        warnings=(*warnings, *map(str, failures)),
        notes=task.notes,
        run_id=task.run_id,
        selects_nothing=len(failures) > len(misses),
    )


def _certainty(is_known: bool, is_in_doubt: bool) -> Certainty:  # noqa: FBT001 - two of a kind
    if not is_in_doubt:
        return "certain"
    return "partly" if is_known else "unknown"


def _doubt(uncertain: Uncertain) -> str:
    return f"`{uncertain.text}`: {uncertain.reason}." if uncertain.text else f"{uncertain.reason}."


def _named(projects: DbtProjects, task: RecognisedTask) -> ResolvedTask:
    """Resolve a task that names its resources itself, or by its id."""
    commands = tuple(_by_id(projects, task) if task.unique_ids else _by_name(projects, task))
    unknown = sorted(set(task.unique_ids).difference(*(each.ids for each in commands)))
    warnings = [f"No manifest has {each!r} as an asset." for each in unknown]
    if task.guess and not commands:
        warnings = [f"{NOT_RUN_YET}; no manifest has exactly one resource by the id of the task."]
    doubted: Certainty = "likely" if commands else "unknown"
    return ResolvedTask(
        handle=task.handle,
        style=task.style,
        parsed=tuple(each.command for each in commands),
        commands=commands,
        certainty="certain" if task.unique_ids else doubted,
        warnings=tuple(warnings),
        notes=task.notes,
        run_id=task.run_id,
        selects_nothing=bool(unknown) and not commands,
    )


def _by_id(projects: DbtProjects, task: RecognisedTask) -> Iterator[TaskCommand]:
    for unique_id in task.unique_ids:
        assets = next((each for each in projects.projects if unique_id in each.graph.nodes), None)
        if assets and assets.is_asset(unique_id):
            node = assets.graph.nodes[unique_id]
            command = DbtCommand(_COMMANDS[node.resource_type], select=f"fqn:{'.'.join(node.fqn)}")
            yield TaskCommand(task.handle, command, assets, frozenset({unique_id}))


def _by_name(projects: DbtProjects, task: RecognisedTask) -> Iterator[TaskCommand]:
    names = cosmos.names_of(task.handle.task_id, task.guess)
    named = [each for name in names for each in projects.by_cosmos_name.get(name, ())]
    if len(named) == 1 and named[0][0].is_asset(named[0][1].unique_id):
        assets, node = named[0]
        kind = "build" if task.guess == "build" else _COMMANDS[node.resource_type]
        command = DbtCommand(kind, select=f"fqn:{'.'.join(node.fqn)}")
        yield TaskCommand(task.handle, command, assets, frozenset({node.unique_id}))
