"""A dbt project on DuckDB that runs in seconds, with something of each kind that a task may build."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FILES = {
    "dbt_project.yml": "name: small\nversion: '1.0'\nprofile: small\nmodels: {small: {+materialized: table}}\n",
    "profiles.yml": "small: {target: test, outputs: {test: {type: duckdb, path: \"{{ env_var('SMALL_DUCKDB') }}\"}}}\n",
    "seeds/raw_orders.csv": "id,amount\n1,10\n2,20\n",
    "snapshots/orders_snapshot.sql": (
        "{% snapshot orders_snapshot %}{{ config(unique_key='id', strategy='check', check_cols='all', "
        "target_schema='main') }}select * from {{ ref('stg_orders') }}{% endsnapshot %}"
    ),
    "models/staging/stg_orders.sql": "select * from {{ ref('raw_orders') }}",
    "models/staging/staging.yml": "models: [{name: stg_orders, columns: [{name: id, data_tests: [unique]}]}]",
    "models/marts/helper.sql": "{{ config(materialized='ephemeral') }}select * from {{ ref('stg_orders') }}",
    "models/marts/revenue_v1.sql": "select sum(amount) as total from {{ ref('helper') }}",
    "models/marts/revenue_v2.sql": "select sum(amount) as total, count(*) as orders from {{ ref('helper') }}",
    "models/marts/marts.yml": "models: [{name: revenue, latest_version: 2, versions: [{v: 1}, {v: 2}]}]",
}
ASSETS = frozenset({"raw_orders", "stg_orders", "revenue_v1", "revenue_v2", "orders_snapshot"})
"""Keys of its assets."""


def lay_out(folder: Path) -> Path:
    """Write the project, and let dbt parse it.

    Args:
        folder: Where to.

    Returns:
        Its manifest.
    """
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    dbt = str(Path(sys.executable).parent / "dbt")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DBT_")},
        "SMALL_DUCKDB": str(folder / "parse.duckdb"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    command = [dbt, "--quiet", "parse", "--project-dir", str(folder), "--profiles-dir", str(folder)]
    subprocess.run(command, env=environment, check=True)
    return folder / "target" / "manifest.json"
