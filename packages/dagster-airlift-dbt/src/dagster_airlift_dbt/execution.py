"""Lets Dagster run what a dbt task runs; the one module that needs dagster-dbt."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` at run time.

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetObservation,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    multi_asset,
)
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject

from dagster_airlift_core import AirflowInstance
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.errors import DbtMigrationError
from dagster_airlift_dbt.manifest import Manifest
from dagster_airlift_dbt.migrating import testing_spec
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.selection import DbtAssets
from dagster_airlift_dbt.specs import ChangeSpec, DbtTranslator, specs_by


class ChangedSpecs(DagsterDbtTranslator):
    """dagster-dbt's own specs, changed by a function of the user.

    Args:
        change: The function.
        nodes: The resources that it is told about.
    """

    def __init__(self, change: ChangeSpec, nodes: Mapping[str, DbtNode]) -> None:
        super().__init__()
        self._change = change
        self._nodes = nodes
        self._made: dict[str, AssetSpec] = {}

    def get_asset_spec(self, manifest: Manifest, unique_id: str, project: DbtProject | None) -> AssetSpec:
        """Give the changed spec, and call the function once for each resource.

        Args:
            manifest: The manifest.
            unique_id: The resource.
            project: Where it lies.

        Returns:
            What the function gave.
        """
        if unique_id not in self._made:
            default = super().get_asset_spec(manifest, unique_id, project)
            self._made[unique_id] = self._change(self._nodes[unique_id], default)
        return self._made[unique_id]


@dataclass(frozen=True)
class Execution:
    """What dagster-dbt is told about a project that Dagster runs.

    Args:
        assets: What the project looks like in Dagster; it has its manifest.
        translator: What was asked for to translate it.
    """

    assets: DbtAssets
    translator: DbtTranslator | None

    def executable(
        self, task: TaskCommand, airflow: AirflowInstance | None, project: DbtProject
    ) -> AssetsDefinition:
        """Define what a task runs as something that Dagster can run.

        Args:
            task: The task, with its command.
            airflow: The Airflow instance in which it is.
            project: Where the project lies for Dagster.

        Raises:
            DbtSelectionError: The selection names nothing that is an asset, or needs more than a manifest.
            DbtMigrationError: dagster-dbt cannot run what this translator names, or the task only tests and it is not
                known in which Airflow instance it is.
        """
        name = f"{dagster_name(task.handle.dag_id)}__{dagster_name(task.handle.task_id)}"
        if task.command.builds:
            return self.executable_assets(name, task.command, project)
        return self.executable_tests(name, testing_spec(task, airflow), task.command, project)

    def executable_assets(self, name: str, command: DbtCommand, project: DbtProject) -> AssetsDefinition:
        """Define the assets of a command as ones that Dagster builds, by the same command line.

        dagster-dbt's own `@dbt_assets` would resolve the selection once more, and otherwise than dbt does. So
        the assets are given by us and the selection as its tags: the whole is run by the words that Airflow's
        task has, and a part of it by the names that dagster-dbt then puts in their place.

        Args:
            name: Of the definition.
            command: What the task runs.
            project: Where the project lies for Dagster.

        Returns:
            One executable definition of all assets and checks of the command.

        Raises:
            DbtSelectionError: The selection names nothing that is an asset, or needs more than a manifest.
            DbtMigrationError: dagster-dbt cannot run what this translator names.
        """
        translator = self._for_dagster_dbt()
        assets = DbtAssets(self.assets.project, specs_by(translator, self.assets.project))
        manifest = self.assets.project.manifest or {}
        ids = assets.ids_of(command)
        specs, checks = list(assets.specs(ids).values()), _checks(assets, translator, ids)

        @multi_asset(
            name=name,
            specs=specs,
            check_specs=checks,
            can_subset=True,
            allow_arbitrary_check_specs=True,
            op_tags=_selection_tags(command),
        )
        def run_dbt(context: AssetExecutionContext) -> Iterator[object]:
            dbt = DbtCliResource(project_dir=project)
            words = [command.command, *command.options, *command.flags]
            if not _lacks_checks_of_sources_alone(context, specs, checks):
                yield from dbt.cli(words, context=context).stream()
                return
            words += command.selection
            told = dbt.cli(words, manifest=manifest, dagster_dbt_translator=translator)
            for event in told.stream_raw_events():
                yield from event.to_default_asset_events(manifest, translator, context, told.target_path)

        return run_dbt

    def executable_tests(
        self, name: str, spec: AssetSpec, command: DbtCommand, project: DbtProject
    ) -> AssetsDefinition:
        """Define the asset that stands for a task that tests, so that Dagster runs its tests by the same command line.

        A check is asked for in Dagster with the asset that it is about, and here the tests run without their assets. So
        the one asset of the task is asked for, and what dbt says of each test is recorded where its check is.

        Args:
            name: Of the definition.
            spec: The asset.
            command: What the task runs.
            project: Where the project lies for Dagster.

        Returns:
            An executable definition of that asset alone.

        Raises:
            DbtMigrationError: dagster-dbt cannot run what this translator names.
        """
        translator = self._for_dagster_dbt()
        manifest = self.assets.project.manifest or {}
        words = [command.command, *command.selection, *command.options, *command.flags]

        @multi_asset(name=name, specs=[spec])
        def run_dbt(context: AssetExecutionContext) -> Iterator[object]:
            dbt = DbtCliResource(project_dir=project)
            # Without the context: with it, dagster-dbt tells of no check but those of the assets that are asked for.
            told = dbt.cli(words, manifest=manifest, dagster_dbt_translator=translator).stream()
            for event in told:
                if isinstance(event, AssetCheckEvaluation | AssetObservation):
                    context.log_event(event)  # pyright: ignore[reportArgumentType] - it takes evaluations too
            yield MaterializeResult(asset_key=spec.key)

        return run_dbt

    def _for_dagster_dbt(self) -> DagsterDbtTranslator:
        if self.translator is None:
            return DagsterDbtTranslator()
        if isinstance(self.translator, DagsterDbtTranslator):
            return self.translator
        if callable(self.translator):
            return ChangedSpecs(self.translator, self.assets.graph.nodes)
        raise DbtMigrationError(
            f"dagster-dbt cannot run what {type(self.translator).__name__} names: it is no DagsterDbtTranslator. "
            "Derive it from that class, or give a function of a resource and its spec."
        )


def _lacks_checks_of_sources_alone(
    context: AssetExecutionContext, specs: Collection[AssetSpec], checks: Collection[AssetCheckSpec]
) -> bool:
    """Whether all assets are asked for, and all checks but some of what is only read.

    So does Airflow ask: for the assets, which brings the checks of these. To dagster-dbt that is a part, of which it
    would name the resources, and so run tests that the words of the command leave out.
    """
    asked = context.selected_asset_keys
    lacking = {check.key for check in checks} - context.selected_asset_check_keys
    is_whole = {spec.key for spec in specs} == asked
    return is_whole and bool(lacking) and not any(key.asset_key in asked for key in lacking)


def _checks(
    assets: DbtAssets, translator: DagsterDbtTranslator, ids: Collection[str]
) -> list[AssetCheckSpec]:
    """The checks that dagster-dbt makes of the tests that run, where what they test runs too."""
    manifest: Mapping[str, Any] = assets.project.manifest or {}
    nodes = assets.graph.nodes
    checks: dict[str, AssetCheckSpec] = {}
    for test in sorted(each for each in ids if nodes[each].resource_type == "test"):
        for parent in nodes[test].depends_on:
            is_checked = (
                translator.settings.enable_source_tests_as_checks
                if parent.startswith("source.")
                else parent in ids and assets.is_asset(parent)
            )
            check = is_checked and translator.get_asset_check_spec(
                assets.spec_of(parent), manifest, test, project=None
            )
            if check:
                checks[check.get_python_identifier()] = check
    return list(checks.values())


def _selection_tags(command: DbtCommand) -> dict[str, str]:
    """The tags in which `@dbt_assets` keeps its selection, and `DbtCliResource.cli` looks for it."""
    selection = {
        "dagster_dbt/select": command.select,
        "dagster_dbt/exclude": command.exclude,
        "dagster_dbt/selector": command.selector,
    }
    return {tag: value for tag, value in selection.items() if value}
