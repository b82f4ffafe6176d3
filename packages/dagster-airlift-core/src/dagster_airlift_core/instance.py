"""One Airflow instance, one method per question asked of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from dagster_airlift_core import _dialect
from dagster_airlift_core._conversation import Conversation
from dagster_airlift_core._dialect import Links, reading
from dagster_airlift_core._http import CONNECTIONS, HttpClient, Request
from dagster_airlift_core.auth import AirflowAuthBackend
from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.filters import EVERYTHING, AirflowFilter
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.model import (
    AirflowAsset,
    BadRow,
    Dag,
    DagRun,
    ImportProblem,
    Page,
    Row,
    Task,
    TaskInstance,
    Window,
)
from dagster_airlift_core.snapshot import AirflowSnapshot

_log = logging.getLogger(__name__)


class AirflowInstance:
    """An Airflow deployment with a name, read over its REST API.

    Nothing is sent until the first question. Airflow 3 is supported; the Viewer role is enough.

    Args:
        auth_backend: Where Airflow is, and the credentials.
        name: Names the instance in asset keys, tags and the sensor: keep it stable.
    """

    def __init__(self, auth_backend: AirflowAuthBackend, name: str) -> None:
        if not name:
            raise ValueError("An Airflow instance needs a name: it becomes part of asset keys.")
        self.name = name
        self._auth = auth_backend
        http = HttpClient(auth_backend.get_webserver_url(), f"Airflow instance {name!r}")
        self._conversation = Conversation(http, auth_backend)

    def __repr__(self) -> str:
        """Show the name and where it is."""
        return f"AirflowInstance({self._auth!r}, name={self.name!r})"

    @property
    def links(self) -> Links:
        """Pages of this instance's UI."""
        return Links(self._conversation.base_url)

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

    def list_dags(self, only: AirflowFilter = EVERYTHING) -> Page[Dag]:
        """Return the DAGs that Airflow has and the user may read, as one page.

        Args:
            only: Which ones.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        page = self._whole(lambda offset: _dialect.dags_request(only, offset), reading.dags_page)
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
        page = self._whole(lambda offset: _dialect.assets_request(only, offset), reading.assets_page)
        return replace(page, rows=tuple(asset for asset in page.rows if only.admits_asset(asset)))

    def list_import_problems(self) -> Page[ImportProblem]:
        """Return the files that Airflow cannot import, as one page.

        Raises:
            AirflowUnauthorized: The user may not read them.
            AirflowApiError: Airflow did not give them.
        """
        return self._whole(_dialect.import_problems_request, reading.import_problems_page)

    def list_tasks_of(self, dag_ids: Iterable[str]) -> Mapping[str, Page[Task] | AirflowApiError]:
        """Return the tasks of some DAGs, or why there are none; several DAGs are asked for at a time.

        Args:
            dag_ids: DAG ids.

        Returns:
            An entry for each DAG id; one that cannot be read does not stop the others.
        """
        wanted = list(dict.fromkeys(dag_ids))
        with ThreadPoolExecutor(CONNECTIONS, "airlift") as threads:
            return dict(zip(wanted, threads.map(self._tasks_or_error, wanted), strict=True))

    def dag_source(self, dag_id: str) -> str:
        """Return the source code of a DAG.

        Args:
            dag_id: DAG id.

        Raises:
            AirflowNotFound: There is no such DAG.
            AirflowApiError: Airflow did not give it.
        """
        return self._conversation.ask(_dialect.source_request(dag_id), reading.source)

    def list_tasks(self, dag_id: str) -> Page[Task]:
        """Return the tasks of a DAG.

        Args:
            dag_id: DAG id.

        Raises:
            AirflowNotFound: There is no such DAG.
            AirflowApiError: Airflow did not give them.
        """
        request = _dialect.tasks_request(dag_id)
        return self._conversation.ask(request, lambda payload: reading.tasks_page(payload, dag_id))

    def list_successful_task_instances(self, window: Window, page: str | None) -> Page[TaskInstance]:
        """Return a page of the successful task instances of a window.

        Args:
            window: Which ones.
            page: `next_page` of the page before, None for the first one.

        Raises:
            AirflowApiError: Airflow did not give them; status 400 when it does not know the page.
        """
        return self._conversation.ask(
            _dialect.task_instances_request(window, page), reading.task_instances_page
        )

    def list_successful_dag_runs(self, window: Window, page: str | None) -> Page[DagRun]:
        """Return a page of the successful DAG runs of a window.

        Args:
            window: Which ones.
            page: `next_page` of the page before, None for the first one.

        Raises:
            AirflowApiError: Airflow did not give them; status 400 when it does not know the page.
        """
        return self._conversation.ask(_dialect.dag_runs_request(window, page), reading.dag_runs_page)

    def instances_of_task(self, dag_id: str, run_id: str, task_id: str) -> Iterator[Page[TaskInstance]]:
        """Yield the pages of all instances of one task in one DAG run, in whatever state.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
            task_id: Task id.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        token: str | None = None
        while True:
            request = _dialect.instances_of_task_request(dag_id, run_id, task_id, token)
            page = self._conversation.ask(request, reading.task_instances_page)
            yield page
            token = page.next_page
            if token is None:
                return

    def snapshot(self, dag_ids: Iterable[str] = ()) -> AirflowSnapshot:
        """Return the DAGs of the instance, with the tasks of some of them.

        Args:
            dag_ids: DAGs whose tasks are wanted, one request each; unknown ones are left out.

        Raises:
            AirflowApiError: Airflow did not answer.
        """
        taken_at = self.server_time()
        listed = self.list_dags()
        _warn_of(self.name, listed.bad_rows)
        dags = {dag.dag_id: dag for dag in listed.rows}
        tasks: dict[TaskHandle, Task] = {}
        for dag_id in sorted(dags.keys() & set(dag_ids)):
            page = self.list_tasks(dag_id)
            _warn_of(self.name, page.bad_rows)
            tasks.update({TaskHandle(dag_id, task.task_id): task for task in page.rows})
        return AirflowSnapshot(self.name, taken_at, dags, tasks)

    def _whole(self, request: Callable[[int], Request], read: Callable[[object], Page[Row]]) -> Page[Row]:
        """Return all pages of a list as one; the server caps a page as it likes, so only rows are counted."""
        rows: list[Row] = []
        bad: list[BadRow] = []
        received = 0
        while True:
            page = self._conversation.ask(request(received), read)
            if not page.received:
                return Page(tuple(rows), tuple(bad), received, None)
            received += page.received
            rows.extend(page.rows)
            bad.extend(page.bad_rows)

    def _tasks_or_error(self, dag_id: str) -> Page[Task] | AirflowApiError:
        try:
            return self.list_tasks(dag_id)
        except AirflowApiError as error:
            return error


def _warn_of(name: str, bad_rows: Iterable[BadRow]) -> None:
    for bad in bad_rows:
        _log.warning("Airflow instance %r: set aside %s.", name, bad)
