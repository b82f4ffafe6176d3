"""Checking what a DAG's author has given an operator, once Airflow has rendered its templates."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from airflow.providers.dagster.exceptions import InvalidArgument

__all__ = ["asset_keys_of", "groups_of", "moment_of", "run_config_of", "tags_of"]

_SHOWN = 80


def tags_of(tags: object) -> dict[str, str]:
    """Take tags of a run: texts, or numbers, which are written as texts.

    Args:
        tags: By name; None for none.

    Returns:
        The tags.

    Raises:
        InvalidArgument: One is neither.
    """
    if not isinstance(tags, Mapping | None):
        raise InvalidArgument(f"`tags` is {_show(tags)}. Give a dict of texts.")
    found = cast("Mapping[object, object]", tags or {})
    for name, value in found.items():
        if not isinstance(name, str):
            raise InvalidArgument(f"`tags` has the name {_show(name)}. Names of tags are texts.")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidArgument(
                f"The tag {name!r} in `tags` is {_show(value)}. Values of tags are texts: write it as one."
            )
    return {str(name): str(value) for name, value in found.items()}


def run_config_of(run_config: object) -> Mapping[str, object]:
    """Take a run config that can be written as JSON.

    Args:
        run_config: By key; None for none.

    Returns:
        The run config.

    Raises:
        InvalidArgument: It is none, or something in it is no JSON.
    """
    if not isinstance(run_config, Mapping | None):
        raise InvalidArgument(f"`run_config` is {_show(run_config)}. Give a dict.")
    found = cast("Mapping[str, object]", run_config or {})
    _check_json(found, "run_config")
    return found


def asset_keys_of(keys: object) -> set[tuple[str, ...]]:
    """Take the keys of assets: a list, or a text that a template has made of one.

    Args:
        keys: Each as Dagster shows it, or as a list of its parts.

    Returns:
        The parts of each key.

    Raises:
        InvalidArgument: It is no list of keys.
    """
    return {_parts(key) for key in _listed(keys, "asset_keys", "raw/orders")}


def groups_of(groups: object) -> tuple[str, ...]:
    """Take the names of asset groups: a list, or a text that a template has made of one.

    Args:
        groups: The names.

    Returns:
        Each name once.

    Raises:
        InvalidArgument: It is no list of texts.
    """
    names = tuple(dict.fromkeys(_listed(groups, "groups", "sales")))
    for name in names:
        if not isinstance(name, str) or not name:
            raise InvalidArgument(
                f"`groups` holds {_show(name)}. The name of a group is a text such as 'sales'."
            )
    return cast("tuple[str, ...]", names)


def moment_of(value: object, name: str) -> float:
    """Take a moment.

    Args:
        value: A moment, or one in the format of ISO 8601, in UTC unless it says otherwise.
        name: The argument, for messages.

    Returns:
        Seconds since the epoch.

    Raises:
        InvalidArgument: It is none.
    """
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise InvalidArgument(
            f"`{name}` is {_show(value)}. Give a moment, such as '2026-03-04T06:00:00+00:00'."
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _parts(key: object) -> tuple[str, ...]:
    if isinstance(key, str):
        return tuple(key.split("/"))
    parts = cast("Sequence[object]", key) if isinstance(key, list | tuple) else ()
    if not parts or not all(isinstance(part, str) for part in parts):
        raise InvalidArgument(
            f"`asset_keys` holds {_show(cast('object', key))}. A key is a text such as 'raw/orders', or a list of its parts."
        )
    return tuple(map(str, parts))


def _listed(value: object, name: str, example: str) -> Sequence[object]:
    listed = _from_json(value) if isinstance(value, str) else value
    if not isinstance(listed, Sequence | set | frozenset) or isinstance(listed, str | bytes):
        raise InvalidArgument(f"`{name}` is {_show(value)}. Give a list, such as [{example!r}].")
    return tuple(cast("Sequence[object]", listed))


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _check_json(value: object, place: str) -> None:
    if isinstance(value, Mapping):
        for key, each in cast("Mapping[object, object]", value).items():
            if not isinstance(key, str):
                raise InvalidArgument(f"`{place}` has the key {_show(key)}. Keys of JSON are texts.")
            _check_json(each, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(cast("Sequence[object]", value)):
            _check_json(each, f"{place}[{number}]")
    elif not isinstance(value, str | int | float | None) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        raise InvalidArgument(
            f"`{place}` is {_show(value)}, which is no JSON. Write it as a text, a number, a list or a dict."
        )


def _show(value: object) -> str:
    text = f"{value!r} ({type(value).__name__})"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
