"""What the refusals of Airflow's REST API say, and what would help."""

from __future__ import annotations

from typing import cast

from dagster_airlift_core._dialect.fields import field
from dagster_airlift_core._dialect.reading import MAX_MESSAGE
from dagster_airlift_core._transport import Answer, Request

_RIGHTS = {
    "dags": "DAGs",
    "tasks": "Task Instances",
    "dagRuns": "DAG Runs",
    "taskInstances": "Task Instances",
    "listMapped": "Task Instances",
    "logs": "Task Logs",
    "xcomEntries": "XComs",
    "assets": "Assets",
    "datasets": "Datasets",
    "importErrors": "ImportError",
    "dagSources": "DAG Code",
}
"""Last fixed part of a path to the resource that Airflow's own role editor lets one read."""


def detail(answer: Answer) -> str:
    """Return what an error answer says, without any value that was sent to it."""
    said = field(answer.payload, "detail") or field(answer.payload, "title")
    said = field(said, "message") or field(said, "reason") or said
    if isinstance(said, list):
        said = "; ".join(_complaint(item) for item in cast("list[object]", said))
    return str(said)[:MAX_MESSAGE]


def missing_right(request: Request) -> str:
    """Return what a user must be given to be let through."""
    if request.method != "GET":
        return (
            "Give the user the role User, for Viewer only reads; or at least `can create` and `can edit on DAG Runs`, "
            "and `can edit on DAGs`."
        )
    parts = [part for part in reversed(request.path.split("/")) if part in _RIGHTS]
    only = f", or at least `can read on {_RIGHTS[parts[0]]}`" if parts else ""
    return f"Give the user the role Viewer{only}."


def _complaint(item: object) -> str:
    """Say where and why a value was refused; the item holds the value too, and that may be a password."""
    where = field(item, "loc")
    parts = cast("list[object]", where) if isinstance(where, list) else []
    return f"{'.'.join(str(part) for part in parts)}: {field(item, 'msg')}"
