"""The dbt resources that Airflow's tasks build, as assets mapped to these tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeAlias, get_args

from dagster import AssetChecksDefinition, AssetKey, AssetsDefinition, AssetSpec, Definitions

from dagster_airlift_core import AirflowInstance, TaskHandle, assets_with_multiple_task_mappings
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_core.results import TaskEvent
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.declared_checks import checks_of, declared_checks
from dagster_airlift_dbt.errors import DbtManifestError, DbtMigrationError
from dagster_airlift_dbt.found import ResultSource
from dagster_airlift_dbt.manifest import ManifestSource
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.projects import DbtProjects, TaskCommand, handles_of, specs_of
from dagster_airlift_dbt.reading import ProjectReader, manifests_at
from dagster_airlift_dbt.relations import Detail
from dagster_airlift_dbt.selection import DbtAssets
from dagster_airlift_dbt.specs import DbtTranslator, ManifestTranslator, specs_by
from dagster_airlift_dbt.task_results import Checks, DbtTaskResults

if TYPE_CHECKING:
    from dagster_dbt import DbtProject

TaskCommands: TypeAlias = DbtCommand | Sequence[DbtCommand]
"""What a task runs: one dbt command, or one after the other."""


@dataclass(frozen=True)
class DbtOnAirflow:
    """dbt projects, run by tasks of Airflow.

    Their assets have the keys, groups, kinds and dependencies that dagster-dbt gives them, so a migration
    changes who runs a model and not how it looks. dagster-dbt itself is needed to migrate only.

    Args:
        manifest: The project's `manifest.json`: a path, a URI that fsspec knows (`s3://…`), its content, or a
            `DbtProject`; or several of these, where the tasks run several projects. It is read again once it
            has changed.
        tasks: DAG id → task id → the dbt command that the task runs, or several. A model that several tasks run
            is one asset, mapped to all of them.
        translator: Decides how the assets look. A function is given each resource and the spec that it would
            have, and returns the one that it gets. A `DagsterDbtTranslator` is asked as dagster-dbt asks it; the
            whole manifest is kept in memory for it. By default the assets look as dagster-dbt shows them.
        detail: `full` as dagster-dbt, or `slim`: without the columns, and without the SQL in the description.
            They are most of what Dagster stores of a big project; what Dagster runs is always shown in full.
        results: Where to look for what each run did, the best place first: a `DbtResultStore`, a `DbtResultXCom`,
            a `CosmosWatcher`, `DbtTaskLogs`. With nothing there, or nowhere to look, a successful task has built
            all that its command names.
        checks: Which results of dbt's tests are recorded as asset checks: `all`, `failures` with what passes again
            after one, or `none`. Airflow runs the tests; Dagster never does for this.
        compiled_sql: Whether events show the SQL that ran.
    """

    manifest: ManifestSource | Sequence[ManifestSource]
    tasks: Mapping[str, Mapping[str, TaskCommands]]
    translator: DbtTranslator | None = None
    detail: Detail = "full"
    results: Sequence[ResultSource] = ()
    checks: Checks = "all"
    compiled_sql: bool = False
    _projects: Mapping[TaskHandle, DbtProject] = field(
        default_factory=dict[TaskHandle, "DbtProject"], repr=False
    )

    def __post_init__(self) -> None:
        """Refuse a detail or checks that there are not."""
        if self.detail not in get_args(Detail):
            raise DbtManifestError(f"The detail {self.detail!r} is not among {', '.join(get_args(Detail))}.")
        if self.checks not in get_args(Checks):
            raise DbtManifestError(f"{self.checks!r} is not among the checks {', '.join(get_args(Checks))}.")

    def migrate(self, dag_id: str, task_id: str, *, project: DbtProject) -> Self:
        """Let Dagster be able to run what one task runs: exactly its models, by its command.

        Airflow goes on running the task until its migration state says `migrated: true`. This needs
        dagster-dbt: `pip install dagster-airlift-dbt[migrate]`.

        Args:
            dag_id: The DAG.
            task_id: The task, one of `tasks`.
            project: Where the dbt project lies for Dagster.

        Returns:
            A copy in which the models of this task are executable.

        Raises:
            DbtMigrationError: The task is none of `tasks`, or runs several dbt commands.
        """
        handle = TaskHandle(dag_id, task_id)
        commands = self._commands()
        if handle not in commands:
            known = ", ".join(sorted(f"{each.dag_id}.{each.task_id}" for each in commands))
            raise DbtMigrationError(
                f"{dag_id}.{task_id} is not among the dbt tasks of this project. They are {known}."
            )
        if len(commands[handle]) != 1:
            raise DbtMigrationError(
                f"{dag_id}.{task_id} runs {len(commands[handle])} dbt commands, and Dagster runs one for a task. "
                "Give each command a task of its own in Airflow first."
            )
        return replace(self, _projects={**self._projects, handle: project})

    def defs(self) -> Definitions:
        """Build the assets: one for each model, seed and snapshot that a task builds.

        Returns:
            Definitions with an external asset for what only Airflow can run, and an executable one for what was
            migrated, all mapped to their tasks.

        Raises:
            DbtManifestError: A manifest is missing, is no manifest, or has two resources with one asset key.
            DbtSelectionError: A task's command selects nothing, or cannot be resolved from a manifest.
            DbtMigrationError: A model is run by two tasks that are both migrated.
        """
        commands = self._resolved()
        specs = specs_of(commands)
        handles = handles_of(commands)
        executable = [self._executable(each) for each in commands if each.handle in self._projects]
        _refuse_two_owners(executable)
        run_by_dagster = {key for assets in executable for key in assets.keys}
        return Definitions(
            assets=[
                *(
                    _mapped_spec(spec, handles[key])
                    for key, spec in specs.items()
                    if key not in run_by_dagster
                ),
                *(
                    assets.map_asset_specs(lambda spec: _mapped_spec(spec, handles[spec.key]))
                    for assets in executable
                ),
            ],
            asset_checks=self._declared_checks(commands, executable),
        )

    def events_of(
        self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[AssetKey]
    ) -> Sequence[TaskEvent] | None:
        """Tell what a finished task did; this makes it the `task_results` of the core's sensor.

        Args:
            airflow: The Airflow instance.
            instances: The finished try; for a dynamically mapped task all of its instances.
            keys: Keys of the assets that are mapped to the task.

        Returns:
            The events, None where none of `results` knows.

        Raises:
            AirliftError: A place of results cannot be read now.
        """
        return self._task_results.events_of(airflow, instances, keys)

    @cached_property
    def _task_results(self) -> DbtTaskResults:
        commands = self._resolved()
        return DbtTaskResults(
            sources=self.results,
            checks=checks_of(commands, self.translator),
            commands=commands,
            which=self.checks,
            with_sql=self.compiled_sql,
        )

    def _declared_checks(
        self, commands: Sequence[TaskCommand], executable: Sequence[AssetsDefinition]
    ) -> Sequence[AssetChecksDefinition]:
        """The checks that Airflow evaluates: all but those of the tests that Dagster can run."""
        if not self.results or self.checks == "none":
            return []
        return declared_checks(
            commands, self.translator, {key for each in executable for key in each.check_keys}
        )

    def _resolved(self) -> Sequence[TaskCommand]:
        projects = DbtProjects([self._assets(reader.read()) for reader in self._readers])
        return [
            projects.resolve(handle, command) for handle, each in self._commands().items() for command in each
        ]

    @cached_property
    def _readers(self) -> list[ProjectReader]:
        keeps_manifest = bool(self._projects) or isinstance(self.translator, ManifestTranslator)
        return [ProjectReader(place, self.detail, keeps_manifest) for place in manifests_at(self.manifest)]

    def _assets(self, project: DbtProjectContent) -> DbtAssets:
        return DbtAssets(project, specs_by(self.translator, project))

    def _commands(self) -> dict[TaskHandle, Sequence[DbtCommand]]:
        return {
            TaskHandle(dag_id, task_id): [each] if isinstance(each, DbtCommand) else each
            for dag_id, commands in self.tasks.items()
            for task_id, each in commands.items()
        }

    def _executable(self, task: TaskCommand) -> AssetsDefinition:
        # dagster-dbt is an extra.
        from dagster_airlift_dbt.execution import Execution  # noqa: PLC0415

        name = f"{dagster_name(task.handle.dag_id)}__{dagster_name(task.handle.task_id)}"
        execution = Execution(task.assets, self.translator)
        return execution.executable_assets(name, task.command, self._projects[task.handle])


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
