"""How questions and answers look in version 2 of Airflow's REST API, and the pages of its UI."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote

from dagster_airlift_core._http import Answer, Request
from dagster_airlift_core.model import NOT_MAPPED, BadRow, Dag, DagRun, Page, Row, Task, TaskInstance, Window

API = "/api/v2"
LIMIT = "100"
SCAN_ORDER = "v2/id"
"""Stands in a cursor beside its page token; another order or set of filters needs another name."""
VERSION = Request("GET", f"{API}/version")
_MAX_DETAIL = 300


def _path(*parts: str) -> str:
    return "/".join([API, *(part if part == "~" else quote(part, safe="") for part in parts)])


def dags_request(offset: int) -> Request:
    """Ask for the DAGs after the first `offset` ones."""
    return Request("GET", _path("dags"), (("limit", LIMIT), ("offset", str(offset)), ("order_by", "dag_id")))


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
    said = _field(answer.payload, "detail")
    said = _field(said, "message") or _field(said, "reason") or said
    if isinstance(said, list):
        said = "; ".join(_complaint(item) for item in cast("list[object]", said))
    return str(said)[:_MAX_DETAIL]


def _field(value: object, key: str) -> object:
    return cast("Mapping[str, object]", value).get(key) if isinstance(value, Mapping) else None


def _complaint(item: object) -> str:
    """Say where and why a value was refused; the item holds the value too, and that may be a password."""
    where = _field(item, "loc")
    parts = cast("list[object]", where) if isinstance(where, list) else []
    return f"{'.'.join(str(part) for part in parts)}: {_field(item, 'msg')}"


def token_is_refused(answer: Answer) -> bool:
    """Whether a new token may help; every other 403 is a missing permission."""
    return answer.status == 401 or (answer.status == 403 and detail(answer) == "Invalid JWT token")  # noqa: PLR2004


def version(payload: object) -> str:
    """Read the version of Airflow."""
    return _text(_mapping(payload), "version")


def dags_page(payload: object) -> Page[Dag]:
    """Read a page of DAGs."""
    return _page(payload, "dags", _dag)


def tasks_page(payload: object, dag_id: str) -> Page[Task]:
    """Read the tasks of a DAG."""
    return _page(payload, "tasks", lambda row: _task(row, dag_id))


def task_instances_page(payload: object) -> Page[TaskInstance]:
    """Read a page of task instances."""
    return _page(payload, "task_instances", _task_instance)


def dag_runs_page(payload: object) -> Page[DagRun]:
    """Read a page of DAG runs."""
    return _page(payload, "dag_runs", _dag_run)


def _page(payload: object, name: str, read: Callable[[Mapping[str, Any]], Row]) -> Page[Row]:
    outer = _mapping(payload)
    items: object = outer.get(name)
    if not isinstance(items, list):
        raise ValueError(f"it has no list {name!r}")  # noqa: TRY004 - a payload, not an argument
    items = cast("list[object]", items)
    rows: list[Row] = []
    bad: list[BadRow] = []
    for item in items:
        try:
            rows.append(read(_mapping(item)))
        except ValueError as error:
            bad.append(BadRow(_name(item), str(error)))
    token = outer.get("next_cursor")
    return Page(tuple(rows), tuple(bad), len(items), token if isinstance(token, str) else None)


def _dag(row: Mapping[str, Any]) -> Dag:
    return Dag(
        dag_id=_text(row, "dag_id"),
        description=_optional(row, "description"),
        owners=_texts(row.get("owners")),
        tags=_texts([_field(tag, "name") for tag in row.get("tags") or ()]),
        schedule=_optional(row, "timetable_summary"),
        file=_optional(row, "relative_fileloc"),
    )


def _task(row: Mapping[str, Any], dag_id: str) -> Task:
    return Task(
        dag_id=dag_id,
        task_id=_text(row, "task_id"),
        operator=_optional(row, "operator_name"),
        downstream_task_ids=frozenset(_texts(row.get("downstream_task_ids"))),
    )


def _task_instance(row: Mapping[str, Any]) -> TaskInstance:
    return TaskInstance(
        id=_text(row, "id"),
        dag_id=_text(row, "dag_id"),
        run_id=_text(row, "dag_run_id"),
        task_id=_text(row, "task_id"),
        map_index=_integer(row, "map_index", NOT_MAPPED),
        state=_optional(row, "state"),
        try_number=_integer(row, "try_number", 0),
        max_tries=_integer(row, "max_tries", 0),
        operator=_optional(row, "operator_name") or _optional(row, "operator"),
        started_at=_instant(row, "start_date"),
        ended_at=_instant(row, "end_date"),
    )


def _dag_run(row: Mapping[str, Any]) -> DagRun:
    return DagRun(
        dag_id=_text(row, "dag_id"),
        run_id=_text(row, "dag_run_id"),
        state=_optional(row, "state"),
        started_at=_instant(row, "start_date"),
        ended_at=_instant(row, "end_date"),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an object, found {type(value).__name__}")  # noqa: TRY004 - a payload
    return cast("Mapping[str, Any]", value)


def _name(item: object) -> str:
    parts = [_field(item, key) for key in ("dag_id", "dag_run_id", "task_id")]
    return ".".join(str(part) for part in parts if part) or "a row"


def _text(row: Mapping[str, Any], key: str) -> str:
    value: object = row.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is {value!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(item for item in value if isinstance(item, str))


def _optional(row: Mapping[str, Any], key: str) -> str | None:
    value: object = row.get(key)
    return value if isinstance(value, str) and value else None


def _integer(row: Mapping[str, Any], key: str, default: int) -> int:
    value: object = row.get(key, default)
    if not isinstance(value, int):
        raise ValueError(f"{key} is {value!r}")  # noqa: TRY004 - a payload, not an argument
    return value


def _instant(row: Mapping[str, Any], key: str) -> datetime | None:
    value: object = row.get(key)
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(str(value))
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{key} is {value!r}") from error


@dataclass(frozen=True)
class Links:
    """Pages of Airflow's UI, built from our own base URL alone.

    Args:
        base_url: URL of Airflow's web server.
    """

    base_url: str

    def dag(self, dag_id: str) -> str:
        """Return the page of a DAG."""
        return self._join("dags", dag_id)

    def task(self, dag_id: str, task_id: str) -> str:
        """Return the page of a task of a DAG."""
        return self._join("dags", dag_id, "tasks", task_id)

    def dag_run(self, dag_id: str, run_id: str) -> str:
        """Return the page of a DAG run."""
        return self._join("dags", dag_id, "runs", run_id)

    def task_instance(self, instance: TaskInstance) -> str:
        """Return the page of a task instance, which opens with its log."""
        parts = ("dags", instance.dag_id, "runs", instance.run_id, "tasks", instance.task_id)
        mapped = ("mapped", str(instance.map_index)) if instance.is_mapped else ()
        return f"{self._join(*parts, *mapped)}?try_number={instance.try_number}"

    def _join(self, *parts: str) -> str:
        return "/".join([self.base_url, *(quote(part, safe="") for part in parts)])
