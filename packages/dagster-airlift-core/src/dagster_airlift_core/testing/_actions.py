"""What the fake Airflow can be told to do about DAG runs, in both versions of its API."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from dagster_airlift_core.testing._assets import text_of
from dagster_airlift_core.testing._world import Row, World

Body: TypeAlias = Mapping[str, Any]
Action: TypeAlias = Callable[[World, list[str], Body], Row]

_FIELDS = frozenset(
    {"dag_run_id", "conf", "logical_date", "data_interval_start", "data_interval_end", "note"}
)
_RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")


class Refused(Exception):
    """Why something is not done.

    Args:
        status: HTTP status.
        detail: The reason.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def _trigger(world: World, ids: list[str], body: Body) -> Row:
    (dag_id,) = ids
    dag = world.dags.get(dag_id)
    if dag is None or dag["is_stale"]:
        raise Refused(404, f"Dag with dag_id: '{dag_id}' not found")
    if dag["has_import_errors"]:
        raise Refused(400, f"Dag with dag_id: '{dag_id}' has import errors and cannot be triggered")
    _check(world, dag_id, body)
    run_id = body["dag_run_id"]
    date = body.get("logical_date")
    taken = date and any(
        dag_id == known and row.payload["logical_date"] == _utc(date)
        for (known, _), row in world.runs.items()
    )
    if (dag_id, run_id) in world.runs or taken:
        raise Refused(409, f"DAGRun with DAG ID: '{dag_id}' and DAGRun ID: '{run_id}' already exists")
    world.set_run(dag_id, run_id, "queued")
    row = world.runs[dag_id, run_id]
    row.payload |= {**_kept(body), "start_date": None}
    world.begin(dag_id, run_id)
    return row


def _check(world: World, dag_id: str, body: Body) -> None:
    is_v1 = world.is_v1
    known = _FIELDS if is_v1 else _FIELDS | {"partition_key"}
    if set(body) - known or (not is_v1 and "logical_date" not in body):
        raise Refused(400 if is_v1 else 422, f"unknown or missing fields: {sorted(set(body) ^ known)}")
    if ("data_interval_start" in body) != ("data_interval_end" in body):
        raise Refused(
            400 if is_v1 else 422, "Either both data_interval_start and data_interval_end must be there"
        )
    if not _RUN_ID.fullmatch(body["dag_run_id"]):
        raise Refused(400, f"The run_id provided '{body['dag_run_id']}' does not match")
    if body.get("partition_key") and dag_id not in world.partitioned_dags:
        raise Refused(400, f"Dag '{dag_id}' is not a partitioned Dag and does not accept a partition_key.")


def _kept(body: Body) -> Body:
    dates = {name: _utc(body[name]) for name in _FIELDS if body.get(name) and name not in _PLAIN}
    return {**{name: body[name] for name in (*_PLAIN, "partition_key") if name in body}, **dates}


_PLAIN = ("dag_run_id", "conf", "note")


def _utc(text: str) -> str:
    return text_of(datetime.fromisoformat(text).astimezone(UTC))


def _mark(world: World, ids: list[str], body: Body) -> Row:
    dag_id, run_id = ids
    if (dag_id, run_id) not in world.runs:
        raise Refused(404, f"The DagRun with dag_id: `{dag_id}` and run_id: `{run_id}` was not found")
    world.set_run(dag_id, run_id, body["state"])
    for (dag, run, task, index), row in list(world.task_instances.items()):
        if (dag, run) == (dag_id, run_id) and row.payload["state"] not in ("success", "failed", "skipped"):
            world.set_task(dag, run, task, "failed", map_index=index)
    return world.runs[dag_id, run_id]


ACTIONS: list[tuple[str, str, Action]] = [
    ("POST", r"/dags/([^/]+)/dagRuns", _trigger),
    ("PATCH", r"/dags/([^/]+)/dagRuns/([^/]+)", _mark),
]
