"""Lets Dagster run what a dbt task runs."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` at run time.

from collections.abc import Iterator

from dagster import AssetExecutionContext, AssetsDefinition, multi_asset
from dagster_dbt import DbtCliResource, DbtProject

from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.selection import DbtAssets


def executable_assets(
    name: str, command: DbtCommand, assets: DbtAssets, project: DbtProject
) -> AssetsDefinition:
    """Define the assets of a command as ones that Dagster builds, by the same command line.

    dagster-dbt's own `@dbt_assets` would resolve the selection once more, and otherwise than dbt does. So the
    assets are given by us and the selection as its tags: the whole is run by the words that Airflow's task has,
    and a part of it by the names that dagster-dbt then puts in their place.

    Args:
        name: Of the definition.
        command: What the task runs.
        assets: What the project looks like in Dagster.
        project: Where it lies for Dagster.

    Returns:
        One executable definition of all assets and checks of the command.

    Raises:
        DbtSelectionError: The selection names nothing that is an asset, or needs more than a manifest.
    """
    ids = assets.ids_of(command)

    @multi_asset(
        name=name,
        specs=list(assets.specs(ids).values()),
        check_specs=assets.checks(ids),
        can_subset=True,
        allow_arbitrary_check_specs=True,
        op_tags=_selection_tags(command),
    )
    def run_dbt(context: AssetExecutionContext) -> Iterator[object]:
        dbt = DbtCliResource(project_dir=project)
        yield from dbt.cli([command.command, *command.options, *command.flags], context=context).stream()

    return run_dbt


def _selection_tags(command: DbtCommand) -> dict[str, str]:
    """The tags in which `@dbt_assets` keeps its selection, and `DbtCliResource.cli` looks for it."""
    selection = {
        "dagster_dbt/select": command.select,
        "dagster_dbt/exclude": command.exclude,
        "dagster_dbt/selector": command.selector,
    }
    return {tag: value for tag, value in selection.items() if value}
