"""How the fields of JSON become values: a ValueError says which one is of another form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from dagster_airlift_core.model import BadRow, Page, Row


def field(value: object, key: str) -> object:
    """Return a field of a JSON object, None where there is no such field or no object."""
    return cast("Mapping[str, object]", value).get(key) if isinstance(value, dict) else None


def page_of_rows(payload: object, name: str, read: Callable[[Mapping[str, Any]], Row]) -> Page[Row]:
    """Read a page of rows, each by itself."""
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
            bad.append(BadRow(name_of(item), str(error)))
    token, total = outer.get("next_cursor"), outer.get("total_entries")
    return Page(
        rows=tuple(rows),
        bad_rows=tuple(bad),
        received=len(items),
        next_page=token if isinstance(token, str) else None,
        total=total if isinstance(total, int) else None,
    )


def items(row: Mapping[str, Any], key: str) -> list[object]:
    """Return a list of a row, an empty one where it has none."""
    value: object = row.get(key)
    return cast("list[object]", value) if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {type(value).__name__}")  # noqa: TRY004 - a payload
    return cast("Mapping[str, Any]", value)


def name_of(item: object) -> str:
    """Name a row as far as that can be told."""
    parts = [field(item, key) for key in ("dag_id", "dag_run_id", "task_id")]
    return ".".join(str(part) for part in parts if part) or "a row"


def text(row: Mapping[str, Any], key: str) -> str:
    """Return a text that has to be there."""
    value: object = row.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is {value!r}")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list."""
    if not isinstance(value, list):
        return ()
    return tuple(item for item in cast("list[object]", value) if isinstance(item, str))


def optional(row: Mapping[str, Any], key: str) -> str | None:
    """Return a text, None where there is none."""
    value: object = row.get(key)
    return value if isinstance(value, str) and value else None


def integer(row: Mapping[str, Any], key: str, default: int) -> int:
    """Return a number."""
    value: object = row.get(key, default)
    if not isinstance(value, int):
        raise ValueError(f"{key} is {value!r}")  # noqa: TRY004 - a payload, not an argument
    return value


def instant(row: Mapping[str, Any], key: str) -> datetime | None:
    """Return an instant in UTC, None where there is none."""
    value: object = row.get(key)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(str(value))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{key} is {value!r}") from error
