"""One Airflow instance, one method per question asked of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from dagster_airlift_core import _dialect
from dagster_airlift_core._dialect import Links
from dagster_airlift_core._http import Answer, HttpClient, Request
from dagster_airlift_core.auth import AirflowAuthBackend
from dagster_airlift_core.errors import (
    AirflowApiError,
    AirflowNotFound,
    AirflowPayloadError,
    AirflowUnauthorized,
)
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.model import BadRow, Dag, DagRun, Page, Task, TaskInstance, Window
from dagster_airlift_core.snapshot import AirflowSnapshot

_log = logging.getLogger(__name__)
_Read = TypeVar("_Read")


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
        self._http = HttpClient(auth_backend.get_webserver_url(), f"Airflow instance {name!r}")
        self._is_known = False

    def __repr__(self) -> str:
        """Show the name and where it is."""
        return f"AirflowInstance({self._auth!r}, name={self.name!r})"

    @property
    def links(self) -> Links:
        """Pages of this instance's UI."""
        return Links(self._http.base_url)

    def version(self) -> str:
        """Return the version of Airflow; this needs no credentials.

        Raises:
            AirflowApiError: Not reachable, not Airflow, or a version that is not supported yet.
        """
        return self._read(_dialect.version, self._handshake())

    def server_time(self) -> datetime:
        """Return the time of Airflow's server, in UTC, truncated to the second.

        Raises:
            AirflowApiError: Not reachable, or the answer has no usable `Date` header.
        """
        answer = self._handshake()
        if answer.date is None:
            raise AirflowPayloadError(
                f"{self._where} answered without a usable `Date` header, and only the server's own clock "
                "tells how far it was read. Let the proxy in front of it pass that header on.",
                method="GET",
                url=answer.url,
                status=answer.status,
            )
        return answer.date

    def list_dags(self) -> Page[Dag]:
        """Return all DAGs that Airflow has and the user may read, as one page.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        rows: list[Dag] = []
        bad: list[BadRow] = []
        received = 0
        while True:
            page = self._read(_dialect.dags_page, self._get(_dialect.dags_request(received)))
            if not page.received:
                return Page(tuple(rows), tuple(bad), received, None)
            received += page.received
            rows.extend(page.rows)
            bad.extend(page.bad_rows)

    def list_tasks(self, dag_id: str) -> Page[Task]:
        """Return the tasks of a DAG.

        Args:
            dag_id: DAG id.

        Raises:
            AirflowNotFound: There is no such DAG.
            AirflowApiError: Airflow did not give them.
        """
        answer = self._get(_dialect.tasks_request(dag_id))
        return self._read(lambda payload: _dialect.tasks_page(payload, dag_id), answer)

    def list_successful_task_instances(self, window: Window, page: str | None) -> Page[TaskInstance]:
        """Return a page of the successful task instances of a window.

        Args:
            window: Which ones.
            page: `next_page` of the page before, None for the first one.

        Raises:
            AirflowApiError: Airflow did not give them; status 400 when it does not know the page.
        """
        answer = self._get(_dialect.task_instances_request(window, page))
        return self._read(_dialect.task_instances_page, answer)

    def list_successful_dag_runs(self, window: Window, page: str | None) -> Page[DagRun]:
        """Return a page of the successful DAG runs of a window.

        Args:
            window: Which ones.
            page: `next_page` of the page before, None for the first one.

        Raises:
            AirflowApiError: Airflow did not give them; status 400 when it does not know the page.
        """
        answer = self._get(_dialect.dag_runs_request(window, page))
        return self._read(_dialect.dag_runs_page, answer)

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
            page = self._read(_dialect.task_instances_page, self._get(request))
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

    @property
    def _where(self) -> str:
        return f"{self._http.whom} at {self._http.base_url}"

    def _handshake(self) -> Answer:
        answer = self._http.send(_dialect.VERSION, {})
        if answer.status == 404:  # noqa: PLR2004
            raise AirflowNotFound(
                f"{self._where} has no {_dialect.VERSION.path}: it is no Airflow 3, or the URL is not that of "
                "its web server. Airflow 2 is not supported yet.",
                method="GET",
                url=answer.url,
                status=answer.status,
            )
        self._is_known = True
        return self._accept(_dialect.VERSION, answer)

    def _login(self, path: str, body: Mapping[str, str]) -> object:
        request = Request("POST", path, body=body)
        return self._accept(request, self._http.send(request, {})).payload

    def _headers(self) -> Mapping[str, str]:
        try:
            return self._auth.headers(self._login)
        except ValueError as error:
            raise AirflowPayloadError(
                f"{self._where} answered the login in a form that is not understood: {error}.",
                method="POST",
                url=self._http.base_url,
            ) from error

    def _get(self, request: Request) -> Answer:
        if not self._is_known:
            self._handshake()
        answer = self._http.send(request, self._headers())
        if _dialect.token_is_refused(answer):
            self._auth.forget()
            answer = self._http.send(request, self._headers())
        return self._accept(request, answer)

    def _accept(self, request: Request, answer: Answer) -> Answer:
        """Return an answer with a good status; raise the error that says what the other one means."""
        if answer.status < 400:  # noqa: PLR2004
            return answer
        said = f"{request.method} {request.path} answered HTTP {answer.status}: {_dialect.detail(answer)}"
        kinds = {
            401: (AirflowUnauthorized, "does not accept the credentials", "Check username and password."),
            403: (AirflowUnauthorized, "does not let this user read that", "Give the user the role Viewer."),
            404: (AirflowNotFound, "does not have that", "Look for what was renamed or deleted in Airflow."),
        }
        otherwise = (AirflowApiError, "does not understand the request", "Check that it is an Airflow 3.3.")
        kind, what, remedy = kinds.get(answer.status, otherwise)
        message = f"{self._where} {what} ({said}). {remedy}"
        raise kind(message, method=request.method, url=answer.url, status=answer.status)

    def _read(self, read: Callable[[object], _Read], answer: Answer) -> _Read:
        try:
            return read(answer.payload)
        except ValueError as error:
            raise AirflowPayloadError(
                f"{self._where} answered in a form that is not understood: {error}. "
                "Check that the URL is that of Airflow's own web server.",
                method="GET",
                url=answer.url,
                status=answer.status,
            ) from error


def _warn_of(name: str, bad_rows: Iterable[BadRow]) -> None:
    for bad in bad_rows:
        _log.warning("Airflow instance %r: set aside %s.", name, bad)
