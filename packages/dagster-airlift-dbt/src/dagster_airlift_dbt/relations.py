"""What Dagster shows of dbt's models, seeds, snapshots and sources, as a manifest tells it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha1
from sys import intern
from typing import Any, Literal, TypeAlias

Detail: TypeAlias = Literal["full", "slim"]
"""`full` shows what dagster-dbt shows; `slim` leaves out columns and SQL, most of what Dagster would store."""

_KINDS = frozenset({"model", "seed", "snapshot", "source"})


@dataclass(frozen=True, slots=True)
class DbtColumn:
    """A column that the project describes."""

    name: str
    type: str
    description: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DbtRelation:
    """A table or view of the warehouse, with what Dagster shows of it.

    Args:
        unique_id: Of the dbt resource.
        key: The path of its asset key.
        description: With the SQL of the resource behind it, unless the detail is slim.
        code_version: A digest of the SQL, or of the file of a seed.
        group: The group in Dagster.
        dbt_group: The group in dbt, whose owner owns it where it has no own owners.
        owners: Its own owners.
        columns: What the project describes of them.
        table_name: In the warehouse.
        materialized: `table`, `view`, `seed` and so on.
        policy: `eager` or `lazy`, where `meta.dagster.auto_materialize_policy` says so.
    """

    unique_id: str
    key: tuple[str, ...]
    description: str
    code_version: str | None
    group: str | None
    dbt_group: str | None
    owners: tuple[str, ...]
    columns: tuple[DbtColumn, ...]
    table_name: str | None
    materialized: str | None
    policy: str | None


def read_relation(unique_id: str, payload: Mapping[str, Any], detail: Detail) -> DbtRelation | None:
    """Read what is an asset in Dagster, or the source of one.

    Args:
        unique_id: The resource.
        payload: What the manifest says about it; nothing in it has to be there.
        detail: How much to keep.

    Returns:
        The relation, or None for what is none: tests, ephemeral models, metrics and so on.
    """
    kind = str(payload.get("resource_type") or unique_id.partition(".")[0])
    config: Mapping[str, Any] = payload.get("config") or {}
    if kind not in _KINDS or (kind == "model" and config.get("materialized") == "ephemeral"):
        return None
    code = str(payload.get("raw_sql") or payload.get("raw_code") or "")
    dagster = _dagster_settings(payload.get("meta"))
    return DbtRelation(
        unique_id=unique_id,
        key=_key(kind, payload, config),
        description=_description(kind, payload, code if detail == "full" else None),
        code_version=_code_version(payload, code),
        group=dagster.get("group") or config.get("group") or None,
        dbt_group=payload.get("group") or None,
        owners=_texts(dagster.get("owners")),
        columns=_columns(payload) if detail == "full" else (),
        table_name=_table_name(kind, payload),
        materialized=config.get("materialized"),
        policy=_member(dagster, "auto_materialize_policy").get("type"),
    )


def group_owners(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The owners of what is in a dbt group, by the e-mail address of its owner."""
    return _texts(_member(payload, "owner").get("email"))


def _dagster_settings(meta: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return _member(meta or {}, "dagster")


def _member(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return payload.get(name) or {}


def _key(kind: str, payload: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    # Of all the settings below `meta.dagster`, dagster-dbt looks for this one in `config` too.
    asked = _texts(_dagster_settings(config.get("meta") or payload.get("meta")).get("asset_key"))
    if asked:
        return asked
    name = str(payload.get("name") or "")
    if kind == "source":
        return (str(payload.get("source_name") or ""), name)
    if payload.get("version"):
        return (str(payload.get("alias") or name),)
    schema = config.get("schema")
    return (name,) if schema is None else (schema, name)


def _description(kind: str, payload: Mapping[str, Any], code: str | None) -> str:
    text = str(payload.get("description") or f"dbt {kind} {payload.get('name')}")
    if code is None:
        return text
    return f"{text}\n\n#### Raw SQL:\n```sql\n{textwrap.indent(code, '    ')}\n```"


def _code_version(payload: Mapping[str, Any], code: str) -> str | None:
    if code:
        return sha1(code.encode(), usedforsecurity=False).hexdigest()
    return _member(payload, "checksum").get("checksum")


def _columns(payload: Mapping[str, Any]) -> tuple[DbtColumn, ...]:
    columns: Mapping[str, Mapping[str, Any]] = payload.get("columns") or {}
    return tuple(
        DbtColumn(
            intern(name),
            intern(str(column.get("data_type") or "?")),
            column.get("description"),
            _texts(column.get("tags")),
        )
        for name, column in columns.items()
    )


def _table_name(kind: str, payload: Mapping[str, Any]) -> str | None:
    parts = [payload.get(part) for part in ("database", "schema", "alias")]
    if kind == "source":
        parts.append(payload.get("name"))
    return ".".join(part for part in parts if part) or None


def _texts(value: str | list[str] | None) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
