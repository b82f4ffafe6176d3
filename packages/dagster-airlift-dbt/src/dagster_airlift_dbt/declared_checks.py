"""Declares the checks of tests that Airflow runs; Dagster shows what was observed of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dagster import AssetCheckKey, AssetChecksDefinition, AssetCheckSpec

from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.observed_checks import observed_checks
from dagster_airlift_dbt.checks import DbtChecks
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.specs import DbtTranslator


def checks_of(commands: Sequence[TaskCommand], translator: DbtTranslator | None) -> list[DbtChecks]:
    """Return the checks of each project that some commands run in.

    Args:
        commands: The commands.
        translator: What was asked for to translate the projects.
    """
    projects = {id(each.assets): each.assets for each in commands}
    return [DbtChecks(assets, translator) for assets in projects.values()]


def declared_checks(
    commands: Sequence[TaskCommand], translator: DbtTranslator | None, others: Collection[AssetCheckKey]
) -> list[AssetChecksDefinition]:
    """Declare the tests of what some commands build, one definition for each project.

    Args:
        commands: The commands.
        translator: What was asked for to translate the projects.
        others: Checks that are declared already: those of what Dagster runs itself.
    """
    declared: list[AssetChecksDefinition] = []
    taken = set(others)
    for checks in checks_of(commands, translator):
        ids = {each for command in commands if command.assets is checks.assets for each in command.ids}
        new: dict[AssetCheckKey, AssetCheckSpec] = {
            spec.key: spec for spec in checks.specs_for(ids) if spec.key not in taken
        }
        taken.update(new)
        if new:
            name = f"{dagster_name(checks.assets.graph.project or 'dbt')}__observed_dbt_tests"
            declared.extend(observed_checks(name, list(new.values())))
    return declared
