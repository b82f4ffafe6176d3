"""Take a snapshot: ask one Airflow instance for everything, and keep what the last one knew where it is silent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.filters import AirflowFilter
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.instance import TASKS_WITHIN, AirflowInstance
from dagster_airlift_core.model import AirflowAsset, BadRow, Dag, ImportProblem, Page, Task
from dagster_airlift_core.snapshot import AirflowSnapshot

NOT_ASKED = "Its tasks were not asked for when the snapshot was taken."
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
        tasks_within: Seconds after which the tasks of no further DAG are asked for; the source code has as many.
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
        noted in the snapshot. DAGs that the function does not select are in it too, with what was known of
        their tasks, so that it is good for another function; see `chosen`.

        Raises:
            AirflowApiError: Airflow did not list its DAGs.
        """
        taken_at = self.airflow.server_time()
        listed = self.airflow.list_dags(self.only)
        self._set_aside(listed.bad_rows)
        dags = {dag.dag_id: dag for dag in listed.rows}
        selected = self._selected(dags)
        for dag_id in dags.keys() - selected:
            self._keep_known(dag_id)
        for dag_id, page in self.airflow.list_tasks_of(sorted(selected), within=self.tasks_within).items():
            self._take(dag_id, page)
        return AirflowSnapshot(
            instance=self.airflow.name,
            taken_at=taken_at,
            dags=dags,
            tasks=self._tasks,
            assets=self._assets(),
            import_problems=self._import_problems(),
            sources=self._sources(dags, selected) if self.with_sources else {},
            unread=self._unread,
            notes=tuple(self._notes),
            is_airflow_2=self.airflow.links.has_grid(),
            url=self.airflow.links.base_url,
            asked_for=self.only,
        )

    def chosen(self, snapshot: AirflowSnapshot) -> AirflowSnapshot:
        """Return what the filter and the function let through of a snapshot, whatever it was taken with.

        Args:
            snapshot: A snapshot of this instance.
        """
        selected = self._selected(snapshot.dags)
        kept = snapshot if len(selected) == len(snapshot.dags) else snapshot.only(selected)
        assets = tuple(filter(self.only.admits_asset, snapshot.assets))
        sources: Mapping[str, str] = kept.sources if self.with_sources else {}
        is_same = (len(assets), len(sources)) == (len(kept.assets), len(kept.sources))
        return kept if is_same else replace(kept, assets=assets, sources=sources)

    def _selected(self, dags: Mapping[str, Dag]) -> frozenset[str]:
        selects = self.selects or _every
        return frozenset(dag_id for dag_id, dag in dags.items() if self.only.admits(dag) and selects(dag))

    def _take(self, dag_id: str, page: Page[Task] | AirflowApiError) -> None:
        if isinstance(page, AirflowApiError):
            self._keep_last(dag_id, str(page))
            return
        self._set_aside(page.bad_rows)
        self._tasks.update({TaskHandle(dag_id, task.task_id): task for task in page.rows})

    def _keep_last(self, dag_id: str, why: str) -> None:
        self._unread[dag_id] = why
        self._keep_tasks(dag_id)

    def _keep_known(self, dag_id: str) -> None:
        is_known = self.last is not None and dag_id in self.last.dags
        why = self.last.unread.get(dag_id) if self.last and is_known else NOT_ASKED
        if why:
            self._unread[dag_id] = why
        self._keep_tasks(dag_id)

    def _keep_tasks(self, dag_id: str) -> None:
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
            return tuple(filter(self.only.admits_asset, self.last.assets)) if self.last else ()
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

    def _sources(self, dags: Iterable[str], selected: frozenset[str]) -> Mapping[str, str]:
        known = self.last.sources if self.last else {}
        found = {dag_id: known[dag_id] for dag_id in dags if dag_id in known and dag_id not in selected}
        told: set[str] = set()
        read = self.airflow.dag_sources_of(sorted(selected), within=self.tasks_within)
        for dag_id, source in read.items():
            if not isinstance(source, AirflowApiError):
                found[dag_id] = source
            elif str(source) not in told:  # one outage is one note
                told.add(str(source))
                self._notes.append(f"Source code of {dag_id}: {source}")
        return found

    def _set_aside(self, bad_rows: Iterable[BadRow]) -> None:
        for bad in bad_rows:
            _log.warning("Airflow instance %r: set aside %s.", self.airflow.name, bad)
            self._notes.append(f"Set aside {bad}")


def _every(_: Dag) -> bool:
    return True
