"""What somebody has said about the tasks: which dbt commands they run, and which are not dbt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dagster_airlift_core import TaskHandle
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.errors import DbtMigrationError

TaskCommands: TypeAlias = DbtCommand | Sequence[DbtCommand]
"""What a task runs: one dbt command, or one after the other."""

Tasks: TypeAlias = Mapping[str, Mapping[str, TaskCommands | None] | None]
"""DAG id → task id → what the task runs; None for a task, or a DAG, that is not dbt."""


@dataclass(frozen=True)
class ExplicitTasks:
    """What was said about tasks.

    Args:
        tasks: It.
    """

    tasks: Tasks

    @property
    def commands(self) -> dict[TaskHandle, Sequence[DbtCommand]]:
        """The commands of each task that runs dbt."""
        return {
            TaskHandle(dag_id, task_id): [each] if isinstance(each, DbtCommand) else each
            for dag_id, commands in self.tasks.items()
            for task_id, each in (commands or {}).items()
            if each is not None
        }

    def decides(self, handle: TaskHandle) -> bool:
        """Whether something was said about a task, so that it need not be found out.

        Args:
            handle: The task.
        """
        commands = self.tasks.get(handle.dag_id, {})
        return commands is None or handle.task_id in commands

    def check_migration(self, handle: TaskHandle, *, is_all: bool) -> None:
        """Refuse a task that Dagster cannot run by what was said about it.

        Args:
            handle: The task.
            is_all: Whether there are no other tasks than these.

        Raises:
            DbtMigrationError: It is none of these, is not dbt, or runs several commands.
        """
        commands = self.commands
        if handle not in commands and (is_all or self.decides(handle)):
            known = ", ".join(sorted(map(str, commands)))
            raise DbtMigrationError(f"{handle} is not among the dbt tasks of this project. They are {known}.")
        if handle in commands and len(commands[handle]) != 1:
            raise DbtMigrationError(
                f"{handle} runs {len(commands[handle])} dbt commands, and Dagster runs one for a task. "
                "Give each command a task of its own in Airflow first."
            )
