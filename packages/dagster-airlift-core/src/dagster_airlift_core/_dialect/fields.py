"""Fields of the rows that Airflow's REST API answers; a ValueError says which one has another form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, cast


def field(value: object, key: str) -> object:
    """Return a field of a JSON object, None where there is no such field or no object."""
    return cast("Mapping[str, object]", value).get(key) if isinstance(value, dict) else None


def items(row: Mapping[str, Any], key: str) -> list[object]:
    """Return a list of a row, an empty one where it has none."""
    value: object = row.get(key)
    return cast("list[object]", value) if isinstance(value, list) else []


def mapping(value: object) -> Mapping[str, Any]:
    """Return a JSON object; a ValueError says that it is none."""
    if not isinstance(value, dict):
        raise ValueError(f"expected an object, found {type(value).__name__}")  # noqa: TRY004 - a payload
    return cast("Mapping[str, Any]", value)


def text(row: Mapping[str, Any], key: str) -> str:
    """Return a text that has to be there."""
    value: object = row.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is {value!r}")
    return value


def texts(value: object) -> tuple[str, ...]:
    """Return the texts of a list, none where it is no list."""
    if not isinstance(value, list):
        return ()
    return tuple(item for item in cast("list[object]", value) if isinstance(item, str))


def optional(row: Mapping[str, Any], key: str) -> str | None:
    """Return a text that may be missing or empty."""
    value: object = row.get(key)
    return value if isinstance(value, str) and value else None


def integer(row: Mapping[str, Any], key: str, default: int) -> int:
    """Return a whole number, which may be missing."""
    value: object = row.get(key, default)
    if not isinstance(value, int):
        raise ValueError(f"{key} is {value!r}")  # noqa: TRY004 - a payload, not an argument
    return value


def instant(row: Mapping[str, Any], key: str) -> datetime | None:
    """Return a moment, which may be missing, in UTC."""
    value: object = row.get(key)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{key} is {value!r}") from error
