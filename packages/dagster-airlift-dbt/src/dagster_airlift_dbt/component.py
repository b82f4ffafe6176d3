"""The same from YAML: a component that peers an Airflow instance with the dbt projects that its tasks run."""

# Dagster looks at the annotations of a component, so they must not be put off (no __future__ import).
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from dagster import Component, ComponentLoadContext, DefaultSensorStatus, Definitions, Resolvable
from dagster.components import scaffold_with

from dagster_airlift_core import AirflowInstance, build_defs_from_airflow_instance
from dagster_airlift_core.component_auth import ResolvedAirflowAuth
from dagster_airlift_core.component_fields import ResolvedAirflowFilter, ResolvedHttpOptions
from dagster_airlift_core.http_options import DEFAULT_OPTIONS
from dagster_airlift_core.naming import nearest
from dagster_airlift_core.partitions import PartitionSource
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.component_scaffolding import DbtOnAirflowScaffolder
from dagster_airlift_dbt.dbt_on_airflow import DbtOnAirflow
from dagster_airlift_dbt.errors import DbtSelectionError
from dagster_airlift_dbt.explicit import Tasks
from dagster_airlift_dbt.found import ResultSource
from dagster_airlift_dbt.log_results import DbtTaskLogs
from dagster_airlift_dbt.migrated import with_migrated
from dagster_airlift_dbt.parsing import parse_dbt
from dagster_airlift_dbt.store_results import DbtResultStore
from dagster_airlift_dbt.watcher_results import CosmosWatcher
from dagster_airlift_dbt.xcom_results import DbtResultXCom

WrittenCommands: TypeAlias = str | Sequence[str] | None
"""The dbt command lines of a task; None for one that is not dbt."""

_SOURCES: Mapping[str, Callable[[], ResultSource]] = {
    "logs": DbtTaskLogs,
    "watcher": CosmosWatcher,
    "xcom": DbtResultXCom,
}


@dataclass
class MigratedTask(Resolvable):
    """A task whose models Dagster can run.

    Args:
        dag_id: The DAG.
        task_id: The task.
        project: Folder of the dbt project, from the folder of the component.
    """

    dag_id: str
    task_id: str
    project: str


@scaffold_with(DbtOnAirflowScaffolder)
@dataclass
class DbtOnAirflowComponent(Component, Resolvable):
    """Peer an Airflow instance, with the dbt models that its tasks run as assets.

    Airflow is asked when the code location loads. When it does not answer, the definitions are as they were:
    `DAGSTER_HOME` has to be a folder that outlives the process for that.

    Args:
        auth: Where Airflow is, and the credentials.
        name: Names the instance in asset keys, tags and the sensor: keep it stable.
        manifest: Where `manifest.json` is: a path, from the folder of the component, or a URI; or several.
        tasks: DAG id, task id, and the dbt command lines of the task, where they are not to be found out; null for
            a task, or a DAG, that is not dbt.
        discover: Whether Airflow is asked which tasks run what; without it, `tasks` is all there is.
        migrate: The tasks whose models Dagster can run.
        detail: `full` as dagster-dbt, or `slim`: without columns and SQL.
        results: Where to look for what each run did, the best place first: `logs` of the tasks, their `xcom`,
            Cosmos' `watcher`, or the path or URI of a store.
        checks: Which results of dbt's tests are recorded as asset checks: `all`, `failures` or `none`.
        compiled_sql: Whether events show the SQL that ran.
        filter: Which DAGs and Airflow assets are asked for.
        sensor_minimum_interval_seconds: Seconds between two looks at Airflow.
        default_sensor_status: Whether the sensor runs before anyone has switched it on.
        task_assets: Whether each task is an asset as well.
        http: How HTTP gets there: certificates, proxy, headers, connections.
        partition_source: Which moment of a DAG run names the partition of partitioned assets.
        mapped_tasks: Whether a dynamically mapped task is told of once, or each of its instances.
        trigger_dags: Ids of the DAGs whose assets can be materialized from Dagster, by a run of the DAG.
        run_timeline: Whether each DAG is a job as well, and each DAG run that ended a run of it.
    """

    auth: ResolvedAirflowAuth
    name: str
    manifest: str | Sequence[str]
    tasks: Mapping[str, Mapping[str, WrittenCommands] | None] | None = None
    discover: bool = True
    migrate: Sequence[MigratedTask] | None = None
    detail: Literal["full", "slim"] = "full"
    results: Sequence[str] | None = None
    checks: Literal["all", "failures", "none"] = "all"
    compiled_sql: bool = False
    filter: ResolvedAirflowFilter | None = None
    sensor_minimum_interval_seconds: int = 30
    default_sensor_status: Literal["RUNNING", "STOPPED"] = "RUNNING"
    task_assets: bool = False
    http: ResolvedHttpOptions = DEFAULT_OPTIONS
    partition_source: PartitionSource = "data_interval_start"
    mapped_tasks: Literal["once", "each"] = "once"
    trigger_dags: Sequence[str] = ()
    run_timeline: bool = False

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        """Return the definitions.

        Args:
            context: Where the component stands; paths begin there.
        """
        airflow = AirflowInstance(self.auth, self.name, http=self.http)
        dbt = self.dbt_on(airflow, context.path)
        return build_defs_from_airflow_instance(
            airflow_instance=airflow,
            defs=dbt.defs(),
            task_results=dbt,
            sensor_minimum_interval_seconds=self.sensor_minimum_interval_seconds,
            default_sensor_status=DefaultSensorStatus(self.default_sensor_status),
            retrieval_filter=self.filter,
            task_assets=self.task_assets,
            partition_source=self.partition_source,
            mapped_tasks=self.mapped_tasks,
            trigger_dags=self.trigger_dags,
            run_timeline=self.run_timeline,
        )

    def dbt_on(self, airflow: AirflowInstance, folder: Path) -> DbtOnAirflow:
        """Return what the YAML says, as one says it in Python.

        Args:
            airflow: The Airflow instance.
            folder: Where paths begin.

        Raises:
            DbtSelectionError: What a task runs is no dbt command that builds or tests something.
        """
        manifests = [self.manifest] if isinstance(self.manifest, str) else self.manifest
        dbt = DbtOnAirflow(
            manifest=[_located(each, folder) for each in manifests],
            tasks=_tasks(self.tasks or {}),
            detail=self.detail,
            airflow=airflow if self.discover else None,
            retrieval_filter=self.filter,
            results=[_source(each, folder) for each in self.results or ()],
            checks=self.checks,
            compiled_sql=self.compiled_sql,
        )
        for task in self.migrate or ():
            dbt = with_migrated(dbt, task.dag_id, task.task_id, folder / task.project)
        return dbt


def _source(name: str, folder: Path) -> ResultSource:
    own = _SOURCES.get(name)
    if own is None and name.isalpha() and (near := nearest(name, sorted(_SOURCES))):
        raise DbtSelectionError(
            f"results names {name!r}, which is none of {', '.join(_SOURCES)}.{near} A folder of that name is ./{name}."
        )
    return own() if own else DbtResultStore(_located(name, folder))


def _located(place: str, folder: Path) -> str:
    return place if "://" in place else str(folder / place)


def _tasks(written: Mapping[str, Mapping[str, WrittenCommands] | None]) -> Tasks:
    return {
        dag_id: None
        if tasks is None
        else {task_id: _commands(each, f"{dag_id}.{task_id}") for task_id, each in tasks.items()}
        for dag_id, tasks in written.items()
    }


def _commands(written: WrittenCommands, task: str) -> Sequence[DbtCommand] | None:
    if written is None:
        return None
    lines = [written] if isinstance(written, str) else written
    parsed = [each for line in lines for each in parse_dbt(line)]
    commands = [each for each in parsed if isinstance(each, DbtCommand)]
    if not commands or len(commands) != len(parsed):
        raise DbtSelectionError(
            f"{task} is said to run {written!r}, which is not only dbt commands that build or test something. "
            "Write them as on a command line, such as `dbt run --select staging`, or null for what is not dbt."
        )
    return commands
