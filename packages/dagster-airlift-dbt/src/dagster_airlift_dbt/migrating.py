"""Whether Dagster can run what a task runs, word for word."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace

from dagster import AssetKey, AssetsDefinition, AssetSpec

from dagster_airlift_core import AirflowInstance, TaskHandle
from dagster_airlift_core.keys import task_asset_key
from dagster_airlift_core.naming import nearest
from dagster_airlift_dbt.arguments import Uncertain
from dagster_airlift_dbt.errors import DbtMigrationError
from dagster_airlift_dbt.explicit import ExplicitTasks
from dagster_airlift_dbt.fields import MASK
from dagster_airlift_dbt.flags import without_places
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.resolved import ResolvedTask, ResolvedTasks

_log = logging.getLogger(__name__)


def command_to_migrate(handle: TaskHandle, task: ResolvedTask | None) -> TaskCommand:
    """Return the one command of a task that Dagster is to run in its place: the one that builds, or else the test.

    Of one that was found out, the flags that name folders of Airflow's machine are left out.

    Args:
        handle: The task.
        task: What is known of it.

    Raises:
        DbtMigrationError: It is not known to run dbt, or Dagster would run something else.
    """
    commands = counting(task.commands) if task else list[TaskCommand]()
    reasons = _reasons(task, commands)
    if task is None or reasons:
        raise DbtMigrationError(
            f"Dagster cannot run {handle} yet: {' '.join(reasons)} "
            "Once `tasks=` says which dbt command it runs, that one is taken."
        )
    command = commands[0]
    if task.style == "given":
        return command
    flags = without_places(command.command.flags)
    return replace(command, command=replace(command.command, flags=flags))


def commands_to_migrate(
    tasks: ResolvedTasks, handles: Iterable[TaskHandle], explicit: ExplicitTasks
) -> list[TaskCommand]:
    """Return what Dagster is to run in the place of some tasks; of one that cannot be run, a warning tells why.

    Args:
        tasks: What is known of all tasks.
        handles: The tasks.
        explicit: What somebody has said about them.

    Raises:
        DbtMigrationError: Dagster cannot run a task of which somebody has said what it runs.
    """
    found: list[TaskCommand] = []
    for handle in handles:
        try:
            found.append(command_to_migrate(handle, tasks.of(handle)))
        except DbtMigrationError as error:
            if explicit.decides(handle):
                raise
            known = [str(task.handle) for task in tasks.tasks]
            _log.warning("%s%s", error, nearest(str(handle), known) if tasks.of(handle) is None else "")
    return found


def counting(commands: Iterable[TaskCommand]) -> Sequence[TaskCommand]:
    """Return the commands of a task that build something, or all where it only tests.

    Args:
        commands: The commands.
    """
    known = tuple(commands)
    return tuple(each for each in known if each.command.builds) or known


def refuse_two_owners(executable: Iterable[AssetsDefinition]) -> None:
    """Refuse to let Dagster build an asset in two ways.

    Args:
        executable: What Dagster can run.

    Raises:
        DbtMigrationError: Two of them build the same asset.
    """
    owners: dict[AssetKey, str] = {}
    for assets in executable:
        for key in assets.keys:
            if key in owners:
                raise DbtMigrationError(
                    f"{key.to_user_string()!r} is built by two migrated tasks, {owners[key]!r} and "
                    f"{assets.op.name!r}, and an asset has one definition in Dagster. Migrate one of the two."
                )
            owners[key] = assets.op.name


def testing_spec(task: TaskCommand, airflow: AirflowInstance | None) -> AssetSpec:
    """Give the asset that stands for a task that tests; it reads what is tested.

    Args:
        task: The task.
        airflow: The Airflow instance.

    Raises:
        DbtMigrationError: It is not known in which Airflow instance the task is.
    """
    handle = task.handle
    if airflow is None:
        raise DbtMigrationError(
            f"{handle} only tests, and the asset that stands for it is named after its Airflow instance. "
            "Give `airflow=` too."
        )
    nodes, relations = task.assets.graph.nodes, task.assets.project.relations
    tested = {parent for each in task.ids for parent in nodes[each].depends_on if parent in relations}
    return AssetSpec(
        task_asset_key(airflow.name, handle.dag_id, handle.task_id),
        deps=sorted({task.assets.spec_of(each).key for each in tested}),
        description=f"The tests of `{task.command}`; each is a check of what it tests.",
        kinds={"dbt"},
    )


def _reasons(task: ResolvedTask | None, commands: Sequence[TaskCommand]) -> list[str]:
    if task is None:
        return ["Airflow does not tell that it runs dbt."]
    found = list(task.warnings)
    if len(commands) != 1:
        found.append(
            f"{len(commands)} dbt commands of it are known that build or test something, expected one."
        )
    if any(isinstance(each, Uncertain) for each in task.parsed):
        found.append("One of its commands is uncertain.")
    if any(MASK in flag for each in commands for flag in each.command.flags):
        found.append("Airflow has masked one of its flags.")
    return found
