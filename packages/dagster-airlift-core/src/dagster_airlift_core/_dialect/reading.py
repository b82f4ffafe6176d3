"""How answers of Airflow's REST API become values: named fields only, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, cast

from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.model import (
    NOT_MAPPED,
    AirflowAsset,
    AssetEvent,
    BadRow,
    Dag,
    DagRun,
    ImportProblem,
    Page,
    RenderedFields,
    RenderedValue,
    Row,
    Task,
    TaskInstance,
)

PROVIDER = "airflow.providers.dagster."
MAX_MESSAGE = 300  # characters of what Airflow says that are passed on


def field(value: object, key: str) -> object:
    """Return a field of a JSON object, None where there is no such field or no object."""
    return cast("Mapping[str, object]", value).get(key) if isinstance(value, dict) else None


def version(payload: object) -> str:
    """Read the version of Airflow."""
    return _text(_mapping(payload), "version")


def dags_page(payload: object) -> Page[Dag]:
    """Read a page of DAGs."""
    return _page(payload, "dags", dag)


def tasks_page(payload: object, dag_id: str) -> Page[Task]:
    """Read the tasks of a DAG."""
    return _page(payload, "tasks", lambda row: _task(row, dag_id))


def assets_page(payload: object) -> Page[AirflowAsset]:
    """Read a page of assets."""
    return _page(payload, "assets", _asset)


def datasets_page(payload: object) -> Page[AirflowAsset]:
    """Read a page of Airflow 2's datasets."""
    return _page(payload, "datasets", _asset)


def import_problems_page(payload: object) -> Page[ImportProblem]:
    """Read a page of import errors."""
    return _page(payload, "import_errors", _import_problem)


def source(payload: object) -> str:
    """Read the source code of a DAG."""
    return _text(_mapping(payload), "content")


def file_token(payload: object) -> str:
    """Read by which token Airflow 2 knows the file of a DAG."""
    return _text(_mapping(payload), "file_token")


def task_instances_page(payload: object) -> Page[TaskInstance]:
    """Read a page of task instances."""
    return _page(payload, "task_instances", lambda row: _task_instance(row, _text(row, "id")))


def numbered_task_instances_page(payload: object) -> Page[TaskInstance]:
    """Read a page of task instances of Airflow 2, where a try is known by its number only."""
    return _page(payload, "task_instances", lambda row: _task_instance(row, _identity(row)))


def rendered_fields_page(payload: object) -> Page[RenderedFields]:
    """Read a page of task instances for their template fields."""
    return _page(payload, "task_instances", _rendered_fields)


def xcom_keys_page(payload: object) -> Page[str]:
    """Read a page of XComs for their keys."""
    return _page(payload, "xcom_entries", lambda row: _text(row, "key"))


def dag_runs_page(payload: object) -> Page[DagRun]:
    """Read a page of DAG runs."""
    return _page(payload, "dag_runs", dag_run)


def asset_events_page(payload: object, name: str) -> Page[AssetEvent]:
    """Read a page of what was recorded of assets, under the name that the version has for it."""
    return _page(payload, name, _asset_event)


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
    token, total = outer.get("next_cursor"), outer.get("total_entries")
    return Page(
        rows=tuple(rows),
        bad_rows=tuple(bad),
        received=len(items),
        next_page=token if isinstance(token, str) else None,
        total=total if isinstance(total, int) else None,
    )


def dag(payload: object) -> Dag:
    """Read a DAG."""
    row = _mapping(payload)
    return Dag(
        dag_id=_text(row, "dag_id"),
        description=_optional(row, "description"),
        owners=_texts(row.get("owners")),
        tags=_texts([field(tag, "name") for tag in _items(row, "tags")]),
        schedule=_schedule(row),
        file=_optional(row, "relative_fileloc") or _optional(row, "fileloc"),
        is_paused=row.get("is_paused") is True,
        is_stale=row.get("is_stale") is True or row.get("is_active") is False,
        has_import_errors=row.get("has_import_errors") is True,
    )


def _schedule(row: Mapping[str, Any]) -> str | None:
    """Return Airflow 3's summary of the timetable, or the cron expression, preset or text of Airflow 2."""
    interval: object = row.get("schedule_interval")
    if interval is None:
        return _optional(row, "timetable_summary")
    value = field(interval, "value")
    return value if isinstance(value, str) else _optional(row, "timetable_description")


def _task(row: Mapping[str, Any], dag_id: str) -> Task:
    task_id = _text(row, "task_id")
    return Task(
        dag_id=dag_id,
        task_id=task_id,
        operator=_optional(row, "operator_name"),
        downstream_task_ids=frozenset(_texts(row.get("downstream_task_ids"))),
        group_id=task_id.rpartition(".")[0] or None,
        is_mapped=row.get("is_mapped") is True,
        is_proxied=_is_proxy(row.get("class_ref")),
        operator_class=_class(row.get("class_ref")),
    )


def _is_proxy(class_ref: object) -> bool:
    module, name = field(class_ref, "module_path"), field(class_ref, "class_name")
    return str(module).startswith(PROVIDER) and "Proxy" in str(name)


def _class(class_ref: object) -> str | None:
    module, name = field(class_ref, "module_path"), field(class_ref, "class_name")
    return f"{module}.{name}" if isinstance(module, str) and isinstance(name, str) else None


def _asset(row: Mapping[str, Any]) -> AirflowAsset:
    uri = _text(row, "uri")
    return AirflowAsset(
        uri=uri,
        name=_optional(row, "name") or uri,
        group=_optional(row, "group"),
        producing_tasks=_handles(row, "producing_tasks"),
        consuming_tasks=_handles(row, "consuming_tasks"),
        consuming_dag_ids=frozenset(
            _text(_mapping(dag), "dag_id")
            for dag in _items(row, "scheduled_dags") or _items(row, "consuming_dags")
        ),
    )


def _asset_event(row: Mapping[str, Any]) -> AssetEvent:
    at = _instant(row, "timestamp")
    if at is None:
        raise ValueError("timestamp is None")
    return AssetEvent(
        id=_integer(row, "id", 0),
        uri=_optional(row, "uri") or _text(row, "dataset_uri"),
        at=at,
        dag_id=_optional(row, "source_dag_id"),
        run_id=_optional(row, "source_run_id"),
        task_id=_optional(row, "source_task_id"),
        map_index=_integer(row, "source_map_index", NOT_MAPPED),
        partition_key=_optional(row, "partition_key"),
    )


def _handles(row: Mapping[str, Any], key: str) -> frozenset[TaskHandle]:
    rows = [_mapping(task) for task in _items(row, key)]
    return frozenset(TaskHandle(_text(task, "dag_id"), _text(task, "task_id")) for task in rows)


def _items(row: Mapping[str, Any], key: str) -> list[object]:
    """Return a list of a row, an empty one where it has none."""
    value: object = row.get(key)
    return cast("list[object]", value) if isinstance(value, list) else []


def _import_problem(row: Mapping[str, Any]) -> ImportProblem:
    lines = [line.strip() for line in (_optional(row, "stack_trace") or "").splitlines()]
    message = next((line for line in reversed(lines) if line), "")
    return ImportProblem(_text(row, "filename"), message[:MAX_MESSAGE])


def _identity(row: Mapping[str, Any]) -> str:
    """Name a try as injectively as a UUID does; Airflow 2 counts on when a task is cleared and runs again."""
    names = [_text(row, "dag_id"), _text(row, "dag_run_id"), _text(row, "task_id")]
    numbers = [_integer(row, "map_index", NOT_MAPPED), _integer(row, "try_number", 0)]
    return json.dumps([*names, *numbers], separators=(",", ":"))


def _task_instance(row: Mapping[str, Any], identity: str) -> TaskInstance:
    return TaskInstance(
        id=identity,
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
        logical_date=_logical_date(row),
        run_after=_instant(row, "run_after"),
    )


def _rendered_fields(row: Mapping[str, Any]) -> RenderedFields:
    return RenderedFields(
        run_id=_text(row, "dag_run_id"),
        task_id=_text(row, "task_id"),
        map_index=_integer(row, "map_index", NOT_MAPPED),
        fields=MappingProxyType(
            {
                str(name): _rendered(value)
                for name, value in _mapping(row.get("rendered_fields") or {}).items()
            }
        ),
    )


def _rendered(value: object) -> RenderedValue:
    if isinstance(value, Mapping):
        found = cast("Mapping[object, object]", value)
        return MappingProxyType({str(name): _rendered(each) for name, each in found.items()})
    if isinstance(value, list):
        return tuple(_rendered(each) for each in cast("list[object]", value))
    return cast("RenderedValue", value)


def dag_run(payload: object) -> DagRun:
    """Read a DAG run."""
    row = _mapping(payload)
    return DagRun(
        dag_id=_text(row, "dag_id"),
        run_id=_text(row, "dag_run_id"),
        state=_optional(row, "state"),
        started_at=_instant(row, "start_date"),
        ended_at=_instant(row, "end_date"),
        logical_date=_logical_date(row),
        data_interval_start=_instant(row, "data_interval_start"),
        data_interval_end=_instant(row, "data_interval_end"),
        run_after=_instant(row, "run_after"),
        partition_key=_optional(row, "partition_key"),
        partition_date=_instant(row, "partition_date"),
    )


def _logical_date(row: Mapping[str, Any]) -> datetime | None:
    """Return the logical date, which task instances of Airflow 2 know by its older name."""
    return _instant(row, "logical_date") or _instant(row, "execution_date")


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {type(value).__name__}")  # noqa: TRY004 - a payload
    return cast("Mapping[str, Any]", value)


def _name(item: object) -> str:
    parts = [field(item, key) for key in ("dag_id", "dag_run_id", "task_id")]
    return ".".join(str(part) for part in parts if part) or "a row"


def _text(row: Mapping[str, Any], key: str) -> str:
    value: object = row.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is {value!r}")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(item for item in cast("list[object]", value) if isinstance(item, str))


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
