"""Version 1 of Airflow's REST API, that of Airflow 2."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from dagster_airlift_core._dialect import reading
from dagster_airlift_core._dialect.asking import ENDED, PAGE, Query, ended, flag, get, pattern, send, wanted
from dagster_airlift_core._dialect.port import Ask, UnknownPage
from dagster_airlift_core._dialect.single import SingleThings
from dagster_airlift_core._dialect.slices import all_of, counted, page_of
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
    Row,
    Span,
    Task,
    TaskInstance,
    Window,
)

API = "/api/v1"
_MANY = 1000
"""Lists of task instances are not cut at `[api] maximum_page_limit`."""


class VersionOne(SingleThings):
    """Spans of time for what is scanned, since there is no keyset and no order; offsets for what is listed.

    A window's `run_after` is not passed on: there is no index that it could use, and the date that could
    be filtered by is the beginning of a run's interval, which may lie long before the run was due.
    """

    api = API
    order = "v1/updated_at success failed"

    def may_be_expired(self, answer: Answer) -> bool:
        """Tell whether new credentials may help; a missing permission cannot be told from an old session."""
        return answer.status in (401, 403)

    def dags(self, ask: Ask, only: AirflowFilter, offset: int) -> Page[Dag]:
        """Ask for a page of the DAGs."""
        query = [*_rows_after(offset, "dag_id"), *pattern("dag_id_pattern", only.dag_id_ilike)]
        query += [("tags", tag) for tag in only.airflow_tags or ()]
        query += [*flag("paused", only.paused), *flag("only_active", False if only.include_stale else None)]
        return ask(get(API, "dags", query=query), reading.dags_page)

    def tasks(self, ask: Ask, dag_id: str) -> Page[Task]:
        """Ask for all tasks of a DAG."""
        return ask(get(API, "dags", dag_id, "tasks"), lambda payload: reading.tasks_page(payload, dag_id))

    def assets(self, ask: Ask, only: AirflowFilter, offset: int) -> Page[AirflowAsset]:
        """Ask for a page of the datasets."""
        query = [*_rows_after(offset, "id"), *pattern("uri_pattern", only.dataset_uri_ilike)]
        return ask(get(API, "datasets", query=query), reading.datasets_page)

    def import_problems(self, ask: Ask, offset: int) -> Page[ImportProblem]:
        """Ask for a page of the files that cannot be imported."""
        query = _rows_after(offset, "import_error_id")
        return ask(get(API, "importErrors", query=query), reading.import_problems_page)

    def source(self, ask: Ask, dag_id: str) -> str:
        """Ask for the source code of a DAG, by the token of its file."""
        token = ask(get(API, "dags", dag_id), reading.file_token)
        return ask(get(API, "dagSources", token), reading.source)

    def task_instances(
        self, ask: Ask, window: Window, page: str | None, *, with_unreached: bool
    ) -> Page[TaskInstance]:
        """Ask for the task instances of the next span of a window that succeeded or failed, in every DAG."""

        def between(span: Query) -> Page[TaskInstance]:
            query = [*ended(with_unreached=with_unreached), *span]
            request = get(API, "dags", "~", "dagRuns", "~", "taskInstances", query=query)
            return ask(request, lambda payload: counted(reading.numbered_task_instances_page(payload)))

        return page_of(between, window.since, page, until=window.until, limit=_MANY, name=lambda row: row.id)

    def dag_runs(self, ask: Ask, window: Window, page: str | None) -> Page[DagRun]:
        """Ask for the DAG runs of the next span of a window that succeeded or failed, in every DAG."""

        def between(span: Query) -> Page[DagRun]:
            query = [*ENDED, ("order_by", "id"), *span]
            request = get(API, "dags", "~", "dagRuns", query=query)
            return ask(request, lambda payload: counted(reading.dag_runs_page(payload)))

        return page_of(
            between,
            window.since,
            page,
            until=window.until,
            limit=100,
            name=lambda row: f"{row.dag_id}/{row.run_id}",
        )

    def instances_of_task(
        self, ask: Ask, dag_id: str, run_id: str, task_id: str, page: str | None
    ) -> Page[TaskInstance]:
        """Ask for a page of the instances, in whatever state, of one mapped task in one DAG run.

        They are sorted by map index, and none of them ever goes away: an offset misses nothing.
        """
        parts = ("dags", dag_id, "dagRuns", run_id, "taskInstances", task_id, "listMapped")
        return _by_offset(ask, parts, [], reading.numbered_task_instances_page, page)

    def due(self, instance: TaskInstance) -> datetime | None:
        """Tell the logical date of the DAG run of a task instance, by which it is found."""
        return instance.logical_date

    def dag_runs_due(self, ask: Ask, span: Span, page: str | None) -> Page[DagRun]:
        """Ask for a page of the DAG runs whose logical dates lie in a span, by their number: new ones come last."""
        query = [
            ("execution_date_gte", span.first.isoformat()),
            ("execution_date_lte", span.last.isoformat()),
            ("order_by", "id"),
        ]
        return _by_offset(ask, ("dags", span.dag_id or "~", "dagRuns"), query, reading.dag_runs_page, page)

    def first_due(self, _ask: Ask, _since: datetime, _due_by: datetime) -> datetime | None:
        """Tell nothing, for a scan reads DAG runs however long ago they were due."""
        return None

    def asset_updates(self, ask: Ask, window: Window, page: str | None) -> Page[AssetUpdate]:
        """Ask for a page of what was recorded of datasets, the latest first: no filter goes by time.

        What is recorded meanwhile comes before the rest, so that some rows come twice and none is passed over.
        """
        parts, latest_first = ("datasets", "events"), [("order_by", "-timestamp")]
        found = _by_offset(ask, parts, latest_first, _dataset_events, page)
        is_last = any(row.at < window.since for row in found.rows)
        rows = tuple(row for row in found.rows if window.since <= row.at <= (window.until or row.at))
        return replace(found, rows=rows, next_page=None if is_last else found.next_page)

    def trigger(self, ask: Ask, dag_id: str, run_id: str, request: DagRunRequest) -> DagRun:
        """Have a DAG run begin; without a logical date it gets that of the moment, and partitions are unknown."""
        body = wanted(request, run_id)
        body |= {"logical_date": request.logical_date.isoformat()} if request.logical_date else {}
        return ask(send("POST", API, "dags", dag_id, "dagRuns", body=body), reading.dag_run)

    def instances_of_run(
        self, ask: Ask, dag_id: str, run_id: str, since: datetime | None, page: str | None
    ) -> Page[TaskInstance]:
        """Ask for the task instances of a DAG run, in whatever state, that changed since an instant, all at once.

        There is no order, so there is one page only, however many requests that takes.
        """
        if page is not None:
            raise UnknownPage(f"no page begins at {page!r}")

        def part(span: Query) -> Page[TaskInstance]:
            request = get(API, "dags", dag_id, "dagRuns", run_id, "taskInstances", query=span)
            return counted(ask(request, reading.numbered_task_instances_page))

        changed = [("updated_at_gte", since.isoformat())] if since else []
        return all_of(part, [("limit", str(_MANY)), *changed], name=lambda row: row.id)

    def latest_runs(self, ask: Ask, dag_id: str, limit: int) -> Page[DagRun]:
        """Ask for the runs of a DAG that began to be last, the newest first."""
        query = [("limit", str(limit)), ("order_by", "-id")]
        return ask(get(API, "dags", dag_id, "dagRuns", query=query), reading.dag_runs_page)

    def rendered_fields(self, ask: Ask, dag_id: str, run_id: str, page: str | None) -> Page[RenderedFields]:
        """Ask for a page of the template fields of all task instances of one DAG run.

        They have no order: where one page does not hold them all, a row may come twice, and another not at all.
        """
        parts = ("dags", dag_id, "dagRuns", run_id, "taskInstances")
        return _by_offset(ask, parts, [], reading.rendered_fields_page, page)


def _dataset_events(payload: object) -> Page[AssetUpdate]:
    return reading.asset_updates_page(payload, "dataset_events")


def _by_offset(
    ask: Ask, parts: Iterable[str], query: Query, read: Callable[[object], Page[Row]], page: str | None
) -> Page[Row]:
    """Ask for a page of a list whose order never changes; its token is a number of rows."""
    if page is not None and not page.isdecimal():
        raise UnknownPage(f"no page begins at {page!r}")
    offset = int(page or 0)
    found = ask(get(API, *parts, query=[*query, PAGE, ("offset", str(offset))]), read)
    upto = offset + found.received
    is_last = not found.received or upto == found.total
    return replace(found, next_page=None if is_last else str(upto))


def _rows_after(offset: int, order: str) -> Query:
    return [PAGE, ("offset", str(offset)), ("order_by", order)]
