"""One Airflow instance, one method per question asked of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from dagster_airlift_core._conversation import Conversation
from dagster_airlift_core._dialect import Dialect, Links
from dagster_airlift_core._latest import LatestFields, latest_fields
from dagster_airlift_core._left_behind import LeftBehind
from dagster_airlift_core._listing import pages, whole
from dagster_airlift_core._near import naming_others
from dagster_airlift_core._outage import Outage, ask_each
from dagster_airlift_core._reaching import transport_of
from dagster_airlift_core._runs_due import RunsDue
from dagster_airlift_core.auth import AirflowAuthBackend
from dagster_airlift_core.dag_runs import DagRuns
from dagster_airlift_core.errors import AirflowApiError, AirflowUnreachable
from dagster_airlift_core.filters import EVERYTHING, AirflowFilter
from dagster_airlift_core.handles import instance_name
from dagster_airlift_core.http_options import DEFAULT_OPTIONS, HttpOptions
from dagster_airlift_core.model import (
    AirflowAsset,
    AssetUpdate,
    Dag,
    DagRun,
    ImportProblem,
    Page,
    Row,
    Task,
    TaskInstance,
    Window,
)

TASKS_WITHIN = 90.0  # seconds; a code location that takes more than 180 to load is given up by Dagster
Value = TypeVar("Value")


class AirflowInstance:
    """An Airflow deployment with a name, read over its REST API.

    Nothing is sent until the first question. Which Airflow it is, is asked; the role Viewer is enough to read.

    Args:
        auth_backend: Where Airflow is, and the credentials.
        name: Names the instance in keys, tags and the sensor: letters, digits, `_`, `-` and `.`; keep it stable.
        http: How HTTP gets there: certificates, proxy, headers, connections.

    Raises:
        TypeError: An argument is of another type.
        ValueError: The name has other characters, or none.
    """

    def __init__(
        self, auth_backend: AirflowAuthBackend, name: str, *, http: HttpOptions = DEFAULT_OPTIONS
    ) -> None:
        self.name = instance_name(name)
        self._auth = auth_backend
        self._dag_ids: tuple[str, ...] = ()
        whom = f"Airflow instance {name!r}"
        self._conversation = Conversation(transport_of(auth_backend, whom, http), auth_backend)
        self._connections = http.connections

    def __repr__(self) -> str:
        """Show the name and where it is."""
        return f"AirflowInstance({self._auth!r}, name={self.name!r})"

    @property
    def links(self) -> Links:
        """Pages of this instance's UI."""
        return Links(self._conversation.base_url, lambda: self._conversation.speaks_v1)

    @property
    def dag_runs(self) -> DagRuns:
        """What can be done about single DAG runs."""
        return DagRuns(self._conversation)

    @property
    def left_behind(self) -> LeftBehind:
        """What tries of tasks left in Airflow: their logs and XComs."""
        return LeftBehind(self._conversation)

    @property
    def runs_due(self) -> RunsDue:
        """DAG runs by the moment at which they were due."""
        return RunsDue(self._conversation)

    def version(self) -> str:
        """Return the version of Airflow; this needs no credentials.

        Raises:
            AirflowApiError: Not reachable, not Airflow, or a version that is not supported yet.
        """
        return self._conversation.version()

    def server_time(self) -> datetime:
        """Return the time of Airflow's server, in UTC, truncated to the second.

        Raises:
            AirflowApiError: Not reachable, or the answer has no usable `Date` header.
        """
        return self._conversation.server_time()

    @property
    def heard_at(self) -> datetime | None:
        """The time of Airflow's server when it answered last, None before the first answer."""
        return self._conversation.heard_at

    def list_dags(self, only: AirflowFilter = EVERYTHING) -> Page[Dag]:
        """Return the DAGs that Airflow has and the user may read, as one page.

        Args:
            only: Which ones.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        dialect, ask = self._dialect, self._conversation.ask
        page = self._whole(lambda offset: dialect.dags(ask, only, offset))
        self._dag_ids = tuple(dag.dag_id for dag in page.rows)
        return replace(page, rows=tuple(dag for dag in page.rows if only.admits(dag)))

    def list_airflow_assets(self, only: AirflowFilter = EVERYTHING) -> Page[AirflowAsset]:
        """Return the assets of Airflow 3, as one page; nothing is asked when the filter wants none.

        Args:
            only: Which ones.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        if not only.retrieve_datasets:
            return Page((), (), 0, None)
        dialect, ask = self._dialect, self._conversation.ask
        page = self._whole(lambda offset: dialect.assets(ask, only, offset))
        return replace(page, rows=tuple(asset for asset in page.rows if only.admits_asset(asset)))

    def list_import_problems(self) -> Page[ImportProblem]:
        """Return the files that Airflow cannot import, as one page.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        dialect, ask = self._dialect, self._conversation.ask
        return self._whole(lambda offset: dialect.import_problems(ask, offset))

    def list_tasks_of(
        self, dag_ids: Iterable[str], *, within: float = TASKS_WITHIN
    ) -> Mapping[str, Page[Task] | AirflowApiError]:
        """Return the tasks of some DAGs, or why there are none; several DAGs are asked for at a time.

        Args:
            dag_ids: DAG ids.
            within: Seconds after which no further DAG is asked for.

        Returns:
            An entry for each DAG id; one that cannot be read does not stop the others.
        """
        return self._of_each(dag_ids, self.list_tasks, "the tasks", within)

    def dag_sources_of(
        self, dag_ids: Iterable[str], *, within: float = TASKS_WITHIN
    ) -> Mapping[str, str | AirflowApiError]:
        """Return the source code of some DAGs, or why there is none; several DAGs are asked for at a time.

        Args:
            dag_ids: DAG ids.
            within: Seconds after which no further DAG is asked for.

        Returns:
            An entry for each DAG id; one that cannot be read does not stop the others.
        """
        return self._of_each(dag_ids, self.dag_source, "the source code", within)

    def rendered_fields_of(
        self, tasks: Mapping[str, Collection[str]], *, within: float = TASKS_WITHIN
    ) -> Mapping[str, LatestFields | AirflowApiError]:
        """Return what the template fields of some tasks were when these ran last, in one of the last runs.

        Args:
            tasks: DAG id to the ids of the tasks.
            within: Seconds after which no further DAG is asked for.

        Returns:
            An entry for each DAG id; one that cannot be read does not stop the others.
        """

        def latest(dag_id: str) -> LatestFields:
            return latest_fields(self._dialect, self._conversation.ask, dag_id, tasks[dag_id])

        return self._of_each(tasks, latest, "the last runs", within)

    def dag_source(self, dag_id: str) -> str:
        """Return the source code of a DAG.

        Args:
            dag_id: DAG id.

        Raises:
            AirflowNotFound: There is no such DAG.
            AirflowApiError: Airflow did not give it.
        """
        with naming_others(dag_id, self._dag_ids, self._conversation.whom):
            return self._dialect.source(self._conversation.ask, dag_id)

    def list_tasks(self, dag_id: str) -> Page[Task]:
        """Return the tasks of a DAG.

        Args:
            dag_id: DAG id.

        Raises:
            AirflowNotFound: There is no such DAG.
            AirflowApiError: Airflow did not give them.
        """
        with naming_others(dag_id, self._dag_ids, self._conversation.whom):
            return self._dialect.tasks(self._conversation.ask, dag_id)

    def scan_order(self) -> str:
        """Return the name of the order that the pages of a scan have; a token is good for its order only.

        Raises:
            AirflowApiError: Not reachable, or not Airflow.
        """
        return self._dialect.order

    def list_ended_task_instances(
        self, window: Window, page: str | None, *, with_unreached: bool = False
    ) -> Page[TaskInstance]:
        """Return a page of the task instances of a window that succeeded or failed.

        Args:
            window: Which ones.
            page: `next_page` of the page before, None for the first one.
            with_unreached: Whether those are wanted too that Airflow skipped or did not get to.

        Raises:
            AirflowApiError: Airflow did not give them; status 400 when it does not know the page.
        """
        with self._conversation.knowing_pages():
            ask = self._conversation.ask
            return self._dialect.task_instances(ask, window, page, with_unreached=with_unreached)

    def list_ended_dag_runs(self, window: Window, page: str | None) -> Page[DagRun]:
        """Return a page of the DAG runs of a window that succeeded or failed.

        Args:
            window: Which ones.
            page: `next_page` of the page before, None for the first one.

        Raises:
            AirflowApiError: Airflow did not give them; status 400 when it does not know the page.
        """
        with self._conversation.knowing_pages():
            return self._dialect.dag_runs(self._conversation.ask, window, page)

    def list_asset_updates(self, window: Window, page: str | None) -> Page[AssetUpdate]:
        """Return a page of what was recorded of assets since the begin of a window.

        Args:
            window: Since when.
            page: `next_page` of the page before, None for the first one.

        Raises:
            AirflowApiError: Airflow did not give them; status 400 when it does not know the page.
        """
        with self._conversation.knowing_pages():
            return self._dialect.asset_updates(self._conversation.ask, window, page)

    def instances_of_task(self, dag_id: str, run_id: str, task_id: str) -> Iterator[Page[TaskInstance]]:
        """Yield the pages of all instances of one task in one DAG run, in whatever state.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
            task_id: Task id.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        dialect, ask = self._dialect, self._conversation.ask
        return pages(lambda token: dialect.instances_of_task(ask, dag_id, run_id, task_id, token))

    def _of_each(
        self, dag_ids: Iterable[str], ask: Callable[[str], Value], what: str, within: float
    ) -> Mapping[str, Value | AirflowApiError]:
        late = f"{self._conversation.whom} at {(url := self._conversation.base_url)} took more than {within:.0f} s for "
        too_late = AirflowUnreachable(f"{late}{what} of all DAGs.", method="GET", url=url)
        return ask_each(dag_ids, ask, Outage(within, too_late), self._connections)

    @property
    def _dialect(self) -> Dialect:
        return self._conversation.dialect

    def _whole(self, ask: Callable[[int], Page[Row]]) -> Page[Row]:
        conversation = self._conversation
        return whole(ask, conversation.whom, conversation.base_url, at_a_time=self._connections)
