from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSelection,
    AssetSpec,
    Definitions,
    define_asset_job,
    materialize,
)
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtProject,
    build_dbt_asset_specs,
    dbt_assets,
)
from till import Till

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.testing import FakeAirflow
from dagster_airlift_dbt import DbtCommand, DbtGraph, DbtMigrationError, DbtOnAirflow

MAPPING = "dagster-airlift/task-mapping"
MANY = 203
"""More than dagster-dbt names on a command line: it then copies the project for a selector of its own."""


def tasks_of(defs: Definitions) -> dict[str, list[str]]:
    return {
        spec.key.to_user_string(): [task["task_id"] for task in spec.metadata[MAPPING].value]
        for spec in defs.resolve_all_asset_specs()
        if MAPPING in spec.metadata
    }


def executable(defs: Definitions) -> list[AssetsDefinition]:
    return [
        asset for asset in defs.assets or () if isinstance(asset, AssetsDefinition) and asset.is_executable
    ]


def test_each_asset_is_mapped_to_the_task_that_builds_it(books: DbtOnAirflow) -> None:
    assert tasks_of(books.defs()) == {
        "raw_sales": ["seed"],
        "stg_sales": ["stage"],
        "sales": ["marts"],
        "bestsellers": ["marts"],
    }


def test_a_model_that_two_tasks_run_is_mapped_to_both(manifest: Path) -> None:
    tasks = {
        "nightly": {"marts": DbtCommand("run", select="marts"), "again": DbtCommand("run", select="sales")},
        "weekly": {"marts": DbtCommand("run", select="sales")},
    }

    mapped = tasks_of(DbtOnAirflow(manifest=manifest, tasks=tasks).defs())

    assert mapped == {"sales": ["marts", "again", "marts"], "bestsellers": ["marts"]}


def test_assets_look_as_dagster_dbt_shows_them(
    books: DbtOnAirflow,
    manifest_content: Mapping[str, Any],
    mapped_specs: Callable[[Definitions], list[AssetSpec]],
) -> None:
    ours = {spec.key: spec for spec in mapped_specs(books.defs())}
    dagster_dbt = Definitions(assets=build_dbt_asset_specs(manifest=manifest_content))
    theirs = {spec.key: spec for spec in dagster_dbt.resolve_all_asset_specs()}

    for key, spec in ours.items():
        assert without_bound_metadata(spec) == without_bound_metadata(theirs[key])


def without_bound_metadata(spec: AssetSpec) -> AssetSpec:
    """Leave out our mapping, and what holds the manifest and compares by identity."""
    kept = {
        name: value
        for name, value in spec.metadata.items()
        if name != MAPPING and (name == "dagster_dbt/unique_id" or not name.startswith("dagster_dbt/"))
    }
    return spec.replace_attributes(metadata=kept)


def test_a_translator_decides_about_keys(books: DbtOnAirflow) -> None:
    class Prefixed(DagsterDbtTranslator):
        def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
            return super().get_asset_key(dbt_resource_props).with_prefix("books")

    prefixed = replace(books, translator=Prefixed())

    assert "books/sales" in tasks_of(prefixed.defs())


def test_migrating_a_task_changes_neither_keys_nor_mappings(books: DbtOnAirflow, project: Path) -> None:
    migrated = books.migrate("nightly", "marts", project=DbtProject(project))

    assert tasks_of(migrated.defs()) == tasks_of(books.defs())
    assert executable(books.defs()) == []
    (assets,) = executable(migrated.defs())
    assert assets.keys == {AssetKey("sales"), AssetKey("bestsellers")}


def test_a_migrated_task_runs_its_models_and_no_test(books: DbtOnAirflow, project: Path) -> None:
    migrated = books.migrate("nightly", "marts", project=DbtProject(project, profiles_dir=project))
    (assets,) = executable(migrated.defs())

    result = materialize([assets])

    built = {event.asset_key for event in result.get_asset_materialization_events()}
    assert built == {AssetKey("sales"), AssetKey("bestsellers")}
    assert result.get_asset_check_evaluations() == []
    with duckdb.connect(str(project / "books.duckdb")) as database:
        assert database.sql("select p from bestsellers").fetchall() == [(20,)]


def test_a_build_runs_its_tests(manifest: Path, project: Path) -> None:
    tasks = {"nightly": {"marts": DbtCommand("build", select="marts")}}
    books = DbtOnAirflow(manifest=manifest, tasks=tasks)
    (assets,) = executable(
        books.migrate("nightly", "marts", project=DbtProject(project, profiles_dir=project)).defs()
    )

    result = materialize([assets])

    assert [(check.asset_key, check.passed) for check in result.get_asset_check_evaluations()] == [
        (AssetKey("sales"), True)
    ]


def test_dbt_is_told_what_airflow_tells_it_and_runs_what_is_mapped(manifest: Path, project: Path) -> None:
    command = DbtCommand("build", select="path:models/marts 1+sales", indirect_selection="empty")
    books = DbtOnAirflow(manifest=manifest, tasks={"nightly": {"marts": command}})
    (assets,) = executable(
        books.migrate("nightly", "marts", project=DbtProject(project, profiles_dir=project)).defs()
    )

    result = materialize([assets])

    built = {event.asset_key for event in result.get_asset_materialization_events()}
    assert built == assets.keys == {AssetKey("stg_sales"), AssetKey("sales"), AssetKey("bestsellers")}
    ids = DbtGraph.from_manifest(json.loads(manifest.read_text())).select(
        command.select, indirect_selection="empty"
    )
    results = max(project.glob("target/*/run_results.json"), key=lambda path: path.stat().st_mtime)
    assert {each["unique_id"] for each in json.loads(results.read_text())["results"]} == ids
    assert tasks_of(books.defs()).keys() == {key.to_user_string() for key in assets.keys}


@pytest.mark.parametrize(
    ("command", "tags"),
    [
        pytest.param(DbtCommand("run"), {}, id="everything"),
        pytest.param(
            DbtCommand("run", select="path:models", exclude="stg_shelves"),
            {"dagster_dbt/select": "path:models", "dagster_dbt/exclude": "stg_shelves"},
            id="select-and-exclude",
        ),
        pytest.param(DbtCommand("run", selector="daily"), {"dagster_dbt/selector": "daily"}, id="selector"),
    ],
)
def test_dagster_dbt_passes_the_selection_on_as_it_stands(
    tmp_path: Path,
    manifest_content: Mapping[str, Any],
    project: Path,
    command: DbtCommand,
    tags: Mapping[str, str],
) -> None:
    path = tmp_path / "manifest.json"
    selectors = {"daily": {"name": "daily", "definition": {"method": "tag", "value": "daily"}}}
    path.write_text(json.dumps({**manifest_content, "selectors": selectors}))
    books = DbtOnAirflow(manifest=path, tasks={"nightly": {"marts": command}})

    (assets,) = executable(books.migrate("nightly", "marts", project=DbtProject(project)).defs())

    assert {tag: value for tag, value in assets.op.tags.items() if tag.startswith("dagster_dbt/")} == tags


@pytest.mark.parametrize(
    ("command", "tested"),
    [
        pytest.param(DbtCommand("build", select="+sales"), ["sales"], id="build"),
        pytest.param(DbtCommand("build", exclude="test_type:generic"), [], id="tests-left-out"),
        pytest.param(DbtCommand("run", select="sales"), [], id="run"),
    ],
)
def test_a_test_is_a_check_where_the_command_runs_it(
    manifest: Path, project: Path, command: DbtCommand, tested: list[str]
) -> None:
    books = DbtOnAirflow(manifest=manifest, tasks={"nightly": {"marts": command}})

    (assets,) = executable(books.migrate("nightly", "marts", project=DbtProject(project)).defs())

    assert [check.asset_key.to_user_string() for check in assets.check_specs] == tested


def test_checks_are_those_of_dagster_dbt(
    shop: Path,
) -> None:
    source_tests = DagsterDbtTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
    manifest = shop / "target" / "manifest.json"
    command = DbtCommand("build", select="stg_orders stg_clicks source:web", exclude="orders_have_customers")
    ours = DbtOnAirflow(
        manifest=manifest, tasks={"nightly": {"build": command}}, translator=source_tests
    ).migrate("nightly", "build", project=DbtProject(shop))

    @dbt_assets(
        manifest=manifest, select=command.select, exclude=command.exclude, dagster_dbt_translator=source_tests
    )
    def theirs() -> Iterator[object]:
        yield from ()

    (assets,) = executable(ours.defs())
    assert assets.keys == theirs.keys
    assert set(assets.check_keys) == set(theirs.check_keys)


def test_a_task_of_more_models_than_dagster_dbt_names_is_run_by_its_own_words_where_the_project_lies(
    tmp_path: Path, project: Path
) -> None:
    (tmp_path / "models").mkdir()
    for number in range(MANY):
        (tmp_path / "models" / f"m{number}.sql").write_text("select 1 as one")
    (tmp_path / "dbt_project.yml").write_text("name: many\nversion: '1.0'\nprofile: books\n")
    (tmp_path / "profiles.yml").write_text((project / "profiles.yml").read_text())
    subprocess.run(["dbt", "--quiet", "parse", "--profiles-dir", "."], cwd=tmp_path, check=True)
    command = DbtCommand("run", select="path:models")
    many = DbtOnAirflow(tmp_path / "target/manifest.json", {"nightly": {"many": command}})
    (assets,) = executable(
        many.migrate("nightly", "many", project=DbtProject(tmp_path, profiles_dir=tmp_path)).defs()
    )

    result = materialize([assets])

    assert len(result.get_asset_materialization_events()) == MANY
    (written,) = tmp_path.glob("target/*/run_results.json")
    arguments = json.loads(written.read_text())["args"]
    assert (arguments["select"], arguments["project_dir"]) == (["path:models"], str(tmp_path))


def test_asked_for_the_assets_of_a_task_dagster_runs_its_words_also_where_sources_have_checks(
    till: Till,
) -> None:
    source_tests = DagsterDbtTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))
    command = DbtCommand("build", select="source:shop+ growing", exclude="two_readers")
    dbt = DbtOnAirflow(till.manifest, {"nightly": {"build": command}}, translator=source_tests).migrate(
        "nightly", "build", project=DbtProject(till.folder, profiles_dir=till.folder)
    )
    (assets,) = executable(dbt.defs())
    # As Airflow asks: that brings the checks of the assets, and no others.
    job = define_asset_job("asked", selection=AssetSelection.assets(*assets.keys))
    before = set(till.folder.glob("target/*/run_results.json"))

    result = Definitions(assets=[assets], jobs=[job]).resolve_job_def("asked").execute_in_process()

    (written,) = set(till.folder.glob("target/*/run_results.json")) - before
    ran = json.loads(written.read_text())
    planned = dbt.preflight("nightly", "build").dagster
    assert planned
    assert sorted(each["unique_id"] for each in ran["results"]) == sorted((*planned.models, *planned.others))
    assert " ".join(ran["args"]["select"]) == command.select
    assert {check.check_name for check in result.get_asset_check_evaluations()} == {
        "one_of_two",
        "source_not_null_shop_shelves_id",
    }


def test_flags_reach_dbt(manifest: Path, project: Path) -> None:
    tasks = {"nightly": {"marts": DbtCommand("run", select="sales", flags=("--target", "nowhere"))}}
    books = DbtOnAirflow(manifest=manifest, tasks=tasks)
    (assets,) = executable(
        books.migrate("nightly", "marts", project=DbtProject(project, profiles_dir=project)).defs()
    )

    result = materialize([assets], raise_on_error=False)

    assert not result.success


def test_an_unknown_task_cannot_be_migrated(books: DbtOnAirflow, project: Path) -> None:
    with pytest.raises(
        DbtMigrationError, match=r"nightly\.mart is not among .* nightly\.marts, nightly\.seed"
    ):
        books.migrate("nightly", "mart", project=DbtProject(project))


def test_two_migrated_tasks_cannot_own_one_model(manifest: Path, project: Path) -> None:
    tasks = {"nightly": {"a": DbtCommand("run", select="marts"), "b": DbtCommand("run", select="sales")}}
    books = DbtOnAirflow(manifest=manifest, tasks=tasks)
    both = books.migrate("nightly", "a", project=DbtProject(project)).migrate(
        "nightly", "b", project=DbtProject(project)
    )

    with pytest.raises(DbtMigrationError, match="'sales' is built by two migrated tasks"):
        both.defs()


def test_migrating_leaves_the_original_as_it_was(books: DbtOnAirflow, project: Path) -> None:
    books.migrate("nightly", "marts", project=DbtProject(project))

    assert books == replace(books)
    assert executable(books.defs()) == []


def test_a_task_that_airflow_told_of_is_migrated_like_one_that_was_given(
    books: DbtOnAirflow, manifest: Path, project: Path
) -> None:
    with FakeAirflow() as fake:
        fake.add_dag("nightly", {"marts": []})
        fake.set_task("nightly", "r1", "marts")
        fake.render_task("nightly", "r1", "marts", {"bash_command": "cd /x && dbt run --select marts"})
        airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
        told = DbtOnAirflow(manifest=manifest, airflow=airflow)

        (found,) = executable(told.migrate("nightly", "marts", project=DbtProject(project)).defs())

    (given,) = executable(books.migrate("nightly", "marts", project=DbtProject(project)).defs())
    assert found.keys == given.keys
    assert found.op.tags == given.op.tags
