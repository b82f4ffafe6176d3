"""The dbt resources that Airflow's tasks build, as assets mapped to these tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from dagster import AssetKey, AssetsDefinition, AssetSpec, Definitions
from dagster_dbt import DagsterDbtTranslator, DbtProject

from dagster_airlift_core import TaskHandle, assets_with_multiple_task_mappings
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.errors import DbtMigrationError
from dagster_airlift_dbt.execution import executable_assets
from dagster_airlift_dbt.graph import DbtGraph
from dagster_airlift_dbt.manifest import read_manifest
from dagster_airlift_dbt.selection import DbtAssets


@dataclass(frozen=True)
class DbtOnAirflow:
    """One dbt project, run by tasks of Airflow.

    Its assets have the keys, groups, kinds and dependencies that dagster-dbt gives them, so a migration
    changes who runs a model and not how it looks.

    Args:
        manifest: Path of the project's `manifest.json`.
        tasks: DAG id → task id → the dbt command that the task runs. A model that several tasks run is one
            asset, mapped to all of them.
        translator: Gives each dbt resource its asset key and attributes; dagster-dbt's own by default.
    """

    manifest: Path
    tasks: Mapping[str, Mapping[str, DbtCommand]]
    translator: DagsterDbtTranslator = field(default_factory=DagsterDbtTranslator)
    _projects: Mapping[TaskHandle, DbtProject] = field(
        default_factory=dict[TaskHandle, DbtProject], repr=False
    )

    def migrate(self, dag_id: str, task_id: str, *, project: DbtProject) -> Self:
        """Let Dagster be able to run what one task runs: exactly its models, by its command.

        Airflow goes on running the task until its migration state says `migrated: true`.

        Args:
            dag_id: The DAG.
            task_id: The task, one of `tasks`.
            project: Where the dbt project lies for Dagster.

        Returns:
            A copy in which the models of this task are executable.

        Raises:
            DbtMigrationError: The task is none of `tasks`.
        """
        handle = TaskHandle(dag_id, task_id)
        commands = self._commands()
        if handle not in commands:
            known = ", ".join(sorted(f"{each.dag_id}.{each.task_id}" for each in commands))
            raise DbtMigrationError(
                f"{dag_id}.{task_id} is not among the dbt tasks of this project. They are {known}."
            )
        return replace(self, _projects={**self._projects, handle: project})

    def defs(self) -> Definitions:
        """Build the assets: one for each model, seed and snapshot that a task builds.

        Returns:
            Definitions with an external asset for what only Airflow can run, and an executable one for what was
            migrated, all mapped to their tasks.

        Raises:
            DbtManifestError: The manifest is missing, is no manifest, or has two resources with one asset key.
            DbtSelectionError: A task's command selects nothing, or cannot be resolved from a manifest.
            DbtMigrationError: A model is run by two tasks that are both migrated.
        """
        manifest = read_manifest(self.manifest)
        resources = DbtAssets(DbtGraph.from_manifest(manifest), manifest, self.translator)
        ids = {handle: resources.ids_of(command) for handle, command in self._commands().items()}
        specs = resources.specs(frozenset[str]().union(*ids.values()))
        handles = {
            spec.key: [handle for handle in ids if unique_id in ids[handle]]
            for unique_id, spec in specs.items()
        }
        executable = [self._executable(handle, resources) for handle in self._projects]
        _refuse_two_owners(executable)
        run_by_dagster = {key for assets in executable for key in assets.keys}
        observed = [spec for spec in specs.values() if spec.key not in run_by_dagster]
        return Definitions(
            assets=[
                *(_mapped_spec(spec, handles[spec.key]) for spec in observed),
                *(
                    assets.map_asset_specs(lambda spec: _mapped_spec(spec, handles[spec.key]))
                    for assets in executable
                ),
            ]
        )

    def _commands(self) -> dict[TaskHandle, DbtCommand]:
        return {
            TaskHandle(dag_id, task_id): command
            for dag_id, commands in self.tasks.items()
            for task_id, command in commands.items()
        }

    def _executable(self, handle: TaskHandle, assets: DbtAssets) -> AssetsDefinition:
        name = f"{dagster_name(handle.dag_id)}__{dagster_name(handle.task_id)}"
        return executable_assets(name, self._commands()[handle], assets, self._projects[handle])


def _mapped_spec(spec: AssetSpec, handles: list[TaskHandle]) -> AssetSpec:
    (mapped,) = assets_with_multiple_task_mappings([spec], handles)
    return mapped


def _refuse_two_owners(executable: list[AssetsDefinition]) -> None:
    owners: dict[AssetKey, str] = {}
    for assets in executable:
        for key in assets.keys:
            if key in owners:
                raise DbtMigrationError(
                    f"{key.to_user_string()!r} is built by two migrated tasks, {owners[key]!r} and "
                    f"{assets.op.name!r}, and an asset has one definition in Dagster. Migrate one of the two."
                )
            owners[key] = assets.op.name
