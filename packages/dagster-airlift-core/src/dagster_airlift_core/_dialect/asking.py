"""How questions to Airflow's REST API are put, whatever its version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias
from urllib.parse import quote

from dagster_airlift_core._transport import Request
from dagster_airlift_core.dag_run_request import DagRunRequest
from dagster_airlift_core.model import SKIPPED, UNREACHED

Query: TypeAlias = list[tuple[str, str]]

PAGE = ("limit", "100")
ENDED: Query = [("state", "success"), ("state", "failed")]
"""What a scan asks for; it is a part of the name of a dialect's order."""
_MEANS_MORE = frozenset("|\\~")


def ended(*, with_unreached: bool) -> Query:
    """Return what a scan of task instances asks for: also what Airflow did not get to or skipped, where that is wanted."""
    return [*ENDED, ("state", UNREACHED), ("state", SKIPPED)] if with_unreached else ENDED


def get(api: str, *parts: str, query: Query | None = None) -> Request:
    """Return a request for a path of the API, each part of it quoted."""
    return Request("GET", _path(api, parts), tuple(query or ()))


def send(method: str, api: str, *parts: str, body: Mapping[str, object]) -> Request:
    """Return a request that changes something below a path of the API, each part of it quoted."""
    return Request(method, _path(api, parts), body=body)


def wanted(request: DagRunRequest, run_id: str) -> dict[str, object]:
    """Return the fields that ask for a DAG run in every version of the API."""
    body: dict[str, object] = {"dag_run_id": run_id, "conf": dict(request.conf)}
    if request.data_interval:
        start, end = request.data_interval
        body |= {"data_interval_start": start.isoformat(), "data_interval_end": end.isoformat()}
    return body | ({"note": request.note} if request.note else {})


def _path(api: str, parts: Iterable[str]) -> str:
    return "/".join([api, *(part if part == "~" else quote(part, safe="") for part in parts)])


def pattern(name: str, text: str | None) -> Query:
    """Let the server narrow a list where a pattern surely means no less to it than to us.

    Databases know the case of ASCII letters only, and some characters mean more in one version than in another.
    """
    return [(name, text)] if text and text.isascii() and _MEANS_MORE.isdisjoint(text) else []


def flag(name: str, value: bool | None) -> Query:  # noqa: FBT001 - the value of a filter
    """Return a filter that is on, off or not there."""
    return [] if value is None else [(name, str(value).lower())]
