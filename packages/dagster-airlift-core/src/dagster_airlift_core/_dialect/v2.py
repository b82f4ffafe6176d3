"""Version 2 of Airflow's REST API, that of Airflow 3."""

from __future__ import annotations

from datetime import datetime

from dagster_airlift_core._dialect import reading
from dagster_airlift_core._dialect.asking import ENDED, PAGE, Query, ended, flag, get, pattern, send, wanted
from dagster_airlift_core._dialect.port import Ask
from dagster_airlift_core._dialect.refusals import detail
from dagster_airlift_core._dialect.single import SingleThings
from dagster_airlift_core._dialect.slices import counted, page_of
from dagster_airlift_core._transport import Answer
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

API = "/api/v2"


class VersionTwo(SingleThings):
    """Keyset pages by id for what is scanned, offsets for what is listed."""

    api = API
    order = "v2/id success failed"

    def may_be_expired(self, answer: Answer) -> bool:
        """Tell whether a new token may help; every other 403 is a missing permission."""
        return answer.status == 401 or (answer.status == 403 and detail(answer) == "Invalid JWT token")  # noqa: PLR2004

    def dags(self, ask: Ask, only: AirflowFilter, offset: int) -> Page[Dag]:
        """Ask for a page of the DAGs."""
        query = [*_rows_after(offset, "dag_id"), *pattern("dag_id_pattern", only.dag_id_ilike)]
        query += [("tags", tag) for tag in only.airflow_tags or ()]
        query += [("owners", owner) for owner in only.owners or ()]
        query += [*flag("paused", only.paused), *flag("exclude_stale", False if only.include_stale else None)]
        return ask(get(API, "dags", query=query), reading.dags_page)

    def tasks(self, ask: Ask, dag_id: str) -> Page[Task]:
        """Ask for all tasks of a DAG."""
        return ask(get(API, "dags", dag_id, "tasks"), lambda payload: reading.tasks_page(payload, dag_id))

    def assets(self, ask: Ask, only: AirflowFilter, offset: int) -> Page[AirflowAsset]:
        """Ask for a page of the assets."""
        query = [*_rows_after(offset, "id"), *pattern("uri_pattern", only.dataset_uri_ilike)]
        return ask(get(API, "assets", query=query), reading.assets_page)

    def import_problems(self, ask: Ask, offset: int) -> Page[ImportProblem]:
        """Ask for a page of the files that cannot be imported."""
        query = _rows_after(offset, "import_error_id")
        return ask(get(API, "importErrors", query=query), reading.import_problems_page)

    def source(self, ask: Ask, dag_id: str) -> str:
        """Ask for the source code of a DAG."""
        return ask(get(API, "dagSources", dag_id), reading.source)

    def task_instances(
        self, ask: Ask, window: Window, page: str | None, *, with_unreached: bool
    ) -> Page[TaskInstance]:
        """Ask for a page of the task instances of a window that succeeded or failed, in every DAG."""
        query = _scan(ended(with_unreached=with_unreached), window, page)
        request = get(API, "dags", "~", "dagRuns", "~", "taskInstances", query=query)
        return ask(request, reading.task_instances_page)

    def dag_runs(self, ask: Ask, window: Window, page: str | None) -> Page[DagRun]:
        """Ask for a page of the DAG runs of a window that succeeded or failed, in every DAG."""
        return ask(get(API, "dags", "~", "dagRuns", query=_scan(ENDED, window, page)), reading.dag_runs_page)

    def instances_of_task(
        self, ask: Ask, dag_id: str, run_id: str, task_id: str, page: str | None
    ) -> Page[TaskInstance]:
        """Ask for a page of the instances, in whatever state, of one task in one DAG run."""
        query = [("task_id", task_id), *_keyset(page)]
        request = get(API, "dags", dag_id, "dagRuns", run_id, "taskInstances", query=query)
        return ask(request, reading.task_instances_page)

    def trigger(self, ask: Ask, dag_id: str, run_id: str, request: DagRunRequest) -> DagRun:
        """Have a DAG run begin; the field of the logical date must be there."""
        date = request.logical_date
        body = {**wanted(request, run_id), "logical_date": date.isoformat() if date else None}
        body |= {"partition_key": request.partition_key} if request.partition_key else {}
        return ask(send("POST", API, "dags", dag_id, "dagRuns", body=body), reading.dag_run)

    def instances_of_run(
        self, ask: Ask, dag_id: str, run_id: str, since: datetime | None, page: str | None
    ) -> Page[TaskInstance]:
        """Ask for a page of the task instances of a DAG run, in whatever state, that changed since an instant."""
        changed = [("updated_at_gte", since.isoformat())] if since else []
        query = [*changed, *_keyset(page)]
        request = get(API, "dags", dag_id, "dagRuns", run_id, "taskInstances", query=query)
        return ask(request, reading.task_instances_page)

    def latest_runs(self, ask: Ask, dag_id: str, limit: int) -> Page[DagRun]:
        """Ask for the runs of a DAG that began to be last, the newest first."""
        query = [("limit", str(limit)), ("order_by", "-id")]
        return ask(get(API, "dags", dag_id, "dagRuns", query=query), reading.dag_runs_page)

    def rendered_fields(self, ask: Ask, dag_id: str, run_id: str, page: str | None) -> Page[RenderedFields]:
        """Ask for a page of the template fields of all task instances of one DAG run."""
        request = get(API, "dags", dag_id, "dagRuns", run_id, "taskInstances", query=_keyset(page))
        return ask(request, reading.rendered_fields_page)

    def due(self, instance: TaskInstance) -> datetime | None:
        """Tell when the DAG run of a task instance was due."""
        return instance.run_after

    def dag_runs_due(self, ask: Ask, span: Span, page: str | None) -> Page[DagRun]:
        """Ask for a page of the DAG runs that were due in a span: that has an index, in one DAG and in all."""
        due = [("run_after_gte", span.first.isoformat()), ("run_after_lte", span.last.isoformat())]
        request = get(API, "dags", span.dag_id or "~", "dagRuns", query=[*due, *_keyset(page)])
        return ask(request, reading.dag_runs_page)

    def first_due(self, ask: Ask, since: datetime, due_by: datetime) -> datetime | None:
        """Ask for that DAG run that was due first of those that changed since an instant, if it was due by another."""
        changed = [("updated_at_gte", since.isoformat()), ("run_after_lte", due_by.isoformat())]
        query = [*changed, ("order_by", "run_after"), ("limit", "1")]
        found = ask(get(API, "dags", "~", "dagRuns", query=query), reading.dag_runs_page)
        return next((run.run_after for run in found.rows), None)

    def asset_updates(self, ask: Ask, window: Window, page: str | None) -> Page[AssetUpdate]:
        """Ask for what was recorded of assets in the next span of a window: there is no keyset."""

        def between(span: Query) -> Page[AssetUpdate]:
            request = get(API, "assets", "events", query=[("order_by", "timestamp"), *span])
            return ask(request, lambda payload: counted(reading.asset_updates_page(payload, "asset_events")))

        return page_of(
            between, window.since, page, until=window.until, limit=100, name=_number, stamp="timestamp"
        )


def _rows_after(offset: int, order: str) -> Query:
    return [PAGE, ("offset", str(offset)), ("order_by", order)]


def _keyset(page: str | None) -> Query:
    return [("order_by", "id"), PAGE, ("cursor", page or "")]


def _scan(states: Query, window: Window, page: str | None) -> Query:
    due = [("run_after_gte", window.run_after.isoformat())] if window.run_after else []
    until = [("updated_at_lte", window.until.isoformat())] if window.until else []
    return [*states, ("updated_at_gte", window.since.isoformat()), *until, *due, *_keyset(page)]


def _number(event: AssetUpdate) -> str:
    return f"{event.id:020}"
