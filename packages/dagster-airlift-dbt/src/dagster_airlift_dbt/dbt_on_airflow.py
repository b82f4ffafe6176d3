"""The dbt resources that Airflow's tasks build, as assets mapped to these tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from dagster import AssetKey, AssetsDefinition, Definitions

from dagster_airlift_core import AirflowFilter, AirflowInstance, TaskHandle
from dagster_airlift_core.filters import EVERYTHING
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_core.results import TaskEvent
from dagster_airlift_dbt import resolved
from dagster_airlift_dbt.checks import DbtChecks
from dagster_airlift_dbt.discovered import NOBODY_ASKED, Discovered
from dagster_airlift_dbt.discovery import Discovery
from dagster_airlift_dbt.errors import DbtMigrationError
from dagster_airlift_dbt.explicit import ExplicitTasks, Tasks
from dagster_airlift_dbt.found import ResultSource
from dagster_airlift_dbt.given import check_choices, check_given
from dagster_airlift_dbt.index import DbtIndex
from dagster_airlift_dbt.last_resolved import LastResolved
from dagster_airlift_dbt.last_runs import LastRuns, RanLast, Seen, seen_by
from dagster_airlift_dbt.log_results import DbtTaskLogs
from dagster_airlift_dbt.manifest import ManifestSource
from dagster_airlift_dbt.migrating import commands_to_migrate, refuse_two_owners
from dagster_airlift_dbt.preflight import Preflight, preflight_of
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.projects import DbtProjects, TaskCommand, handles_of, mapped_spec, specs_of
from dagster_airlift_dbt.reading import ProjectReader, manifests_at
from dagster_airlift_dbt.relations import Detail
from dagster_airlift_dbt.report import DbtReport, report_of
from dagster_airlift_dbt.selection import DbtAssets
from dagster_airlift_dbt.specs import DbtTranslator, ManifestTranslator, specs_by
from dagster_airlift_dbt.task_results import Checks, DbtTaskResults

if TYPE_CHECKING:
    from dagster_dbt import DbtProject


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
            is one asset, mapped to all of them. Beside `airflow` only what is not to be found out, or found out
            otherwise; None, in the place of a command or of a whole DAG, says that this is not dbt.
        translator: Decides how the assets look. A function is given each resource and the spec that it would
            have, and returns the one that it gets. A `DagsterDbtTranslator` is asked as dagster-dbt asks it; the
            whole manifest is kept in memory for it. By default the assets look as dagster-dbt shows them.
        detail: `full` as dagster-dbt, or `slim`: without the columns, and without the SQL in the description.
            They are most of what Dagster stores of a big project; what Dagster runs is always shown in full.
        airflow: The Airflow instance, to find out from it which tasks run what: by the classes of the tasks, and
            by what they ran last. It is asked when the code location loads; where it does not answer, what was
            found out last counts.
        retrieval_filter: Which DAGs of it are looked at.
        state_path: File in which what was found out is kept; by default one below `$DAGSTER_HOME/airlift`, and
            none where that is not set.
        results: Where to look for what each run did, the best place first, such as a `DbtResultStore` or
            `DbtTaskLogs`. Where nothing is found, a successful task has built all that it names.
        checks: Which results of dbt's tests are recorded as asset checks: `all`, `failures` with what passes again
            after one, or `none`. Airflow runs the tests; Dagster never does for this.
        compiled_sql: Whether events show the SQL that ran.

    Raises:
        TypeError: Something is of another type.
        ValueError: There is no such detail, or no such choice of checks.
        DbtMigrationError: Neither `tasks` nor `airflow` is given.
    """

    manifest: ManifestSource | Sequence[ManifestSource]
    tasks: Tasks = field(default_factory=dict)
    translator: DbtTranslator | None = None
    detail: Detail = "full"
    airflow: AirflowInstance | None = None
    retrieval_filter: AirflowFilter | None = None
    state_path: str | Path | None = None
    results: Sequence[ResultSource] = ()
    checks: Checks = "all"
    compiled_sql: bool = False
    _projects: Mapping[TaskHandle, DbtProject] = field(
        default_factory=dict[TaskHandle, "DbtProject"], repr=False
    )
    # Shared by the copies that `migrate` makes: they are one question to Airflow.
    _discovered: dict[Discovery, Discovered] = field(
        default_factory=dict[Discovery, Discovered], repr=False, compare=False
    )
    _last: LastResolved = field(default_factory=LastResolved, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is of another type, a detail or checks that there are not, and what names no task at all."""
        check_given(self.manifest, self.tasks, self.airflow, self.retrieval_filter, self.results)
        check_choices(self.detail, self.checks)
        if not self.tasks and self.airflow is None:
            raise DbtMigrationError(
                "Nothing says which tasks run dbt. Give `airflow=`, to find it out, or `tasks=`, to say it."
            )

    def migrate(self, dag_id: str, task_id: str, *, project: DbtProject) -> Self:
        """Let Dagster be able to run what one task runs: exactly its models, by its command.

        Airflow goes on running the task until its migration state says `migrated: true`. This needs
        dagster-dbt: `pip install dagster-airlift-dbt[migrate]`.

        Of a task that only tests, the asset that stands for it becomes executable: its run evaluates the checks. A task
        that was found out and cannot be migrated is told in a warning, and stays as it is; one of `tasks` is refused.

        Args:
            dag_id: The DAG.
            task_id: The task.
            project: Where the dbt project lies for Dagster.

        Returns:
            A copy in which the models of this task are executable.

        Raises:
            DbtMigrationError: The task is none of `tasks` and Airflow is not asked, or it runs several commands.
        """
        handle = TaskHandle(dag_id, task_id)
        self._explicit.check_migration(handle, is_all=self.airflow is None)
        return replace(self, _projects={**self._projects, handle: project})

    def defs(self) -> Definitions:
        """Build the assets: one for each model, seed and snapshot that a task builds.

        Returns:
            Definitions with an external asset for what only Airflow can run, and an executable one for what was
            migrated, all mapped to their tasks.

        Raises:
            DbtManifestError: A manifest is missing, is no manifest, or has two resources with one asset key.
            DbtSelectionError: A command of `tasks` selects nothing, or cannot be resolved from a manifest.
            DbtMigrationError: A model is run by two tasks that are both migrated.
        """
        tasks = self._resolved()
        commands = tasks.commands
        specs = specs_of(commands)
        handles = handles_of(commands)
        migrated = commands_to_migrate(tasks, self._projects, self._explicit)
        executable = [self._executable(each) for each in migrated]
        refuse_two_owners(executable)
        run_by_dagster = {key for assets in executable for key in assets.keys}
        return Definitions(
            assets=[
                *(
                    mapped_spec(spec, handles[key])
                    for key, spec in specs.items()
                    if key not in run_by_dagster
                ),
                *(
                    assets.map_asset_specs(
                        # What stands for a task that tests is of that task alone.
                        lambda spec, task=task: mapped_spec(spec, handles.get(spec.key, [task.handle]))
                    )
                    for task, assets in zip(migrated, executable, strict=True)
                ),
            ],
            asset_checks=self._results_of(tasks).declared_checks(executable, migrated),
        )

    def events_of(
        self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[AssetKey]
    ) -> Sequence[TaskEvent] | None:
        """Tell what a finished task did: this makes it the `task_results` of the core.

        Args:
            airflow: The Airflow instance.
            instances: The finished try; for a dynamically mapped task all of its instances.
            keys: Keys of the assets that are mapped to the task.

        Returns:
            The events; None where none of `results` knows.

        Raises:
            AirliftError: A place of results cannot be read now.
        """
        return self._task_results.events_of(airflow, instances, keys)

    def report(self) -> DbtReport:
        """Tell which tasks run which models, how that is known, and what is left over.

        Returns:
            The report; printed, it is a table.

        Raises:
            DbtManifestError: A manifest is missing, or is no manifest.
            DbtSelectionError: A command of `tasks` selects nothing, or cannot be resolved from a manifest.
        """
        return report_of(self._resolved())

    def index(self) -> DbtIndex:
        """Tell which dbt resource is which asset, and which tasks run it.

        Returns:
            The index of the manifests and tasks of now.

        Raises:
            DbtManifestError: A manifest is missing, or is no manifest.
            DbtSelectionError: A command of `tasks` selects nothing, or cannot be resolved from a manifest.
        """
        return self._resolved().index

    def preflight(self, dag_id: str, task_id: str, *, last: RanLast | None = None) -> Preflight:
        """Compare what Dagster would run in the place of a task with what Airflow ran last.

        What Airflow ran is told by dbt's own results of the last runs, all taken together: from `results`, or else from
        the logs of the task. Where there are none, by its rendered command, resolved on the manifest.

        Args:
            dag_id: The DAG.
            task_id: The task.
            last: Knows better what the task really ran.

        Returns:
            Both, and what differs; printed, it is a text.

        Raises:
            DbtManifestError: A manifest is missing, or is no manifest.
            DbtSelectionError: A command of `tasks` selects nothing, or cannot be resolved from a manifest.
        """
        handle = TaskHandle(dag_id, task_id)
        tasks = self._resolved()
        ran = self._discover().by_handle.get(handle)
        told = resolved.found(tasks.projects, ran) if ran and ran.run_id else None
        planned = tasks.of(handle)
        seen = Seen()
        if last:
            seen = seen_by(last, handle)
        elif self.airflow:
            results = replace(self._results_of(tasks), sources=self.results or (DbtTaskLogs(),))
            seen = LastRuns(self.airflow, results).seen_of(handle, told or planned)
        return preflight_of(handle, planned, told, seen)

    @property
    def testing_tasks(self) -> Collection[TaskHandle]:
        """The tasks that run dbt and build nothing, which the core asks about as well."""
        return self._task_results.testing_tasks

    @property
    def unreached_tasks(self) -> Collection[TaskHandle]:
        """The tasks that run dbt: the core asks about them too when Airflow skipped or did not get to one."""
        return self._task_results.unreached_tasks

    @cached_property
    def _task_results(self) -> DbtTaskResults:
        return self._results_of(self._last.tasks or self._resolved())

    def _results_of(self, tasks: resolved.ResolvedTasks) -> DbtTaskResults:
        checks = [DbtChecks(each, self.translator) for each in tasks.projects.projects]
        testing = {task.handle for task in tasks.tasks if not task.models}
        return DbtTaskResults(self.results, checks, tasks.commands, testing, self.checks, self.compiled_sql)

    def _resolved(self) -> resolved.ResolvedTasks:
        contents = tuple(reader.read() for reader in self._readers)
        discovered = self._discover()
        return self._last.get((*contents, discovered), lambda: self._resolve(contents, discovered))

    def _resolve(self, contents: Collection[DbtProjectContent], found: Discovered) -> resolved.ResolvedTasks:
        projects = DbtProjects([self._assets(content) for content in contents])
        explicit = self._explicit
        tasks = [resolved.given(projects, handle, each) for handle, each in explicit.commands.items()]
        tasks += [resolved.found(projects, task) for task in found.tasks if not explicit.decides(task.handle)]
        return resolved.ResolvedTasks(projects, tuple(tasks), found.problems)

    def _discover(self) -> Discovered:
        if self.airflow is None:
            return NOBODY_ASKED
        path = Path(self.state_path) if self.state_path else None
        discovery = Discovery(self.airflow, self.retrieval_filter or EVERYTHING, path)
        if discovery not in self._discovered:
            self._discovered[discovery] = discovery.load()
        return self._discovered[discovery]

    @property
    def _explicit(self) -> ExplicitTasks:
        return ExplicitTasks(self.tasks)

    @cached_property
    def _readers(self) -> list[ProjectReader]:
        keeps_manifest = bool(self._projects) or isinstance(self.translator, ManifestTranslator)
        return [ProjectReader(place, self.detail, keeps_manifest) for place in manifests_at(self.manifest)]

    def _assets(self, project: DbtProjectContent) -> DbtAssets:
        return DbtAssets(project, specs_by(self.translator, project))

    def _executable(self, task: TaskCommand) -> AssetsDefinition:
        # dagster-dbt is an extra.
        from dagster_airlift_dbt.execution import Execution  # noqa: PLC0415

        execution = Execution(task.assets, self.translator)
        return execution.executable(task, self.airflow, self._projects[task.handle])
