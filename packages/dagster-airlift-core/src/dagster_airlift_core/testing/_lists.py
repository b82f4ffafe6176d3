"""The filters and pages of the fake Airflow's lists, as far as both versions of the API have them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from dagster_airlift_core.testing._assets import text_of
from dagster_airlift_core.testing._server import Query
from dagster_airlift_core.testing._world import Row

Item = TypeVar("Item")

_PAST = datetime(2000, 1, 1, tzinfo=UTC)
_FUTURE = datetime(2100, 1, 1, tzinfo=UTC)


def one(query: Query, name: str, otherwise: str) -> str:
    """Return a parameter of a query that is given once."""
    return query.get(name, [otherwise])[0]


def part(rows: Sequence[Item], query: Query, limit: int) -> Sequence[Item]:
    """Return the rows after an offset, as many as are allowed."""
    return rows[int(one(query, "offset", "0")) :][:limit]


def is_like(pattern: str, text: str) -> bool:
    """Match as SQL does: `%` for any characters, `_` for one."""
    expression = re.escape(pattern).replace("%", ".*").replace("_", ".")
    return re.search(expression, text, re.IGNORECASE | re.DOTALL) is not None


def is_wanted(dag: Mapping[str, Any], query: Query) -> bool:
    """Tell whether a DAG passes the filters that both versions have."""
    tags = {tag["name"] for tag in dag["tags"]}
    paused = str(dag["is_paused"]).lower()
    with_stale = query.get("exclude_stale") == ["false"] or query.get("only_active") == ["false"]
    return (
        is_like(one(query, "dag_id_pattern", "%"), str(dag["dag_id"]))
        and ("tags" not in query or bool(tags & set(query["tags"])))
        and one(query, "paused", paused) == paused
        and (not dag["is_stale"] or with_stale)
    )


def matches(row: Row, query: Query) -> bool:
    """Tell whether a DAG run or task instance passes the filters by state and time."""
    state = row.payload["state"] or "none"
    return (
        ("state" not in query or state in query["state"])
        and is_within(text_of(row.updated_at), "updated_at", query)
        and is_within(row.payload["run_after"], "run_after", query)
        and is_within(logical_date(row.payload), "execution_date", query)
    )


def is_within(moment: str, name: str, query: Query) -> bool:
    """Tell whether a moment passes the filters of its name."""
    at = datetime.fromisoformat(moment)
    return _instant(query, f"{name}_gte", _PAST) <= at <= _instant(query, f"{name}_lte", _FUTURE)


def logical_date(payload: Mapping[str, Any]) -> str:
    """Return the logical date of a run or task instance in Airflow 2, where there is none that has none."""
    return str(payload["logical_date"] or payload["run_after"])


def _instant(query: Query, name: str, otherwise: datetime) -> datetime:
    return datetime.fromisoformat(query[name][0]) if name in query else otherwise
