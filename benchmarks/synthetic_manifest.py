"""Writes dbt manifests of any size, with the fields that dbt 1.11 writes.

40 % of the models are staging views on sources, 10 % ephemeral, 50 % marts on two models each; a model has 15 columns
and 2.5 tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

COLUMNS = 15
MACROS = 500
Resource = dict[str, Any]


def _column(name: str) -> Resource:
    return {
        "name": name,
        "description": f"What {name} says about one row of this model",
        "meta": {},
        "data_type": "varchar",
        "constraints": [],
        "quote": None,
        "config": {"meta": {}, "tags": []},
        "tags": [],
        "granularity": None,
        "doc_blocks": [],
    }


def _config(materialized: str, tags: list[str], **more: object) -> Resource:
    empty = (
        "alias",
        "schema",
        "database",
        "group",
        "static_analysis",
        "incremental_strategy",
        "batch_size",
        "begin",
    )
    return {
        "enabled": True,
        **dict.fromkeys((*empty, "full_refresh", "unique_key", "event_time", "freshness")),
        "tags": tags,
        "meta": {},
        "materialized": materialized,
        "lookback": 1,
        "persist_docs": {},
        "post-hook": [],
        "pre-hook": [],
        "quoting": {},
        "column_types": {},
        "on_schema_change": "ignore",
        "on_configuration_change": "apply",
        "grants": {},
        "packages": [],
        "docs": {"show": True, "node_color": None},
        "contract": {"enforced": False, "alias_types": True},
        "access": "protected",
        **more,
    }


def _resource(kind: str, name: str, folder: str, **more: Any) -> Resource:  # noqa: ANN401 -- as JSON has it
    path = f"{folder}/{name}.sql"
    return {
        "database": "warehouse",
        "schema": "main",
        "name": name,
        "resource_type": kind,
        "package_name": "shop",
        "path": path.partition("/")[2],
        "original_file_path": path,
        "unique_id": f"{kind}.shop.{name}",
        "fqn": ["shop", *folder.split("/")[1:], name],
        "alias": name,
        "checksum": {"name": "sha256", "checksum": sha256(name.encode()).hexdigest()},
        "tags": [],
        "description": f"The {kind} {name}, one row for each thing that it is about.",
        "columns": {},
        "meta": {},
        "group": None,
        "docs": {"show": True, "node_color": None},
        "patch_path": None,
        "build_path": None,
        "created_at": 1700000000.0,
        "relation_name": f'"warehouse"."main"."{name}"',
        "doc_blocks": [],
        "language": "sql",
        "refs": [],
        "sources": [],
        "metrics": [],
        "functions": [],
        "depends_on": {"macros": [], "nodes": []},
        "compiled_path": None,
        **more,
    }


def _model(number: int, models: int) -> Resource:
    staging, ephemeral = models * 4 // 10, models * 5 // 10
    name = f"m{number}"
    columns = [f"{name}_column_{each}" for each in range(COLUMNS)]
    if number < staging:
        folder, materialized = f"models/staging/part{number % 50}", "view"
        parents = [f"source.shop.raw.t{number}"]
    elif number < ephemeral:
        folder, materialized = "models/between", "ephemeral"
        parents = [f"model.shop.m{number % staging}"]
    else:
        folder, materialized = f"models/marts/part{number % 50}", "table"
        parents = [f"model.shop.m{number * step % number}" for step in (7, 13)]
    tags = ["daily"] if number % 7 == 0 else []
    lines = [f"    {column}," for column in columns]
    return _resource(
        "model",
        name,
        folder,
        config=_config(materialized, tags),
        tags=tags,
        columns={column: _column(column) for column in columns},
        raw_code="\n".join(["select", *lines, *(f"from {parent}" for parent in parents)]),
        patch_path=f"shop://{folder}/schema.yml",
        depends_on={"macros": ["macro.dbt.m0"], "nodes": sorted(set(parents))},
        unrendered_config={"tags": tags, "materialized": materialized},
    )


def _tests(model: Resource, number: int) -> Iterator[Resource]:
    for index, test in enumerate(("unique", "not_null", "accepted_values")[: 2 + number % 2]):
        column = f"{model['name']}_column_{index}"
        yield _resource(
            "test",
            f"{test}_{column}",
            model["original_file_path"].rpartition("/")[0],
            config=_config(
                "test", [], severity="ERROR", store_failures=None, warn_if="!= 0", error_if="!= 0"
            ),
            raw_code="{{ test_" + test + "(**_dbt_generic_test_kwargs) }}",
            depends_on={"macros": [f"macro.dbt.test_{test}"], "nodes": [model["unique_id"]]},
            attached_node=model["unique_id"],
            column_name=column,
            test_metadata={"name": test, "kwargs": {"column_name": column}, "namespace": None},
            unrendered_config={},
        )


def _source(number: int) -> Resource:
    name = f"t{number}"
    source = _resource(
        "source", name, "models/staging", source_name="raw", config={"enabled": True}, loader=""
    )
    return source | {
        "unique_id": f"source.shop.raw.{name}",
        "columns": {"id": _column("id")},
        "identifier": name,
    }


def _manifest(models: int) -> Resource:
    nodes: dict[str, Resource] = {}
    for number in range(models):
        model = _model(number, models)
        nodes |= {each["unique_id"]: each for each in (model, *_tests(model, number))}
    sources = {each["unique_id"]: each for each in map(_source, range(models * 4 // 10))}
    parents: dict[str, list[str]] = {each: node["depends_on"]["nodes"] for each, node in nodes.items()}
    children: dict[str, list[str]] = {each: [] for each in (*sources, *nodes)}
    for each, found in parents.items():
        for parent in found:
            children[parent].append(each)
    macro = {
        "package_name": "dbt",
        "original_file_path": "macros/m.sql",
        "macro_sql": "{% macro m() %}{% endmacro %}" * 40,
    }
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.11.16",
            "project_name": "shop",
            "project_id": "fb54f3c5992b96d001bb16e8e92d968d",
            "adapter_type": "duckdb",
        },
        "nodes": nodes,
        "sources": sources,
        "macros": {f"macro.dbt.m{each}": macro | {"name": f"m{each}"} for each in range(MACROS)},
        **{each: {} for each in ("docs", "exposures", "metrics", "groups", "selectors", "disabled")},
        **{each: {} for each in ("saved_queries", "semantic_models", "unit_tests", "functions")},
        "parent_map": parents,
        "child_map": children,
    }


def write_manifest(path: Path, models: int) -> None:
    """Write the manifest of a project with so many models."""
    path.write_text(json.dumps(_manifest(models)))
