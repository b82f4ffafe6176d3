"""Checks that something else evaluates: Dagster can show them, and never says anything new about them."""

from __future__ import annotations

import dagster as dg

from dagster_airlift_core.observed_checks import is_observed, observed_checks

SALES = dg.AssetKey("sales")
UNIQUE = dg.AssetCheckSpec("unique", asset=SALES, additional_deps=["raw"], blocking=True, metadata={"a": 1})
FRESH = dg.AssetCheckSpec("fresh", asset="raw")


WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def evaluation(*, passed: bool, severity: dg.AssetCheckSeverity = WARN) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(
        asset_key=SALES,
        check_name="unique",
        passed=passed,
        severity=severity,
        description="3 rows",
        metadata={"rows": 3},
    )


def run(instance: dg.DagsterInstance, *specs: dg.AssetCheckSpec) -> dg.ExecuteInProcessResult:
    checks = observed_checks("tests", specs)
    job = dg.define_asset_job("look", selection=dg.AssetSelection.checks(*checks))
    assets = [dg.AssetSpec("sales"), dg.AssetSpec("raw")]
    defs = dg.Definitions(assets=assets, asset_checks=checks, jobs=[job])
    return defs.resolve_job_def("look").execute_in_process(instance=instance)


def test_a_run_shows_again_what_was_observed_last(dagster_instance: dg.DagsterInstance) -> None:
    dagster_instance.report_runless_asset_event(evaluation(passed=True))
    dagster_instance.report_runless_asset_event(evaluation(passed=False))

    for _ in range(2):  # the second time, the last evaluation is the one of the run before
        (shown,) = run(dagster_instance, UNIQUE, FRESH).get_asset_check_evaluations()

        assert (shown.check_name, shown.passed, shown.severity) == (
            "unique",
            False,
            dg.AssetCheckSeverity.WARN,
        )
        assert shown.description == "3 rows"
        assert shown.metadata["rows"].value == 3


def test_a_run_says_nothing_of_what_was_never_observed(dagster_instance: dg.DagsterInstance) -> None:
    result = run(dagster_instance, UNIQUE)

    assert result.success
    assert result.get_asset_check_evaluations() == []


def test_a_check_that_failed_blocks_nothing(dagster_instance: dg.DagsterInstance) -> None:
    dagster_instance.report_runless_asset_event(evaluation(passed=False, severity=ERROR))

    result = run(dagster_instance, UNIQUE)

    assert result.success


def test_such_a_check_is_marked_and_otherwise_as_it_was() -> None:
    (declared,) = observed_checks("tests", [UNIQUE])

    (spec,) = declared.check_specs
    assert is_observed(spec)
    assert not is_observed(UNIQUE)
    assert (spec.key, spec.metadata["a"]) == (UNIQUE.key, 1)
    assert {dep.asset_key for dep in spec.additional_deps} == {dg.AssetKey("raw")}


def test_assets_that_look_alike_are_in_steps_of_their_own() -> None:
    specs = [
        dg.AssetCheckSpec("c", asset="a-b"),
        dg.AssetCheckSpec("d", asset="a-b"),
        dg.AssetCheckSpec("c", asset="a_b"),
        dg.AssetCheckSpec("e", asset="x", additional_deps=["a_b"]),
    ]

    declared = observed_checks("tests", specs)

    assert [(one.op.name, len(list(one.check_specs))) for one in declared] == [("tests", 2), ("tests_1", 2)]
    dg.Definitions(
        asset_checks=declared, assets=[dg.AssetSpec(key) for key in ("a-b", "a_b", "x")]
    ).resolve_asset_graph()


def test_what_dagster_cannot_name_is_left_out() -> None:
    assert observed_checks("tests", [dg.AssetCheckSpec("c", asset="for all")]) == []
