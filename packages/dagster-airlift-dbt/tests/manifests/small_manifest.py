"""Manifests that are written down here, where dbt itself adds nothing to a test."""

from __future__ import annotations

from typing import Any


def node(unique_id: str, folder: str = "", **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    kind, package, *rest = unique_id.split(".")
    path = [folder] if folder else []
    return {
        "unique_id": unique_id,
        "resource_type": kind,
        "name": rest[0],
        "package_name": package,
        "fqn": [package, *path, *rest],
        "original_file_path": "/".join(["seeds" if kind == "seed" else "models", *path, f"{rest[0]}.sql"]),
        "depends_on": {"nodes": []},
        "config": {"enabled": True, "materialized": "table"},
        "tags": [],
        **fields,
    }


def manifest(project: str, *nodes: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"project_name": project, "adapter_type": "duckdb"},
        "nodes": {each["unique_id"]: each for each in nodes},
        "sources": {},
    }


SHOP = manifest(
    "shop",
    node("seed.shop.raw_orders"),
    node("model.shop.stg_orders", "staging", tags=["daily"]),
    node("model.shop.stg_customers", "staging"),
    node("model.shop.orders", "marts", tags=["daily"]),
    node("model.shop.revenue", "marts"),
    node("model.shop.helper", "marts", config={"enabled": True, "materialized": "ephemeral"}),
    node("model.shop.customers.v1", "marts", version=1, latest_version=2, alias="customers_v1"),
    node("model.shop.customers.v2", "marts", version=2, latest_version=2, alias="customers_v2"),
    node("snapshot.shop.orders_snapshot"),
)
BOOKS = manifest(
    "books",
    node("seed.books.raw_sales"),
    node("model.books.stg_sales", "staging"),
    node("model.books.sales", "marts"),
)
