"""A small dbt project on DuckDB, parsed by the real dbt."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import AssetSpec, Definitions
from till import Till, build

from dagster_airlift_dbt import DbtCommand, DbtOnAirflow

FILES = {
    "dbt_project.yml": "name: books\nversion: '1.0'\nprofile: books\nmodels: {books: {+materialized: table}}\n",
    "profiles.yml": (
        "books: {target: test, outputs: {test: {type: duckdb, path: \"{{ env_var('BOOKS_DUCKDB') }}\"}}}\n"
    ),
    "seeds/raw_sales.csv": "id,book,price\n1,Emma,12\n2,Ulysses,20\n",
    "models/staging/stg_sales.sql": "select * from {{ ref('raw_sales') }}",
    "models/staging/stg_shelves.sql": "select * from {{ source('library', 'shelves') }}",
    "models/staging/sources.yml": "sources: [{name: library, tables: [{name: shelves}]}]",
    "models/marts/sales.sql": "select * from {{ ref('stg_sales') }}",
    "models/marts/bestsellers.sql": "{{ config(tags=['daily']) }} select max(price) as p from {{ ref('sales') }}",
    "models/marts/marts.yml": "models: [{name: sales, columns: [{name: id, data_tests: [unique]}]}]",
}
TASKS = {
    "nightly": {
        "seed": DbtCommand("seed"),
        "stage": DbtCommand("run", select="stg_sales"),
        "marts": DbtCommand("run", select="marts"),
    }
}


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    os.environ["BOOKS_DUCKDB"] = str(folder / "books.duckdb")
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    # dagster-dbt starts `dbt` by name.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    arguments = ["--quiet", "--project-dir", str(folder), "--profiles-dir", str(folder)]
    subprocess.run(["dbt", "seed", *arguments], check=True)
    subprocess.run(["dbt", "run", "-s", "stg_sales", *arguments], check=True)
    return folder


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three projects, parsed by dbt: `shop` with its package `lib`, `jaffle`, and that of our `example`."""
    folder = tmp_path_factory.mktemp("projects")
    os.environ["SHOP_DUCKDB"] = str(folder / "shop.duckdb")
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    subprocess.run([sys.executable, str(Path(__file__).parent / "dbt_parse.py"), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def shop(projects: Path) -> Path:
    return projects / "shop"


@pytest.fixture(scope="session")
def manifest(project: Path) -> Path:
    return project / "target" / "manifest.json"


@pytest.fixture(scope="session")
def manifest_content(manifest: Path) -> dict[str, object]:
    return json.loads(manifest.read_text())


@pytest.fixture(scope="session")
def mapped_specs() -> Callable[[Definitions], list[AssetSpec]]:
    """The specs without what Dagster adds by itself for dependencies that nobody defines."""

    def find(defs: Definitions) -> list[AssetSpec]:
        specs = defs.resolve_all_asset_specs()
        return [spec for spec in specs if "dagster-airlift/task-mapping" in spec.metadata]

    return find


@pytest.fixture(scope="session")
def till(tmp_path_factory: pytest.TempPathFactory) -> Till:
    """A project of which a model and some tests fail, built by dbt."""
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return build(tmp_path_factory.mktemp("till"))


@pytest.fixture
def books(manifest: Path) -> DbtOnAirflow:
    return DbtOnAirflow(manifest=manifest, tasks=TASKS)
