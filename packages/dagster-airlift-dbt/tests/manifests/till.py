"""A dbt project whose build succeeds, fails, warns and skips, and what dbt leaves behind of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

FILES = {
    "dbt_project.yml": "name: till\nversion: '1.0'\nprofile: till\nmodels: {till: {+materialized: table}}\n",
    "profiles.yml": "till: {target: t, outputs: {t: {type: duckdb, path: till.duckdb}}}\n",
    "seeds/raw_sales.csv": "id,price\n1,12\n2,20\n2,30\n",
    "models/sources.yml": """
sources:
  - name: shop
    schema: main
    tables:
      - name: shelves
        config: {loaded_at_field: loaded_at, freshness: {warn_after: {count: 1, period: day}}}
        columns: [{name: id, data_tests: [not_null]}]
      - {name: walls}
""",
    "models/stg_sales.sql": "{{ config(materialized='view') }} select * from {{ ref('raw_sales') }}",
    "models/sales.sql": "select * from {{ ref('stg_sales') }}",
    "models/growing.sql": "{{ config(materialized='incremental') }} select * from {{ ref('stg_sales') }}",
    "models/shelved.sql": "select s.id from {{ source('shop', 'shelves') }} s",
    "models/broken.sql": "select * from nowhere_at_all",
    "models/after_broken.sql": "select * from {{ ref('broken') }}, {{ ref('sales') }}",
    "models/hidden.sql": "{{ config(materialized='ephemeral') }} select 1 as id",
    "models/models.yml": """
models:
  - name: sales
    columns:
      - name: id
        data_tests:
          - not_null
          - unique: {config: {severity: warn, meta: {description: Each sale once.}}}
          - relationships: {arguments: {to: ref('stg_sales'), field: id}}
  - {name: after_broken, columns: [{name: id, data_tests: [not_null]}]}
  - {name: hidden, columns: [{name: id, data_tests: [not_null]}]}
""",
    "tests/sales_are_dear.sql": "select * from {{ ref('sales') }} where price < 15",
    "tests/two_readers.sql": "select s.id from {{ ref('sales') }} s join {{ ref('growing') }} g on s.id = g.id",
    "tests/one_of_two.sql": (
        "{{ config(meta={'dagster': {'ref': {'name': 'growing'}}}) }}"
        "select s.id from {{ ref('sales') }} s join {{ ref('growing') }} g on s.id = -g.id"
    ),
}


SOURCES = {
    "metadata": {
        "dbt_schema_version": "https://schemas.getdbt.com/dbt/sources/v3.json",
        "generated_at": "2026-11-28T00:58:21.736542Z",
        "invocation_id": "5d2a1b1e-6d0c-4a0e-8df3-6d8c5f0ad9a2",
        "env": {},
    },
    "results": [
        {
            "unique_id": "source.till.shop.shelves",
            "max_loaded_at": "2026-11-25T00:57:24.768559+00:00",
            "snapshotted_at": "2026-11-28T00:58:21.706232+00:00",
            "max_loaded_at_time_ago_in_s": 259256.937673,
            "status": "warn",
            "criteria": {"warn_after": {"count": 1, "period": "day"}},
            "adapter_response": {"_message": "OK"},
            "timing": [
                {
                    "name": "execute",
                    "started_at": "2026-11-28T00:58:21.685814Z",
                    "completed_at": "2026-11-28T00:58:21.733385Z",
                }
            ],
            "execution_time": 0.04897761344909668,
        }
    ],
}
"""What dbt 1.11 wrote of this project's `dbt source freshness`, without what nobody reads."""


@dataclass(frozen=True)
class Till:
    """The project after its build, with what dbt said."""

    folder: Path
    text_log: str
    json_log: str
    run_results: dict[str, Any]

    @property
    def manifest(self) -> Path:
        return self.folder / "target" / "manifest.json"


def dbt(folder: Path, *arguments: str) -> str:
    """Run dbt, which may fail, and return what it says."""
    command = ["dbt", "--no-use-colors", *arguments, "--profiles-dir", "."]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True).stdout


def lay_out(folder: Path, files: Mapping[str, str]) -> None:
    """Write the project, and the table that it reads."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    with duckdb.connect(str(folder / "till.duckdb")) as database:
        database.sql(
            "create table shelves as select 1 as id, current_timestamp - interval 3 day as loaded_at"
        )


def build(folder: Path) -> Till:
    """Write the project and build it."""
    lay_out(folder, FILES)
    json_log = dbt(
        folder, "--log-format", "json", "--log-format-file", "text", "--log-level-file", "info", "build"
    )
    text_log = (folder / "logs/dbt.log").read_text(encoding="utf-8")
    run_results = json.loads((folder / "target/run_results.json").read_text(encoding="utf-8"))
    return Till(folder, text_log, json_log, run_results)
