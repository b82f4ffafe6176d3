"""What results of dbt are in Dagster: on which assets, as which events, with which metadata."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckSeverity,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    AssetSpec,
)
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage
from till import SOURCES, Till

from dagster_airlift_dbt.checks import DbtChecks
from dagster_airlift_dbt.manifest import GivenManifest
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.project import read_project
from dagster_airlift_dbt.result_events import DbtEvents, dbt_events
from dagster_airlift_dbt.run_results import Batches, NodeResult, RunResults, read_run_results
from dagster_airlift_dbt.selection import DbtAssets
from dagster_airlift_dbt.specs import DbtTranslator, specs_by

SOURCE_TESTS = DagsterDbtTranslator(DagsterDbtTranslatorSettings(enable_source_tests_as_checks=True))


def checks_of(till: Till, translator: DbtTranslator | None = None) -> DbtChecks:
    manifest = json.loads(till.manifest.read_text())
    project = read_project(GivenManifest(manifest).pieces(), manifest=manifest)
    return DbtChecks(DbtAssets(project, specs_by(translator, project)), translator)


@pytest.fixture(scope="module")
def checks(till: Till) -> DbtChecks:
    return checks_of(till)


@pytest.fixture(scope="module")
def built(till: Till, checks: DbtChecks) -> DbtEvents:
    return dbt_events([read_run_results(till.run_results)], checks)


def run_of(*results: NodeResult, command: str = "run") -> RunResults:
    return RunResults(command, results, invocation_id="i")


def keys(events: DbtEvents, kind: type) -> list[str]:
    return [event.asset_key.to_user_string() for event in events.events if isinstance(event, kind)]


def test_what_was_built_is_materialized_and_what_was_not_is_observed(built: DbtEvents) -> None:
    assert sorted(keys(built, AssetMaterialization)) == [
        "growing",
        "raw_sales",
        "sales",
        "shelved",
        "stg_sales",
    ]
    observed = {
        event.asset_key.to_user_string(): event.description
        for event in built.events
        if isinstance(event, AssetObservation) and event.metadata["unique_id"].value.startswith("model.")
    }
    assert observed.keys() == {"broken", "after_broken"}
    assert "nowhere_at_all does not exist" in str(observed["broken"])
    assert observed["after_broken"] == "dbt skipped it, because something before it failed."
    assert built.unknown == ()


def test_a_test_is_an_evaluation_with_its_severity_and_the_rows_that_it_found(built: DbtEvents) -> None:
    found = {
        (event.asset_key.to_user_string(), event.check_name): (
            event.passed,
            event.severity,
            event.metadata["dagster_dbt/failed_row_count"].value,
        )
        for event in built.events
        if isinstance(event, AssetCheckEvaluation)
    }

    error, warn = AssetCheckSeverity.ERROR, AssetCheckSeverity.WARN
    assert found == {
        ("sales", "not_null_sales_id"): (True, error, 0),
        ("sales", "unique_sales_id"): (False, warn, 1),
        ("sales", "relationships_sales_id__id__ref_stg_sales_"): (True, error, 0),
        ("sales", "sales_are_dear"): (False, error, 1),
        ("growing", "one_of_two"): (True, error, 0),
    }


def test_a_test_that_is_no_check_shows_its_failure_on_all_that_it_reads(built: DbtEvents) -> None:
    found = [
        event.asset_key.to_user_string()
        for event in built.events
        if isinstance(event, AssetObservation) and "two_readers" in str(event.description)
    ]

    assert sorted(found) == ["growing", "sales"]


@pytest.mark.parametrize(
    "translator",
    [pytest.param(None, id="ours"), pytest.param(DagsterDbtTranslator(), id="dagster-dbts"), SOURCE_TESTS],
)
def test_the_checks_are_those_that_dagster_dbt_makes(till: Till, translator: DbtTranslator | None) -> None:
    @dbt_assets(manifest=till.manifest, dagster_dbt_translator=translator)
    def theirs() -> Iterator[object]:
        yield from ()

    ours = checks_of(till, translator)

    ids = ours.assets.graph.select()
    specs = {spec.key: spec for spec in ours.specs_for(ids) if spec.name != "dbt_source_freshness"}
    expected = {spec.key: spec for spec in theirs.check_specs}
    assert specs.keys() == expected.keys()
    for key, spec in specs.items():
        assert (spec.description, spec.blocking) == (expected[key].description, expected[key].blocking)
        assert spec.additional_deps == expected[key].additional_deps


def test_events_are_those_that_dagster_dbt_makes_of_the_same_log(till: Till) -> None:
    manifest = json.loads(till.manifest.read_text())
    theirs = [
        event
        for line in till.json_log.splitlines()
        for event in DbtCoreCliEventMessage(json.loads(line), {}).to_default_asset_events(manifest)
    ]

    checks = checks_of(till, DagsterDbtTranslator())

    ours = dbt_events([read_run_results(till.run_results)], checks).events

    # Of what is no asset (an ephemeral model, a source) dagster-dbt declares no check, and evaluates it all the same.
    declared = {spec.key for spec in checks.specs_for(checks.assets.graph.select())}
    theirs = [
        one for one in theirs if not isinstance(one, AssetCheckEvaluation) or one.asset_check_key in declared
    ]

    def told(events: Iterable[Any], kind: type, names: set[str]) -> dict[object, Mapping[str, Any]]:
        return {
            getattr(event, "asset_check_key", event.asset_key): {
                name: value for name, value in event.metadata.items() if name in names
            }
            for event in events
            if isinstance(event, kind)
        }

    ids, of_checks = {"unique_id", "invocation_id"}, {"status", "dagster_dbt/failed_row_count"}
    assert told(ours, AssetMaterialization, ids) == told(theirs, AssetMaterialization, ids)
    assert told(ours, AssetCheckEvaluation, ids | of_checks) == told(
        theirs, AssetCheckEvaluation, ids | of_checks
    )
    assert all(
        "Execution Duration" in event.metadata for event in ours if isinstance(event, AssetMaterialization)
    )


def test_rows_are_shown_only_where_all_of_a_table_was_written(checks: DbtChecks) -> None:
    def rows(unique_id: str, code: str = "SELECT", *, full: bool = False) -> object:
        result = NodeResult(unique_id, "success", answer={"rows_affected": 7, "code": code})
        run = replace(run_of(result), is_full_refresh=full)
        (event,) = dbt_events([run], checks).events
        return event.metadata.get("dagster/row_count")

    assert rows("model.till.sales").value == 7  # type: ignore[union-attr]
    assert rows("seed.till.raw_sales").value == 7  # type: ignore[union-attr]
    assert rows("model.till.growing", full=True).value == 7  # type: ignore[union-attr]
    assert rows("model.till.growing") is None
    assert rows("model.till.stg_sales") is None
    assert rows("model.till.sales", "SUCCESS") is None  # Snowflake's one line of answer


def test_what_the_warehouse_answered_is_shown(checks: DbtChecks) -> None:
    answer = {"query_id": "01b", "bytes_processed": 10, "_message": "OK", "code": "X"}
    result = NodeResult("model.till.sales", "success", answer=answer, message="OK", relation='"till"."sales"')

    (event,) = dbt_events([run_of(result)], checks).events

    shown = {name: value.value for name, value in event.metadata.items()}
    assert shown == {
        "unique_id": "model.till.sales",
        "invocation_id": "i",
        "status": "success",
        "dbt Command": "run",
        "Query ID": "01b",
        "Bytes Processed": 10,
        "Message": "OK",
        "Relation": '"till"."sales"',
    }


def test_compiled_sql_is_shown_on_demand_and_not_without_end(checks: DbtChecks) -> None:
    run = run_of(NodeResult("model.till.sales", "success", compiled="select 1" + " " * 9000))

    (quiet,) = dbt_events([run], checks).events
    (loud,) = dbt_events([run], checks, with_sql=True).events

    assert "Compiled SQL" not in quiet.metadata
    assert "select 1" in loud.metadata["Compiled SQL"].value
    assert len(loud.metadata["Compiled SQL"].value) < 4100


def test_results_of_a_compilation_are_no_builds(checks: DbtChecks) -> None:
    phantom = run_of(NodeResult("model.till.sales", "success"), command="compile")

    events = dbt_events([phantom], checks)

    assert events.events == ()
    assert events.unknown == ("results of dbt compile say nothing of what was built",)


def test_of_several_commands_the_last_result_of_a_model_counts(checks: DbtChecks) -> None:
    first = run_of(NodeResult("model.till.sales", "error"), NodeResult("model.till.growing", "success"))
    second = run_of(NodeResult("model.till.sales", "success"))

    events = dbt_events([first, second], checks)

    assert keys(events, AssetMaterialization) == ["growing", "sales"]
    assert keys(events, AssetObservation) == []


def test_what_the_manifest_does_not_know_is_named_and_stops_nothing(checks: DbtChecks) -> None:
    run = run_of(
        NodeResult("model.till.new", "success"),
        NodeResult("operation.till.hook-0", "success"),
        NodeResult("model.till.sales", "success"),
    )

    events = dbt_events([run], checks)

    assert keys(events, AssetMaterialization) == ["sales"]
    assert events.unknown == ("model.till.new is not in the manifest",)


def test_a_status_that_nobody_knows_is_shown_and_builds_nothing(checks: DbtChecks) -> None:
    test = "test.till.sales_are_dear"
    run = run_of(NodeResult("model.till.sales", "pending"), NodeResult(test, "pending"))

    events = dbt_events([run], checks)

    (event,) = events.events
    assert isinstance(event, AssetObservation)
    assert event.metadata["status"].value == "pending"
    assert events.unknown == (
        "model.till.sales has the status 'pending', which is not known here",
        f"{test} has the status 'pending', which is not known here",
    )


def test_a_model_of_which_some_batches_failed_is_not_built(checks: DbtChecks) -> None:
    run = run_of(NodeResult("model.till.growing", "partial success", batches=Batches(3, 1)))

    (event,) = dbt_events([run], checks).events

    assert isinstance(event, AssetObservation)
    assert event.description == "dbt built 3 of its batches and failed at 1."


def test_an_old_source_is_a_warning_on_the_check_of_its_age(checks: DbtChecks) -> None:
    (event,) = dbt_events([read_run_results(SOURCES)], checks).events

    assert isinstance(event, AssetCheckEvaluation)
    assert event.asset_check_key == AssetCheckKey(AssetKey(["shop", "shelves"]), "dbt_source_freshness")
    assert (event.passed, event.severity) == (False, AssetCheckSeverity.WARN)
    assert "Last Loaded At" in event.metadata


def test_a_source_that_was_read_has_its_check_when_it_says_how_old_it_may_be(checks: DbtChecks) -> None:
    names = {spec.key for spec in checks.specs_for(["model.till.shelved"])}

    assert names == {AssetCheckKey(AssetKey(["shop", "shelves"]), "dbt_source_freshness")}


def test_without_checks_only_models_are_told(till: Till, checks: DbtChecks) -> None:
    events = dbt_events([read_run_results(till.run_results)], checks, with_checks=False)

    assert not any(isinstance(event, AssetCheckEvaluation) for event in events.events)
    assert sorted(keys(events, AssetObservation)) == ["after_broken", "broken"]


def test_a_translator_moves_events_with_their_assets(till: Till) -> None:
    def moved(_: DbtNode, spec: AssetSpec) -> AssetSpec:
        return spec.replace_attributes(key=spec.key.with_prefix("shop"))

    events = dbt_events([read_run_results(till.run_results)], checks_of(till, moved)).events

    assert {event.asset_key.path[0] for event in events} == {"shop"}
