"""Whether Dagster can run what a task runs, word for word."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from dagster import AssetKey, AssetsDefinition

from dagster_airlift_core import TaskHandle
from dagster_airlift_dbt.arguments import Uncertain
from dagster_airlift_dbt.errors import DbtMigrationError
from dagster_airlift_dbt.fields import MASK
from dagster_airlift_dbt.flags import without_places
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.resolved import ResolvedTask


def command_to_migrate(handle: TaskHandle, task: ResolvedTask | None) -> TaskCommand:
    """Return the one command of a task that Dagster is to run in its place.

    Of one that was found out, the flags that name folders of Airflow's machine are left out.

    Args:
        handle: The task.
        task: What is known of it.

    Raises:
        DbtMigrationError: It is not known to run dbt, or Dagster would run something else.
    """
    reasons = _reasons(task)
    if task is None or reasons:
        raise DbtMigrationError(
            f"Dagster cannot run {handle} yet: {' '.join(reasons)} "
            "Once `tasks=` says which dbt command it runs, that one is taken."
        )
    (command,) = task.commands
    if task.style == "given":
        return command
    flags = without_places(command.command.flags)
    return replace(command, command=replace(command.command, flags=flags))


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


def _reasons(task: ResolvedTask | None) -> list[str]:
    if task is None:
        return ["Airflow does not tell that it runs dbt."]
    found = list(task.warnings)
    if len(task.commands) != 1:
        found.append(f"{len(task.commands)} dbt commands of it are known that build something, expected one.")
    if any(isinstance(each, Uncertain) for each in task.parsed):
        found.append("One of its commands is uncertain.")
    if any(MASK in flag for each in task.commands for flag in each.command.flags):
        found.append("Airflow has masked one of its flags.")
    return found
