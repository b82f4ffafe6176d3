"""What every version of Airflow's REST API can be asked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from dagster_airlift_core._transport import Answer, Request
from dagster_airlift_core.dag_run_request import DagRunRequest
from dagster_airlift_core.filters import AirflowFilter
from dagster_airlift_core.model import (
    AirflowAsset,
    AssetUpdate,
    Dag,
    DagRun,
    ImportProblem,
    Page,
    RenderedFields,
    Span,
    Task,
    TaskInstance,
    Window,
)

Value = TypeVar("Value")


class Ask(Protocol):
    """Sends a request with credentials, and reads its answer."""

    def __call__(self, request: Request, read: Callable[[object], Value], /) -> Value:
        """Return what the answer to a request says.

        Args:
            request: The request.
            read: Reads the JSON of the answer; a ValueError says that it has another form.

        Raises:
            AirflowApiError: There was no good answer.
        """
        ...


class UnknownPage(ValueError):
    """A page token that this dialect did not give out."""


class Dialect(Protocol):
    """One version of Airflow's REST API; lists come page by page, from a number of rows or a token on."""

    @property
    def api(self) -> str:
        """Path of the API, such as `/api/v2`."""
        ...

    @property
    def order(self) -> str:
        """Stands in a cursor beside its page token; another order or set of filters needs another name."""
        ...

    def may_be_expired(self, answer: Answer) -> bool:
        """Tell whether a refusal may be one of the credentials, so that new ones may help."""
        ...

    def dags(self, ask: Ask, only: AirflowFilter, offset: int) -> Page[Dag]:
        """Ask for a page of the DAGs; it may hold more than the filter admits."""
        ...

    def tasks(self, ask: Ask, dag_id: str) -> Page[Task]:
        """Ask for all tasks of a DAG."""
        ...

    def assets(self, ask: Ask, only: AirflowFilter, offset: int) -> Page[AirflowAsset]:
        """Ask for a page of the assets; it may hold more than the filter admits."""
        ...

    def import_problems(self, ask: Ask, offset: int) -> Page[ImportProblem]:
        """Ask for a page of the files that cannot be imported."""
        ...

    def source(self, ask: Ask, dag_id: str) -> str:
        """Ask for the source code of a DAG."""
        ...

    def task_instances(
        self, ask: Ask, window: Window, page: str | None, *, with_unreached: bool
    ) -> Page[TaskInstance]:
        """Ask for a page of the task instances of a window that succeeded or failed, in every DAG."""
        ...

    def dag_runs(self, ask: Ask, window: Window, page: str | None) -> Page[DagRun]:
        """Ask for a page of the DAG runs of a window that succeeded or failed, in every DAG."""
        ...

    def instances_of_task(
        self, ask: Ask, dag_id: str, run_id: str, task_id: str, page: str | None
    ) -> Page[TaskInstance]:
        """Ask for a page of the instances, in whatever state, of one mapped task in one DAG run."""
        ...

    def dag(self, ask: Ask, dag_id: str) -> Dag:
        """Ask for a DAG."""
        ...

    def dag_run(self, ask: Ask, dag_id: str, run_id: str) -> DagRun:
        """Ask for a DAG run."""
        ...

    def trigger(self, ask: Ask, dag_id: str, run_id: str, request: DagRunRequest) -> DagRun:
        """Have a DAG run begin."""
        ...

    def fail_run(self, ask: Ask, dag_id: str, run_id: str) -> DagRun:
        """Mark a DAG run failed, which ends its tasks."""
        ...

    def instances_of_run(
        self, ask: Ask, dag_id: str, run_id: str, since: datetime | None, page: str | None
    ) -> Page[TaskInstance]:
        """Ask for a page of the task instances of a DAG run, in whatever state, that changed since an instant."""
        ...

    def latest_runs(self, ask: Ask, dag_id: str, limit: int) -> Page[DagRun]:
        """Ask for the runs of a DAG that began to be last, in whatever state, the newest first."""
        ...

    def rendered_fields(self, ask: Ask, dag_id: str, run_id: str, page: str | None) -> Page[RenderedFields]:
        """Ask for a page of the template fields of all task instances of one DAG run."""
        ...

    def due(self, instance: TaskInstance) -> datetime | None:
        """Tell the moment by which the DAG run of a task instance is found in a span, None where it is not told."""
        ...

    def dag_runs_due(self, ask: Ask, span: Span, page: str | None) -> Page[DagRun]:
        """Ask for a page of the DAG runs of a span, in whatever state."""
        ...

    def first_due(self, ask: Ask, since: datetime, due_by: datetime, /) -> datetime | None:
        """Ask when that DAG run was due that was due first of those that changed since an instant.

        None where none of them was due by the other instant, or where a scan reads them anyhow.
        """
        ...

    def asset_updates(self, ask: Ask, window: Window, page: str | None) -> Page[AssetUpdate]:
        """Ask for a page of what was recorded of assets since the begin of a window."""
        ...
