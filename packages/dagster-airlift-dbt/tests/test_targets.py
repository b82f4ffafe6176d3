"""A project whose target decides about the schemas: the manifest is of one target, Airflow may run another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dagster_airlift_dbt import DbtCommand, DbtManifestError, DbtOnAirflow
from dagster_airlift_dbt.checks import DbtChecks
from dagster_airlift_dbt.log_lines import read_text_log
from dagster_airlift_dbt.manifest import GivenManifest
from dagster_airlift_dbt.project import DbtProjectContent, read_project
from dagster_airlift_dbt.result_events import dbt_events
from dagster_airlift_dbt.run_results import read_run_results
from dagster_airlift_dbt.selection import DbtAssets
from dagster_airlift_dbt.specs import specs_by

FILES = {
    "dbt_project.yml": "name: toys\nversion: '1.0'\nprofile: toys\n",
    "profiles.yml": (
        "toys: {target: dev, outputs: {dev: {type: duckdb, path: toys.duckdb, schema: ada}, "
        "prod: {type: duckdb, path: toys.duckdb, schema: main}}}\n"
    ),
    "macros/schemas.sql": (
        "{% macro generate_schema_name(name, node) %}{% if target.name == 'prod' %}{{ name or target.schema }}"
        "{% else %}{{ target.schema }}_{{ name or 'x' }}{% endif %}{% endmacro %}"
    ),
    "models/toys.sql": "select 1 as id",
    "models/sold.sql": "{{ config(schema='reports') }} select * from {{ ref('toys') }}",
}
ASSETS = {"toys", "reports/sold"}
ALL = {"shop": {"all": DbtCommand("run")}}


@dataclass(frozen=True)
class Toys:
    """The project, parsed for one target and run on the other."""

    manifests: Mapping[str, dict[str, Any]]
    prod_results: dict[str, Any]
    prod_log: str

    @property
    def dev(self) -> DbtProjectContent:
        return read_project(GivenManifest(self.manifests["dev"]).pieces())


@pytest.fixture(scope="module")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Toys:
    folder = tmp_path_factory.mktemp("toys")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def dbt(*arguments: str) -> str:
        command = [
            str(Path(sys.executable).parent / "dbt"),
            "--no-use-colors",
            *arguments,
            "--profiles-dir",
            ".",
        ]
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout

    def written(name: str) -> dict[str, Any]:
        return json.loads((folder / "target" / name).read_text())

    dbt("parse", "--target", "dev")
    dev = written("manifest.json")
    log = dbt("run", "--target", "prod")
    return Toys({"dev": dev, "prod": written("manifest.json")}, written("run_results.json"), log)


def test_the_assets_of_a_project_do_not_depend_on_the_target_of_its_manifest(toys: Toys) -> None:
    relations = {
        name: manifest["nodes"]["model.toys.sold"]["schema"] for name, manifest in toys.manifests.items()
    }
    assert relations == {"dev": "ada_reports", "prod": "reports"}

    keys = {
        name: {
            spec.key.to_user_string() for spec in DbtOnAirflow(manifest, ALL).defs().resolve_all_asset_specs()
        }
        for name, manifest in toys.manifests.items()
    }

    assert keys == {"dev": ASSETS, "prod": ASSETS}


def test_results_of_another_target_are_those_of_the_same_models_where_they_really_are(toys: Toys) -> None:
    assets = DbtAssets(toys.dev, specs_by(None, toys.dev))

    told = dbt_events([read_run_results(toys.prod_results)], DbtChecks(assets))

    assert {event.asset_key.to_user_string() for event in told.events} == ASSETS
    assert {event.metadata["Relation"].value for event in told.events} == {
        '"toys"."main"."toys"',
        '"toys"."reports"."sold"',
    }


def test_lines_of_a_log_that_name_relations_of_another_target_are_not_guessed(toys: Toys) -> None:
    assert "main.toys" in toys.prod_log

    found = read_text_log(toys.prod_log.splitlines(), [toys.dev])

    ids = {result.unique_id for run in found.runs for result in run.results}
    assert ids == set()


def test_the_manifests_of_two_targets_of_one_project_are_refused(toys: Toys) -> None:
    both = list(toys.manifests.values())

    with pytest.raises(DbtManifestError, match="Give the one of the target that Airflow's tasks run against"):
        DbtOnAirflow(both, ALL).defs()
