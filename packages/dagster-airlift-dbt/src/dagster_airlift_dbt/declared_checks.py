"""Declares the checks of tests that Airflow runs; Dagster shows what was observed of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dagster import AssetCheckKey, AssetChecksDefinition, AssetCheckSpec

from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.observed_checks import observed_checks
from dagster_airlift_dbt.checks import DbtChecks
from dagster_airlift_dbt.projects import TaskCommand


def declared_checks(
    projects: Sequence[DbtChecks],
    commands: Sequence[TaskCommand],
    others: Collection[AssetCheckKey],
    only: Collection[AssetCheckKey] | None = None,
) -> list[AssetChecksDefinition]:
    """Declare the tests of what some commands build, one definition for each project.

    Args:
        projects: The checks of each project.
        commands: The commands.
        others: Checks that are declared already: those of what Dagster runs itself.
        only: No check but these; None for all.
    """
    declared: list[AssetChecksDefinition] = []
    taken = set(others)
    for checks in projects:
        ids = {each for command in commands if command.assets is checks.assets for each in command.ids}
        new: dict[AssetCheckKey, AssetCheckSpec] = {
            spec.key: spec
            for spec in checks.specs_for(ids)
            if spec.key not in taken and (only is None or spec.key in only)
        }
        taken.update(new)
        if new:
            name = f"{dagster_name(checks.assets.graph.project or 'dbt')}__observed_dbt_tests"
            declared.extend(observed_checks(name, list(new.values())))
    return declared
