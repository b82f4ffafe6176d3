"""How questions look in version 2 of Airflow's REST API, and what its refusals mean."""

from __future__ import annotations

from typing import cast
from urllib.parse import quote

from dagster_airlift_core._dialect.links import Links
from dagster_airlift_core._dialect.reading import MAX_MESSAGE, field
from dagster_airlift_core._http import Answer, Request
from dagster_airlift_core.filters import AirflowFilter
from dagster_airlift_core.model import Window

__all__ = ["Links"]

API = "/api/v2"
LIMIT = "100"
SCAN_ORDER = "v2/id"
"""Stands in a cursor beside its page token; another order or set of filters needs another name."""
VERSION = Request("GET", f"{API}/version")


def _path(*parts: str) -> str:
    return "/".join([API, *(part if part == "~" else quote(part, safe="") for part in parts)])


def dags_request(only: AirflowFilter, offset: int) -> Request:
    """Ask for the DAGs after the first `offset` ones; the answer may hold more than the filter admits."""
    query = [("limit", LIMIT), ("offset", str(offset)), ("order_by", "dag_id")]
    query += _pattern("dag_id_pattern", only.dag_id_ilike)
    query += [("tags", tag) for tag in only.airflow_tags or ()]
    query += [("owners", owner) for owner in only.owners or ()]
    query += [("paused", str(only.paused).lower())] if only.paused is not None else []
    query += [("exclude_stale", "false")] if only.include_stale else []
    return Request("GET", _path("dags"), tuple(query))


def assets_request(only: AirflowFilter, offset: int) -> Request:
    """Ask for the assets after the first `offset` ones."""
    query = [("limit", LIMIT), ("offset", str(offset)), ("order_by", "id")]
    query += _pattern("uri_pattern", only.dataset_uri_ilike)
    return Request("GET", _path("assets"), tuple(query))


def import_problems_request(offset: int) -> Request:
    """Ask for the files that cannot be imported, after the first `offset` ones."""
    query = (("limit", LIMIT), ("offset", str(offset)), ("order_by", "import_error_id"))
    return Request("GET", _path("importErrors"), query)


def source_request(dag_id: str) -> Request:
    """Ask for the source code of a DAG."""
    return Request("GET", _path("dagSources", dag_id))


def _pattern(name: str, text: str | None) -> list[tuple[str, str]]:
    """Let the server narrow the list where a pattern surely means no less to it than to us."""
    return [(name, text)] if text and text.isascii() and not set(text) & set("|\\~") else []


def tasks_request(dag_id: str) -> Request:
    """Ask for all tasks of a DAG."""
    return Request("GET", _path("dags", dag_id, "tasks"))


def task_instances_request(window: Window, page: str | None) -> Request:
    """Ask for a page of the successful task instances of a window, in every DAG."""
    return Request("GET", _path("dags", "~", "dagRuns", "~", "taskInstances"), _scan_query(window, page))


def dag_runs_request(window: Window, page: str | None) -> Request:
    """Ask for a page of the successful DAG runs of a window, in every DAG."""
    return Request("GET", _path("dags", "~", "dagRuns"), _scan_query(window, page))


def instances_of_task_request(dag_id: str, run_id: str, task_id: str, page: str | None) -> Request:
    """Ask for a page of the instances, in whatever state, of one task in one DAG run."""
    path = _path("dags", dag_id, "dagRuns", run_id, "taskInstances")
    return Request("GET", path, (("task_id", task_id), *_keyset(page)))


def _keyset(page: str | None) -> tuple[tuple[str, str], ...]:
    return (("order_by", "id"), ("limit", LIMIT), ("cursor", page or ""))


def _scan_query(window: Window, page: str | None) -> tuple[tuple[str, str], ...]:
    due = (("run_after_gte", window.run_after.isoformat()),) if window.run_after else ()
    return (("state", "success"), ("updated_at_gte", window.since.isoformat()), *due, *_keyset(page))


def detail(answer: Answer) -> str:
    """Return what an error answer says, without any value that was sent to it."""
    said = field(answer.payload, "detail")
    said = field(said, "message") or field(said, "reason") or said
    if isinstance(said, list):
        said = "; ".join(_complaint(item) for item in cast("list[object]", said))
    return str(said)[:MAX_MESSAGE]


def _complaint(item: object) -> str:
    """Say where and why a value was refused; the item holds the value too, and that may be a password."""
    where = field(item, "loc")
    parts = cast("list[object]", where) if isinstance(where, list) else []
    return f"{'.'.join(str(part) for part in parts)}: {field(item, 'msg')}"


def token_is_refused(answer: Answer) -> bool:
    """Whether a new token may help; every other 403 is a missing permission."""
    return answer.status == 401 or (answer.status == 403 and detail(answer) == "Invalid JWT token")  # noqa: PLR2004
