from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowUnreachable,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow

NOBODY = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "viewer", "viewer"), "prod")


def peered(airflow: AirflowInstance, path: Path | None, *assets: dg.AssetSpec) -> dg.Definitions:
    return build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=dg.Definitions(assets=assets), snapshot_path=path
    )


def told(defs: dg.Definitions, instance: dg.DagsterInstance) -> Sequence[tuple[str, bool]]:
    """Tick the sensor once, store what it says of checks, and return that."""
    (sensor,) = defs.sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    result = sensor.evaluate_tick(dg.build_sensor_context(instance=instance))
    evaluations = [event for event in result.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    for evaluation in evaluations:
        instance.report_runless_asset_event(evaluation)
    return [(one.check_name, one.passed) for one in evaluations]


def test_while_all_is_well_a_tick_says_nothing_of_checks(
    airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    assert told(peered(airflow, None), dagster_instance) == []


def test_each_check_says_what_it_checks(airflow: AirflowInstance) -> None:
    defs = peered(airflow, None, *assets_with_task_mappings("etl", {"gone": [dg.AssetSpec("a")]}))

    specs = {
        spec.name: spec.description or ""
        for check in defs.asset_checks or ()
        if isinstance(check, dg.AssetChecksDefinition)
        for spec in check.check_specs
    }

    assert "what Airflow had when the code location was loaded" in specs["airflow_snapshot_current"]
    assert "tasks and DAGs that this asset is mapped to" in specs["airflow_mapping_valid__prod"]


def test_a_drifted_asset_whose_key_no_check_can_have_does_not_stop_the_location(
    airflow: AirflowInstance,
) -> None:
    defs = peered(airflow, None, *assets_with_task_mappings("etl", {"gone": [dg.AssetSpec("a b")]}))

    repository = defs.get_repository_def()

    assert (
        repository.assets_defs_by_key[dg.AssetKey("a b")]
        .specs_by_key[dg.AssetKey("a b")]
        .tags["airlift/status"]
        == "missing"
    )


def test_a_drifted_mapping_is_told_once_and_again_when_it_differs(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    mapped = assets_with_task_mappings("etl", {"gone": [dg.AssetSpec("a")]})
    first = peered(airflow, None, *mapped)

    before = [told(first, dagster_instance), told(first, dagster_instance)]
    fake.add_dag("etl", {"gine": []})
    after = told(peered(airflow, None, *mapped), dagster_instance)

    assert before == [[("airflow_mapping_valid__prod", False)], []]
    assert after == [("airflow_mapping_valid__prod", False)]


def test_staleness_is_told_while_airflow_is_down_and_taken_back_when_it_is_up(
    airflow: AirflowInstance, dagster_instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    path = tmp_path / "prod.json"
    peered(airflow, path)
    down = peered(NOBODY, path)

    first = told(down, dagster_instance)
    with pytest.raises(AirflowUnreachable):
        told(down, dagster_instance)
    again = told(peered(airflow, path), dagster_instance)

    assert first == [("airflow_snapshot_current", False)]
    assert again == [("airflow_snapshot_current", True)]


def test_assets_whose_keys_look_alike_have_checks_of_their_own(airflow: AirflowInstance) -> None:
    keys = [["a-b"], ["a_b"], ["a.b"], ["a", "b"], ["a__b"]]
    mapped = assets_with_task_mappings("etl", {"gone": [dg.AssetSpec(key) for key in keys]})
    defs = peered(airflow, None, *mapped)

    dg.Definitions.validate_loadable(defs)
    checks = [check for check in defs.asset_checks or () if isinstance(check, dg.AssetChecksDefinition)]
    result = dg.materialize(checks, selection=dg.AssetSelection.all_asset_checks())

    failed = [one.asset_key for one in result.get_asset_check_evaluations() if not one.passed]
    assert sorted(failed) == sorted(dg.AssetKey(key) for key in keys)


def test_a_run_of_an_asset_evaluates_only_its_own_checks(airflow: AirflowInstance) -> None:
    @dg.asset
    def a() -> None: ...

    mapped = assets_with_task_mappings("etl", {"gone": [a, dg.AssetSpec("b")]})
    defs = peered(airflow, None, *mapped)  # pyright: ignore[reportArgumentType]

    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[dg.AssetKey("a")]
    )

    assert result.success
    assert [one.asset_key for one in result.get_asset_check_evaluations()] == [dg.AssetKey("a")]
