"""Version 1 of the fake's API: offsets, unknown parameters refused, task instances without id, order or cap."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dagster_airlift_core.testing._assets import text_of
from dagster_airlift_core.testing._lists import is_like, is_wanted, logical_date, matches, one, part
from dagster_airlift_core.testing._server import Query, Reply
from dagster_airlift_core.testing._v2 import TASK_STATES, Route
from dagster_airlift_core.testing._world import Row, World

_PAGE = frozenset({"limit", "offset"})
_TIMES = frozenset({"updated_at_gte", "updated_at_lte", "state"})


def problem(status: int, title: str, detail: str | None = None) -> Reply:
    """Return an error as Airflow 2 writes it."""
    return Reply(
        status, {"detail": detail, "status": status, "title": title, "type": ""}, "application/problem+json"
    )


def _list_dags(world: World, _: list[str], query: Query) -> Reply:
    known = {*_PAGE, "order_by", "tags", "only_active", "paused", "dag_id_pattern", "fields"}
    dags = [_dag(dag) for _, dag in sorted(world.dags.items()) if is_wanted(dag, query)]
    return _refusal(query, known) or _capped(world, "dags", dags, query)


def _dag_of(world: World, ids: list[str], _: Query) -> Reply:
    return Reply(200, _dag(world.dags[ids[0]])) if ids[0] in world.dags else problem(404, "DAG not found")


def _list_tasks(world: World, ids: list[str], _: Query) -> Reply:
    tasks = world.tasks.get(ids[0])
    if tasks is None:
        return problem(404, "DAG not found")
    return Reply(200, {"tasks": list(tasks.values()), "total_entries": len(tasks)})


def _list_datasets(world: World, _: list[str], query: Query) -> Reply:
    pattern = one(query, "uri_pattern", "%")
    found = [_dataset(asset) for asset in world.assets.values() if is_like(pattern, asset["uri"])]
    refusal = _refusal(query, {*_PAGE, "order_by", "uri_pattern", "dag_ids"})
    # The real one counts all datasets, whatever the pattern.
    return refusal or _capped(world, "datasets", found, query, total=len(world.assets))


def _list_dataset_events(world: World, _: list[str], query: Query) -> Reply:
    known = {*_PAGE, "order_by", "dataset_id", "source_dag_id", "source_task_id", "source_run_id"}
    found = [_dataset_event(event) for event in world.asset_events]
    found.sort(key=lambda event: event["timestamp"], reverse=query.get("order_by") == ["-timestamp"])
    return _refusal(query, known) or _capped(world, "dataset_events", found, query)


def _list_import_errors(world: World, _: list[str], query: Query) -> Reply:
    errors = [
        {name: value for name, value in error.items() if name != "bundle_name"}
        for error in world.import_errors
    ]
    return _refusal(query, {*_PAGE, "order_by"}) or _capped(world, "import_errors", errors, query)


def _source(world: World, ids: list[str], _: Query) -> Reply:
    dag_id = base64.urlsafe_b64decode(ids[0]).decode()
    if dag_id not in world.sources:
        return problem(404, "Dag source not found")
    return Reply(200, {"content": world.sources[dag_id]})


def _list_runs(world: World, ids: list[str], query: Query) -> Reply:
    rows = [row for (dag_id, _), row in world.runs.items() if ids[0] in ("~", dag_id) and matches(row, query)]
    direction = -1 if one(query, "order_by", "id").startswith("-") else 1
    runs = [run_payload(row) for row in sorted(rows, key=lambda row: direction * row.number)]
    known = {*_PAGE, *_TIMES, "order_by", "execution_date_gte", "execution_date_lte"}
    return _refusal(query, known) or _capped(world, "dag_runs", runs, query)


def _run_of(world: World, ids: list[str], _: Query) -> Reply:
    world.play(*ids)
    row = world.runs.get((ids[0], ids[1]))
    return Reply(200, run_payload(row)) if row else problem(404, "DAGRun not found")


def _list_task_instances(world: World, ids: list[str], query: Query) -> Reply:
    dag_id, run_id = ids
    rows = [
        row
        for key, row in list(world.task_instances.items())
        if dag_id in ("~", key[0]) and run_id in ("~", key[1]) and matches(row, query)
    ]
    # The real query has no ORDER BY, so the next request may get another order.
    turn = len(world.requests) % len(rows) if rows else 0
    return _refusal(query, {*_PAGE, *_TIMES}) or _uncapped([*rows[turn:], *rows[:turn]], query)


def _list_mapped(world: World, ids: list[str], query: Query) -> Reply:
    rows = [
        row
        for key, row in sorted(world.task_instances.items())
        if list(key[:3]) == ids and key[3] >= 0 and matches(row, query)
    ]
    if not rows and ids[2] not in world.tasks.get(ids[0], {}):
        return problem(404, f"Task id {ids[2]} not found")
    if not rows and not world.tasks[ids[0]][ids[2]]["is_mapped"]:
        return problem(404, f"Task id {ids[2]} is not mapped")
    return _refusal(query, {*_PAGE, *_TIMES, "order_by"}) or _uncapped(rows, query)


def _log(world: World, ids: list[str], query: Query) -> Reply:
    lines = world.log_of(ids, query)
    if lines is None:
        return problem(404, "TaskInstance not found")
    # A token comes for ever; behind the end there is a pair without text.
    stamped = [f"[{text_of(world.now)}] {{subprocess.py:106}} INFO - {line}" for line in lines]
    text = "" if "token" in query else "\n".join(["*** Found local files:", *stamped])
    refusal = _refusal(query, {"full_content", "map_index", "token"})
    return refusal or Reply(200, {"content": str([("a-host", text)]), "continuation_token": "t"})


def _list_xcoms(world: World, ids: list[str], query: Query) -> Reply:
    rows = [{"key": key, "timestamp": text_of(world.now)} for key in world.xcoms_of(ids, query)]
    return _refusal(query, {*_PAGE, "map_index", "xcom_key"}) or _capped(world, "xcom_entries", rows, query)


def _xcom(world: World, ids: list[str], query: Query) -> Reply:
    found = world.xcoms_of(ids, query)
    if ids[-1] not in found:
        return problem(404, "XCom entry not found")
    refusal = _refusal(query, {"map_index", "deserialize", "stringify"})
    value = found[ids[-1]] if one(query, "stringify", "true") == "true" else json.loads(found[ids[-1]])
    return refusal or Reply(200, {"key": ids[-1], "value": value})


def _refusal(query: Query, known: Iterable[str]) -> Reply | None:
    unknown = sorted(set(query) - set(known))
    if unknown:
        return problem(400, "Bad Request", f"Extra query parameter(s) {', '.join(unknown)} not in spec")
    if not TASK_STATES.issuperset(query.get("state", ())):
        return problem(400, "Bad Request", "not one of the states")
    return None


def _capped(world: World, name: str, rows: Sequence[object], query: Query, total: int | None = None) -> Reply:
    limit = min(int(one(query, "limit", "100")), world.page_cap)
    return Reply(
        200, {name: part(rows, query, limit), "total_entries": len(rows) if total is None else total}
    )


def _uncapped(rows: Sequence[Row], query: Query) -> Reply:
    page = part(rows, query, int(one(query, "limit", "100")))
    found = [_task_instance(row.payload) for row in page]
    return Reply(200, {"task_instances": found, "total_entries": len(rows)})


def _dag(dag: Mapping[str, Any]) -> dict[str, Any]:
    schedule: str | None = dag["timetable_summary"]
    return {
        **{name: dag[name] for name in ("dag_id", "description", "owners", "is_paused", "has_import_errors")},
        "tags": [{"name": tag["name"]} for tag in dag["tags"]],
        "fileloc": f"/dags/{dag['relative_fileloc']}",
        "file_token": base64.urlsafe_b64encode(str(dag["dag_id"]).encode()).decode(),
        "is_active": not dag["is_stale"],
        "schedule_interval": {"__type": "CronExpression", "value": schedule} if schedule else None,
        "timetable_description": "At 00:00" if schedule else "Never, external triggers only",
    }


def _dataset(asset: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: asset[name] for name in ("id", "uri", "extra", "producing_tasks")}
    return {**kept, "consuming_dags": asset["scheduled_dags"]}


def _dataset_event(event: Mapping[str, Any]) -> dict[str, Any]:
    absent = {"asset_id", "uri", "name", "group", "partition_key"}
    kept = {name: value for name, value in event.items() if name not in absent}
    return {**kept, "dataset_id": event["asset_id"], "dataset_uri": event["uri"]}


def run_payload(row: Row) -> dict[str, Any]:
    """Return a DAG run as Airflow 2 writes it: it always has a logical date."""
    absent = {"run_after", "partition_key", "partition_date"}
    payload = {name: value for name, value in row.payload.items() if name not in absent}
    date = logical_date(row.payload)
    interval = {name: payload[name] or date for name in ("data_interval_start", "data_interval_end")}
    return {**payload, **interval, "execution_date": date, "logical_date": date}


def _task_instance(payload: Mapping[str, Any]) -> dict[str, Any]:
    absent = {"id", "operator_name", "run_after", "logical_date"}
    kept = {name: value for name, value in payload.items() if name not in absent}
    return {**kept, "execution_date": logical_date(payload)}


ROUTES: list[tuple[str, Route]] = [
    (r"/dags", _list_dags),
    (r"/dags/([^/]+)", _dag_of),
    (r"/datasets", _list_datasets),
    (r"/datasets/events", _list_dataset_events),
    (r"/importErrors", _list_import_errors),
    (r"/dagSources/([^/]+)", _source),
    (r"/dags/([^/]+)/tasks", _list_tasks),
    (r"/dags/([^/]+)/dagRuns", _list_runs),
    (r"/dags/([^/]+)/dagRuns/([^/]+)", _run_of),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances", _list_task_instances),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/logs/([^/]+)", _log),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/xcomEntries", _list_xcoms),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/xcomEntries/([^/]+)", _xcom),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/listMapped", _list_mapped),
]
