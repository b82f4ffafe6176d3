"""Version 2 of the fake's API: keyset pages, and a cap on each of them that it does not mention."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from dagster_airlift_core.testing._assets import text_of
from dagster_airlift_core.testing._lists import is_like, is_wanted, is_within, matches, one, part
from dagster_airlift_core.testing._server import Query, Reply
from dagster_airlift_core.testing._world import Row, World

Route: TypeAlias = Callable[[World, list[str], Query], Reply]

TASK_STATES = frozenset(
    {
        *("removed", "scheduled", "queued", "running", "success", "restarting", "failed", "up_for_retry"),
        *("up_for_reschedule", "upstream_failed", "skipped", "deferred", "awaiting_input", "none"),
    }
)
_RUN_STATES = frozenset(["queued", "running", "success", "failed"])


def _list_dags(world: World, _: list[str], query: Query) -> Reply:
    dags = [dag for _, dag in sorted(world.dags.items()) if is_wanted(dag, query) and _is_owned(dag, query)]
    return _offset_page(world, "dags", dags, query)


def _list_tasks(world: World, ids: list[str], _: Query) -> Reply:
    tasks = world.tasks.get(ids[0])
    if tasks is None:
        return Reply(404, {"detail": f"Dag with id {ids[0]} was not found"})
    return Reply(200, {"tasks": list(tasks.values()), "total_entries": len(tasks)})


def _list_assets(world: World, _: list[str], query: Query) -> Reply:
    pattern = one(query, "uri_pattern", "%")
    assets = [asset for asset in world.assets.values() if is_like(pattern, asset["uri"])]
    return _offset_page(world, "assets", assets, query)


def _list_asset_updates(world: World, _: list[str], query: Query) -> Reply:
    if query.get("order_by") != ["timestamp"]:
        return Reply(
            400, {"detail": "Ordering with this value is disallowed or the attribute does not exist"}
        )
    found = [event for event in world.asset_events if is_within(event["timestamp"], "timestamp", query)]
    found.sort(key=lambda event: (event["timestamp"], event["id"]))
    return _offset_page(world, "asset_events", found, query)


def _list_import_errors(world: World, _: list[str], query: Query) -> Reply:
    return _offset_page(world, "import_errors", world.import_errors, query)


def _source(world: World, ids: list[str], _: Query) -> Reply:
    if ids[0] not in world.sources:
        return Reply(404, {"detail": f"The source code of the Dag {ids[0]} was not found"})
    return Reply(200, {"content": world.sources[ids[0]], "version_number": 1})


def _list_runs(world: World, ids: list[str], query: Query) -> Reply:
    rows = [row for (dag_id, _), row in world.runs.items() if ids[0] in ("~", dag_id)]
    orders: dict[str, Callable[[Row], Any]] = {
        "-id": lambda row: -row.number,
        "run_after": lambda row: row.payload["run_after"],
    }
    order = orders.get(one(query, "order_by", "id"))
    if order and "cursor" not in query:
        found = sorted((row for row in rows if matches(row, query)), key=order)
        return _offset_page(world, "dag_runs", [row.payload for row in found], query)
    return _keyset_page(world, "dag_runs", rows, query, lambda row: f"{row.number:08d}")


def _dag_of(world: World, ids: list[str], _: Query) -> Reply:
    dag = world.dags.get(ids[0])
    return Reply(200, dag) if dag else Reply(404, {"detail": f"Dag with id {ids[0]} was not found"})


def _run_of(world: World, ids: list[str], _: Query) -> Reply:
    world.play(*ids)
    row = world.runs.get((ids[0], ids[1]))
    missing = f"The DagRun with dag_id: `{ids[0]}` and run_id: `{ids[1]}` was not found"
    return Reply(200, row.payload) if row else Reply(404, {"detail": missing})


def _list_task_instances(world: World, ids: list[str], query: Query) -> Reply:
    dag_id, run_id = ids
    if run_id != "~" and (dag_id, run_id) not in world.runs:
        return Reply(404, {"detail": f"DagRun with run ID: {run_id} not found"})
    wanted = query.get("task_id")
    rows = [
        row
        for key, row in list(world.task_instances.items())
        if dag_id in ("~", key[0]) and run_id in ("~", key[1]) and (not wanted or key[2] in wanted)
    ]
    return _keyset_page(world, "task_instances", rows, query, lambda row: str(row.payload["id"]))


def _log(world: World, ids: list[str], query: Query) -> Reply:
    lines = world.log_of(ids, query)
    if lines is None:
        return Reply(404, {"detail": "TaskInstance not found"})
    events = [{"timestamp": text_of(world.now), "level": "info", "event": line} for line in lines]
    return Reply(
        200,
        {"content": [{"event": "::group::Log message source details"}, *events], "continuation_token": None},
    )


def _list_xcoms(world: World, ids: list[str], query: Query) -> Reply:
    rows = [{"key": key, "timestamp": text_of(world.now)} for key in world.xcoms_of(ids, query)]
    return _offset_page(world, "xcom_entries", rows, query)


def _xcom(world: World, ids: list[str], query: Query) -> Reply:
    found = world.xcoms_of(ids, query)
    if ids[-1] not in found:
        return Reply(404, {"detail": f"XCom entry with key: `{ids[-1]}` not found"})
    return Reply(200, {"key": ids[-1], "value": json.loads(found[ids[-1]])})


def _is_owned(dag: dict[str, Any], query: Query) -> bool:
    owners = ", ".join(dag["owners"])
    return "owners" not in query or any(owner in owners for owner in query["owners"])


def _offset_page(world: World, name: str, rows: Sequence[object], query: Query) -> Reply:
    return Reply(200, {name: part(rows, query, _limit(world, query)), "total_entries": len(rows)})


def _keyset_page(world: World, name: str, rows: list[Row], query: Query, key: Callable[[Row], str]) -> Reply:
    states = TASK_STATES if name == "task_instances" else _RUN_STATES
    if not states.issuperset(query.get("state", ())):
        return Reply(422, {"detail": [{"loc": ["query", "state"], "msg": "Invalid value", "input": "x"}]})
    if query.get("order_by", ["id"]) != ["id"]:
        return Reply(
            400, {"detail": "Ordering with this value is disallowed or the attribute does not exist"}
        )
    try:
        last = _decoded(one(query, "cursor", ""))
    except ValueError:
        return Reply(400, {"detail": "Invalid cursor token"})
    found = sorted((row for row in rows if matches(row, query) and key(row) > last), key=key)
    page = found[: _limit(world, query)]
    more = len(found) > len(page) and page
    token = base64.urlsafe_b64encode(key(page[-1]).encode()).decode() if more else None
    return Reply(200, {name: [row.payload for row in page], "next_cursor": token})


def _limit(world: World, query: Query) -> int:
    return min(int(one(query, "limit", "50")), world.page_cap)


def _decoded(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except binascii.Error as error:
        raise ValueError(token) from error


ROUTES: list[tuple[str, Route]] = [
    (r"/dags", _list_dags),
    (r"/assets", _list_assets),
    (r"/assets/events", _list_asset_updates),
    (r"/importErrors", _list_import_errors),
    (r"/dagSources/([^/]+)", _source),
    (r"/dags/([^/]+)/tasks", _list_tasks),
    (r"/dags/([^/]+)", _dag_of),
    (r"/dags/([^/]+)/dagRuns", _list_runs),
    (r"/dags/([^/]+)/dagRuns/([^/]+)", _run_of),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances", _list_task_instances),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/logs/([^/]+)", _log),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/xcomEntries", _list_xcoms),
    (r"/dags/([^/]+)/dagRuns/([^/]+)/taskInstances/([^/]+)/xcomEntries/([^/]+)", _xcom),
]
