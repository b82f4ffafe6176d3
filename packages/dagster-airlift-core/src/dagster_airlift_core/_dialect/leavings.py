"""What a try of a task left behind, in either version of Airflow's REST API: they differ in the form of a log alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import cast

from dagster_airlift_core._dialect.asking import PAGE, Query, get
from dagster_airlift_core._dialect.fields import field
from dagster_airlift_core._dialect.port import Ask
from dagster_airlift_core._dialect.reading import xcom_keys_page
from dagster_airlift_core._transport import Request
from dagster_airlift_core.model import LogPart, Page, TaskInstance


def log_part(ask: Ask, api: str, instance: TaskInstance, token: str | None) -> LogPart:
    """Ask for a part of the log of a try.

    Args:
        ask: Asks.
        api: Path of the API.
        instance: The try.
        token: Where the part begins, None for the first one.
    """
    query = [*_of_copy(instance), *([("token", token)] if token else [])]
    return ask(_about(api, instance, "logs", str(instance.try_number), query=query), _log_part)


def xcom_keys(ask: Ask, api: str, instance: TaskInstance, offset: int) -> Page[str]:
    """Ask for a page of the keys of the XComs of a task instance.

    Args:
        ask: Asks.
        api: Path of the API.
        instance: The task instance; a new try begins without XComs.
        offset: How many keys were received before.
    """
    query = [PAGE, ("offset", str(offset)), *_of_copy(instance)]
    return ask(_about(api, instance, "xcomEntries", query=query), xcom_keys_page)


def xcom(ask: Ask, api: str, instance: TaskInstance, key: str) -> object:
    """Ask for the value of an XCom: what was pushed; a text is not read, though it be JSON.

    Args:
        ask: Asks.
        api: Path of the API.
        instance: The task instance.
        key: Key of the XCom.
    """
    query = [*_of_copy(instance), ("stringify", "false")]
    return ask(
        _about(api, instance, "xcomEntries", key, query=query), lambda payload: field(payload, "value")
    )


def _about(api: str, instance: TaskInstance, *parts: str, query: Query) -> Request:
    place = ("dags", instance.dag_id, "dagRuns", instance.run_id, "taskInstances", instance.task_id)
    return get(api, *place, *parts, query=query)


def _of_copy(instance: TaskInstance) -> Query:
    return [("map_index", str(instance.map_index))]


def _log_part(payload: object) -> LogPart:
    content, token = field(payload, "content"), field(payload, "continuation_token")
    if isinstance(content, str):
        lines = tuple(line for text in _texts_of_hosts(content) for line in text.splitlines())
    elif isinstance(content, list):
        lines = tuple(line for item in cast("list[object]", content) for line in _lines(item))
    else:
        raise ValueError("it has no 'content'")  # noqa: TRY004 - a payload, not an argument
    return LogPart(lines, token if isinstance(token, str) else None)


def _lines(item: object) -> list[str]:
    """Airflow 3 gives events, of which one may be an empty line; where it cannot read its own log, lines."""
    said = item if isinstance(item, str) else field(item, "event")
    return (said.splitlines() or [""]) if isinstance(said, str) else []


def _texts_of_hosts(content: str) -> Iterator[str]:
    """Airflow 2 gives the text form of a list of pairs, host and text."""
    try:
        pairs: object = ast.literal_eval(content)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        yield content
        return
    for pair in cast("list[object]", pairs) if isinstance(pairs, list) else []:
        if isinstance(pair, tuple):
            yield str(cast("tuple[object, ...]", pair)[-1])
