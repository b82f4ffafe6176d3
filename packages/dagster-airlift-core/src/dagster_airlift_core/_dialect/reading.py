"""How answers of Airflow's REST API become values: named fields only, row by row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, cast

from dagster_airlift_core._dialect.fields import (
    field,
    instant,
    integer,
    items,
    mapping,
    optional,
    text,
    texts,
)
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.model import (
    NOT_MAPPED,
    AirflowAsset,
    AssetUpdate,
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


def version(payload: object) -> str:
    """Read the version of Airflow."""
    return text(mapping(payload), "version")


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
    return text(mapping(payload), "content")


def file_token(payload: object) -> str:
    """Read by which token Airflow 2 knows the file of a DAG."""
    return text(mapping(payload), "file_token")


def task_instances_page(payload: object) -> Page[TaskInstance]:
    """Read a page of task instances."""
    return _page(payload, "task_instances", lambda row: _task_instance(row, text(row, "id")))


def numbered_task_instances_page(payload: object) -> Page[TaskInstance]:
    """Read a page of task instances of Airflow 2, where a try is known by its number only."""
    return _page(payload, "task_instances", lambda row: _task_instance(row, _identity(row)))


def rendered_fields_page(payload: object) -> Page[RenderedFields]:
    """Read a page of task instances for their template fields."""
    return _page(payload, "task_instances", _rendered_fields)


def xcom_keys_page(payload: object) -> Page[str]:
    """Read a page of XComs for their keys."""
    return _page(payload, "xcom_entries", lambda row: text(row, "key"))


def dag_runs_page(payload: object) -> Page[DagRun]:
    """Read a page of DAG runs."""
    return _page(payload, "dag_runs", dag_run)


def asset_updates_page(payload: object, name: str) -> Page[AssetUpdate]:
    """Read a page of what was recorded of assets, under the name that the version has for it."""
    return _page(payload, name, _asset_update)


def _page(payload: object, name: str, read: Callable[[Mapping[str, Any]], Row]) -> Page[Row]:
    outer = mapping(payload)
    items: object = outer.get(name)
    if not isinstance(items, list):
        raise ValueError(f"it has no list {name!r}")  # noqa: TRY004 - a payload, not an argument
    items = cast("list[object]", items)
    rows: list[Row] = []
    bad: list[BadRow] = []
    for item in items:
        try:
            rows.append(read(mapping(item)))
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
    row = mapping(payload)
    return Dag(
        dag_id=text(row, "dag_id"),
        description=optional(row, "description"),
        owners=texts(row.get("owners")),
        tags=texts([field(tag, "name") for tag in items(row, "tags")]),
        schedule=_schedule(row),
        file=optional(row, "relative_fileloc") or optional(row, "fileloc"),
        is_paused=row.get("is_paused") is True,
        is_stale=row.get("is_stale") is True or row.get("is_active") is False,
        has_import_errors=row.get("has_import_errors") is True,
    )


def _schedule(row: Mapping[str, Any]) -> str | None:
    """Return Airflow 3's summary of the timetable, or the cron expression, preset or text of Airflow 2."""
    interval: object = row.get("schedule_interval")
    if interval is None:
        return optional(row, "timetable_summary")
    value = field(interval, "value")
    return value if isinstance(value, str) else optional(row, "timetable_description")


def _task(row: Mapping[str, Any], dag_id: str) -> Task:
    task_id = text(row, "task_id")
    return Task(
        dag_id=dag_id,
        task_id=task_id,
        operator=optional(row, "operator_name"),
        downstream_task_ids=frozenset(texts(row.get("downstream_task_ids"))),
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
    uri = text(row, "uri")
    return AirflowAsset(
        uri=uri,
        name=optional(row, "name") or uri,
        group=optional(row, "group"),
        producing_tasks=_handles(row, "producing_tasks"),
        consuming_tasks=_handles(row, "consuming_tasks"),
        consuming_dag_ids=frozenset(
            text(mapping(dag), "dag_id")
            for dag in items(row, "scheduled_dags") or items(row, "consuming_dags")
        ),
    )


def _asset_update(row: Mapping[str, Any]) -> AssetUpdate:
    at = instant(row, "timestamp")
    if at is None:
        raise ValueError("timestamp is None")
    return AssetUpdate(
        id=integer(row, "id", 0),
        uri=optional(row, "uri") or text(row, "dataset_uri"),
        at=at,
        dag_id=optional(row, "source_dag_id"),
        run_id=optional(row, "source_run_id"),
        task_id=optional(row, "source_task_id"),
        map_index=integer(row, "source_map_index", NOT_MAPPED),
        partition_key=optional(row, "partition_key"),
    )


def _handles(row: Mapping[str, Any], key: str) -> frozenset[TaskHandle]:
    rows = [mapping(task) for task in items(row, key)]
    return frozenset(TaskHandle(text(task, "dag_id"), text(task, "task_id")) for task in rows)


def _import_problem(row: Mapping[str, Any]) -> ImportProblem:
    lines = [line.strip() for line in (optional(row, "stack_trace") or "").splitlines()]
    message = next((line for line in reversed(lines) if line), "")
    return ImportProblem(text(row, "filename"), message[:MAX_MESSAGE])


def _identity(row: Mapping[str, Any]) -> str:
    """Name a try as injectively as a UUID does; Airflow 2 counts on when a task is cleared and runs again."""
    names = [text(row, "dag_id"), text(row, "dag_run_id"), text(row, "task_id")]
    numbers = [integer(row, "map_index", NOT_MAPPED), integer(row, "try_number", 0)]
    return json.dumps([*names, *numbers], separators=(",", ":"))


def _task_instance(row: Mapping[str, Any], identity: str) -> TaskInstance:
    return TaskInstance(
        id=identity,
        dag_id=text(row, "dag_id"),
        run_id=text(row, "dag_run_id"),
        task_id=text(row, "task_id"),
        map_index=integer(row, "map_index", NOT_MAPPED),
        state=optional(row, "state"),
        try_number=integer(row, "try_number", 0),
        max_tries=integer(row, "max_tries", 0),
        operator=optional(row, "operator_name") or optional(row, "operator"),
        started_at=instant(row, "start_date"),
        ended_at=instant(row, "end_date"),
        logical_date=_logical_date(row),
        run_after=instant(row, "run_after"),
    )


def _rendered_fields(row: Mapping[str, Any]) -> RenderedFields:
    return RenderedFields(
        run_id=text(row, "dag_run_id"),
        task_id=text(row, "task_id"),
        map_index=integer(row, "map_index", NOT_MAPPED),
        fields=MappingProxyType(
            {str(name): _rendered(value) for name, value in mapping(row.get("rendered_fields") or {}).items()}
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
    row = mapping(payload)
    return DagRun(
        dag_id=text(row, "dag_id"),
        run_id=text(row, "dag_run_id"),
        state=optional(row, "state"),
        started_at=instant(row, "start_date"),
        ended_at=instant(row, "end_date"),
        logical_date=_logical_date(row),
        data_interval_start=instant(row, "data_interval_start"),
        data_interval_end=instant(row, "data_interval_end"),
        run_after=instant(row, "run_after"),
        partition_key=optional(row, "partition_key"),
        partition_date=instant(row, "partition_date"),
    )


def _logical_date(row: Mapping[str, Any]) -> datetime | None:
    """Return the logical date, which task instances of Airflow 2 know by its older name."""
    return instant(row, "logical_date") or instant(row, "execution_date")


def _name(item: object) -> str:
    parts = [field(item, key) for key in ("dag_id", "dag_run_id", "task_id")]
    return ".".join(str(part) for part in parts if part) or "a row"
