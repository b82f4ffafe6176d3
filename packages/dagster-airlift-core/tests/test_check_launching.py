"""Checks of the user's own run once their assets were materialized in Airflow, and only then."""

# Dagster looks at the annotation of a context itself, so it must not be put off (no __future__ import).
import json
from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.keys import OBSERVED_CHECK
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

SENSOR = "prod__airflow_checks_sensor"
GOOD = dg.AssetCheckResult(passed=True)


@dg.asset_check(asset="raw")
def has_rows() -> dg.AssetCheckResult:
    return GOOD


@dg.asset_check(asset="elsewhere")
def is_there() -> dg.AssetCheckResult:
    return GOOD


@dg.asset_check(asset="raw", metadata={OBSERVED_CHECK: True})
def mirrored() -> dg.AssetCheckResult:
    return GOOD


@dg.asset_check(asset="raw", automation_condition=dg.AutomationCondition.eager())
def automated() -> dg.AssetCheckResult:
    return GOOD


@dg.multi_asset_check(specs=[dg.AssetCheckSpec("left", asset="raw"), dg.AssetCheckSpec("right", asset="b")])
def both() -> Iterator[dg.AssetCheckResult]:
    yield dg.AssetCheckResult(passed=True, asset_key="raw", check_name="left")
    yield dg.AssetCheckResult(passed=True, asset_key="b", check_name="right")


@dg.multi_asset_check(
    specs=[dg.AssetCheckSpec("one", asset="raw"), dg.AssetCheckSpec("two", asset="b")], can_subset=True
)
def either(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
    for check in context.op_execution_context.selected_asset_check_keys:
        yield dg.AssetCheckResult(passed=True, asset_key=check.asset_key, check_name=check.name)


Checks = Sequence[dg.AssetChecksDefinition]


class Location:
    """Definitions with checks, and a daemon that ticks both sensors."""

    def __init__(self, fake: FakeAirflow, instance: dg.DagsterInstance, checks: Checks) -> None:
        self.instance = instance
        specs = {"extract": [dg.AssetSpec("raw")], "grp.load": [dg.AssetSpec("b")]}
        assets = [*assets_with_task_mappings("etl", specs), dg.AssetSpec("elsewhere")]
        self.defs = build_defs_from_airflow_instance(
            airflow_instance=AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod"),
            defs=dg.Definitions(assets=assets, asset_checks=checks),
        )
        self.observing = SensorDaemon(self.defs, instance)
        self.cursor: str | None = None

    @property
    def sensor(self) -> dg.SensorDefinition:
        (sensor,) = (one for one in self.defs.sensors or () if one.name == SENSOR)
        assert isinstance(sensor, dg.SensorDefinition)
        return sensor

    def requests(self) -> Sequence[dg.RunRequest]:
        """Tick the sensor of the checks as the daemon does."""
        context = dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.defs.get_repository_def()
        )
        result = self.sensor.evaluate_tick(context)
        self.cursor = result.cursor
        return result.run_requests or []

    def asked(self) -> list[str]:
        return sorted(check.name for one in self.requests() for check in one.asset_check_keys or [])


def test_checks_run_once_after_their_asset_was_materialized_in_airflow(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    location = Location(fake, dagster_instance, [has_rows, is_there])

    assert location.asked() == []
    fake.set_task("etl", "r1", "extract")
    location.observing.tick()
    assert location.asked() == ["has_rows"]
    assert location.asked() == []
    fake.now += timedelta(minutes=1)
    fake.set_task("etl", "r2", "extract")
    fake.set_task("etl", "r3", "extract")
    location.observing.tick()
    assert location.asked() == ["has_rows"]


def test_what_is_asked_for_is_one_run_that_can_be_launched(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    location = Location(fake, dagster_instance, [has_rows, both, either])
    location.requests()
    fake.set_task("etl", "r1", "extract")
    fake.set_task("etl", "r1", "grp.load")
    location.observing.tick()

    (request,) = location.requests()

    assert request.run_key
    assert not request.asset_selection
    job = location.defs.resolve_implicit_global_asset_job_def()
    chosen = job.get_subset(asset_selection=set(), asset_check_selection=set(request.asset_check_keys or []))
    result = chosen.execute_in_process(instance=dagster_instance)
    assert sorted(one.check_name for one in result.get_asset_check_evaluations()) == [
        *("has_rows", "left", "one", "right", "two")
    ]
    assert location.requests() == []


def test_a_step_that_cannot_be_split_runs_as_a_whole(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    location = Location(fake, dagster_instance, [both, either])
    location.requests()
    fake.set_task("etl", "r1", "grp.load")
    location.observing.tick()

    assert location.asked() == ["left", "right", "two"]


def test_checks_that_something_else_evaluates_are_not_run(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    location = Location(fake, dagster_instance, [has_rows, mirrored, automated])
    location.requests()
    fake.set_task("etl", "r1", "extract")
    location.observing.tick()

    assert location.asked() == ["has_rows"]


@pytest.mark.parametrize(
    "checks",
    [
        pytest.param([], id="no checks"),
        pytest.param([is_there], id="of an asset that is not mapped"),
        pytest.param([mirrored], id="evaluated elsewhere"),
    ],
)
def test_there_is_no_sensor_while_there_is_nothing_to_run(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance, checks: Checks
) -> None:
    location = Location(fake, dagster_instance, checks)

    assert [sensor.name for sensor in location.defs.sensors or ()] == ["prod__airflow_sensor"]


def test_what_dagster_materialized_itself_or_another_airflow_did_runs_nothing(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    location = Location(fake, dagster_instance, [has_rows])
    location.requests()

    for metadata in ({}, {"Airflow Instance": "other"}):
        dagster_instance.report_runless_asset_event(dg.AssetMaterialization("raw", metadata=metadata))
        assert location.asked() == []


def test_failures_run_nothing(fake: FakeAirflow, dagster_instance: dg.DagsterInstance) -> None:
    location = Location(fake, dagster_instance, [has_rows])
    location.requests()
    fake.set_task("etl", "r1", "extract", "failed")

    assert location.observing.tick() == ["raw"]
    assert location.asked() == []


def test_what_was_there_before_the_first_tick_runs_nothing(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    location = Location(fake, dagster_instance, [has_rows])
    fake.set_task("etl", "r1", "extract")
    location.observing.tick()

    assert location.asked() == []


@pytest.mark.parametrize("cursor", ["", "{", "[1]", "null", '{"a": "b"}'])
def test_a_cursor_of_another_kind_is_as_none(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance, cursor: str
) -> None:
    location = Location(fake, dagster_instance, [has_rows])
    location.cursor = cursor

    assert location.asked() == []
    assert json.loads(location.cursor or "") == {'["raw"]': 0}


def test_a_tick_that_dies_asks_for_the_same_run_again(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    location = Location(fake, dagster_instance, [has_rows])
    location.requests()
    before = location.cursor
    fake.set_task("etl", "r1", "extract")
    location.observing.tick()

    (first,) = location.requests()
    location.cursor = before
    (second,) = location.requests()

    assert first.run_key == second.run_key


def test_checks_of_partitioned_assets_run(fake: FakeAirflow, dagster_instance: dg.DagsterInstance) -> None:
    spec = dg.AssetSpec("raw", partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
    location = Location(fake, dagster_instance, [has_rows])
    location.defs = build_defs_from_airflow_instance(
        airflow_instance=AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod"),
        defs=dg.Definitions(
            assets=assets_with_task_mappings("etl", {"extract": [spec]}), asset_checks=[has_rows]
        ),
    )
    location.observing = SensorDaemon(location.defs, dagster_instance)
    location.requests()
    fake.set_task("etl", "r1", "extract")
    location.observing.tick()

    assert location.asked() == ["has_rows"]


def test_two_instances_run_the_checks_of_their_own_assets(fake: FakeAirflow) -> None:
    one, two = (
        AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), name)
        for name in ("one", "two")
    )
    inner = build_defs_from_airflow_instance(
        airflow_instance=one,
        defs=dg.Definitions(
            assets=assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("raw")]}),
            asset_checks=[has_rows],
        ),
    )
    outer = build_defs_from_airflow_instance(airflow_instance=two, defs=inner)

    names = {sensor.name for sensor in outer.sensors or ()}
    assert names == {"one__airflow_sensor", "one__airflow_checks_sensor", "two__airflow_sensor"}
