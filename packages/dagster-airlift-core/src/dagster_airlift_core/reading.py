"""Take a snapshot: ask one Airflow instance for everything, and keep what the last one knew where it is silent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from dagster_airlift_core.errors import AirflowApiError, AirflowUnreachable
from dagster_airlift_core.filters import AirflowFilter
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.instance import TASKS_WITHIN, AirflowInstance
from dagster_airlift_core.model import AirflowAsset, BadRow, Dag, ImportProblem, Page, Task
from dagster_airlift_core.snapshot import AirflowSnapshot

_log = logging.getLogger(__name__)


@dataclass
class Reading:
    """One reading of an Airflow instance.

    Args:
        airflow: The Airflow instance.
        only: Which DAGs and Airflow assets.
        selects: Which of these DAGs, by a function.
        with_sources: Whether to ask for the source code of each DAG.
        last: The snapshot before, for what Airflow does not tell this time.
        tasks_within: Seconds after which the tasks of no further DAG are asked for.
    """

    airflow: AirflowInstance
    only: AirflowFilter = field(default_factory=AirflowFilter)
    selects: Callable[[Dag], bool] | None = None
    with_sources: bool = False
    last: AirflowSnapshot | None = None
    tasks_within: float = TASKS_WITHIN

    _tasks: dict[TaskHandle, Task] = field(default_factory=dict[TaskHandle, Task], init=False)
    _unread: dict[str, str] = field(default_factory=dict[str, str], init=False)
    _notes: list[str] = field(default_factory=list[str], init=False)

    def snapshot(self) -> AirflowSnapshot:
        """Ask for everything.

        A DAG whose tasks Airflow does not tell keeps those of the last snapshot; what else is missing is
        noted in the snapshot.

        Raises:
            AirflowApiError: Airflow did not list its DAGs.
        """
        taken_at = self.airflow.server_time()
        listed = self.airflow.list_dags(self.only)
        self._set_aside(listed.bad_rows)
        selects = self.selects or _every
        dags = {dag.dag_id: dag for dag in listed.rows if selects(dag)}
        for dag_id, page in self.airflow.list_tasks_of(sorted(dags), within=self.tasks_within).items():
            self._take(dag_id, page)
        return AirflowSnapshot(
            instance=self.airflow.name,
            taken_at=taken_at,
            dags=dags,
            tasks=self._tasks,
            assets=self._assets(),
            import_problems=self._import_problems(),
            sources=self._sources(dags) if self.with_sources else {},
            unread=self._unread,
            notes=tuple(self._notes),
            is_airflow_2=self.airflow.links.has_grid(),
        )

    def _take(self, dag_id: str, page: Page[Task] | AirflowApiError) -> None:
        if isinstance(page, AirflowApiError):
            self._keep_last(dag_id, str(page))
            return
        self._set_aside(page.bad_rows)
        self._tasks.update({TaskHandle(dag_id, task.task_id): task for task in page.rows})

    def _keep_last(self, dag_id: str, why: str) -> None:
        self._unread[dag_id] = why
        if self.last:
            tasks = self.last.tasks_by_dag.get(dag_id, {})
            self._tasks.update({TaskHandle(dag_id, task_id): task for task_id, task in tasks.items()})

    def _assets(self) -> tuple[AirflowAsset, ...]:
        if not self.only.retrieve_datasets:
            return ()
        try:
            page = self.airflow.list_airflow_assets(self.only)
        except AirflowApiError as error:
            self._notes.append(f"Airflow's assets: {error}")
            return self.last.assets if self.last else ()
        self._set_aside(page.bad_rows)
        return tuple(sorted(page.rows, key=lambda asset: asset.uri))

    def _import_problems(self) -> tuple[ImportProblem, ...]:
        try:
            page = self.airflow.list_import_problems()
        except AirflowApiError as error:
            self._notes.append(f"Import problems: {error}")
            return ()
        self._set_aside(page.bad_rows)
        return tuple(sorted(page.rows, key=lambda problem: (problem.file, problem.message)))

    def _sources(self, dags: Mapping[str, Dag]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for dag_id in sorted(dags):
            try:
                found[dag_id] = self.airflow.dag_source(dag_id)
            except AirflowApiError as error:
                self._notes.append(f"Source code of {dag_id}: {error}")
                if isinstance(error, AirflowUnreachable):
                    break
        return found

    def _set_aside(self, bad_rows: Iterable[BadRow]) -> None:
        for bad in bad_rows:
            _log.warning("Airflow instance %r: set aside %s.", self.airflow.name, bad)
            self._notes.append(f"Set aside {bad}")


def _every(_: Dag) -> bool:
    return True
