"""How late the observation is and what it set aside, as a check that is told of when it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dagster_airlift_core import AirflowInstance, assets_with_task_mappings, build_defs_from_airflow_instance
from dagster_airlift_core.cursor import Cursor
from dagster_airlift_core.model import DagRun
from dagster_airlift_core.observation_check import LATE_AFTER, observation_verdict
from dagster_airlift_core.observed import Observed
from dagster_airlift_core.partitions import Partitions
from dagster_airlift_core.testing import FakeAirflow

KEY = dg.AssetCheckKey(dg.AssetKey(["prod", "instance"]), "airflow_observed")
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"extract": []})
        yield fake


@pytest.fixture
def defs(airflow: AirflowInstance) -> dg.Definitions:
    mapped = assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("raw")]})
    return build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=mapped))


Told = Callable[[], list[dg.AssetCheckEvaluation]]


@pytest.fixture
def told(defs: dg.Definitions, dagster_instance: dg.DagsterInstance) -> Told:
    (sensor,) = defs.sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    cursor: list[str | None] = [None]

    def tick() -> list[dg.AssetCheckEvaluation]:
        context = dg.build_sensor_context(instance=dagster_instance, cursor=cursor[0])
        result = sensor.evaluate_tick(context)
        cursor[0] = result.cursor
        for event in result.asset_events:
            dagster_instance.report_runless_asset_event(event)
        return [one for one in result.asset_events if isinstance(one, dg.AssetCheckEvaluation)]

    return tick


def break_row(fake: FakeAirflow, run: str) -> None:
    fake.set_task("etl", run, "extract")
    fake.edit_task("etl", run, "extract", try_number="first")


def mend_row(fake: FakeAirflow, run: str) -> None:
    fake.edit_task("etl", run, "extract", try_number=1)


def test_while_all_is_well_nothing_is_told(fake: FakeAirflow, told: Told) -> None:
    fake.set_task("etl", "r1", "extract")

    assert told() == told() == []


def test_what_is_set_aside_is_told_once_and_that_it_is_well_again_after_a_sweep(
    fake: FakeAirflow, told: Told
) -> None:
    break_row(fake, "r1")

    (first,) = told()

    assert (first.asset_check_key, first.passed, first.severity) == (KEY, False, dg.AssetCheckSeverity.WARN)
    assert first.description == "Set aside, and tried again once an hour for two days: etl.r1.extract."
    assert first.metadata["Set Aside"].value == ["etl.r1.extract: try_number is 'first'"]
    assert first.metadata["Number Set Aside"].value == 1
    assert first.metadata["Lag Seconds"].value == 0
    fake.now += 5 * MINUTE
    assert told() == []  # seen again, within the overlap
    fake.now += 15 * MINUTE
    assert told() == []  # out of sight until the next sweep, which sees it again
    fake.now += 60 * MINUTE
    assert told() == []
    mend_row(fake, "r1")
    fake.now += MINUTE
    assert told() == []
    fake.now += 60 * MINUTE
    (last,) = told()
    assert (last.passed, last.description) == (
        True,
        "Everything that ended in the Airflow instance 'prod' is in Dagster.",
    )
    assert told() == []


def test_another_thing_that_is_set_aside_is_told(fake: FakeAirflow, told: Told) -> None:
    break_row(fake, "r1")
    told()
    break_row(fake, "r2")

    (second,) = told()

    assert second.metadata["Number Set Aside"].value == 2
    assert set(map(str, second.metadata["Set Aside"].value)) == {  # type: ignore[arg-type]
        f"etl.{run}.extract: try_number is 'first'" for run in ("r1", "r2")
    }


def test_of_many_things_twenty_are_named(fake: FakeAirflow, told: Told) -> None:
    for number in range(25):
        break_row(fake, f"r{number}")

    (only,) = told()

    assert only.metadata["Number Set Aside"].value == 25
    assert len(only.metadata["Set Aside"].value) == 20  # type: ignore[arg-type]


def test_a_reading_that_does_not_come_to_its_end_is_late() -> None:
    done = Cursor("prod").begun(NOW, "", "").with_scan("recent", None)
    under_way = done.begun(NOW + MINUTE, "", "")

    verdicts = [
        observation_verdict("prod", Observed((), cursor, "", (), NOW + after))
        for cursor, after in (
            (done, LATE_AFTER * 9),
            (under_way, LATE_AFTER),
            (under_way, LATE_AFTER + MINUTE),
        )
    ]

    assert [verdict.passed for verdict in verdicts] == [True, True, False]
    assert [verdict.metadata["Lag Seconds"] for verdict in verdicts] == [0, 600, 660]
    assert verdicts[-1].reason == (
        "More than 10 minutes late: all is read that changed up to 2026-01-15 12:00:00Z. The sensor goes on from there."
    )
    first = observation_verdict(
        "prod", Observed((), Cursor("prod").begun(NOW, "", ""), "", (), NOW + LATE_AFTER)
    )
    assert "nothing was read to its end yet" in first.reason


def test_the_lag_is_told_once_and_taken_back(
    fake: FakeAirflow, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    told()
    with monkeypatch.context() as patched:
        patched.setattr("dagster_airlift_core.scan.NO_NEW_PAGE_AT", 1)
        patched.setattr("dagster_airlift_core.scan.MAX_EVENTS", 1)
        for run in range(5):
            fake.set_task("etl", f"r{run}", "extract")
        fake.now += 20 * MINUTE

        first = told()

        assert [(one.passed, one.metadata["Lag Seconds"].value) for one in first] == [(False, 1200)]
        assert told() == []
    assert [one.passed for one in told()] == [True]


def test_an_event_that_a_function_raises_on_is_set_aside_in_the_check(
    airflow: AirflowInstance, fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    def broken(_: DagRun, __: Partitions) -> str | None:
        raise RuntimeError("no such day")

    spec = dg.AssetSpec("raw", partitions_def=dg.DailyPartitionsDefinition("2026-01-01"))
    mapped = assets_with_task_mappings("etl", {"extract": [spec]})
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=dg.Definitions(assets=mapped), partition_key_fn=broken
    )
    (sensor,) = defs.sensors or ()
    fake.set_task("etl", "r1", "extract")

    result = sensor.evaluate_tick(dg.build_sensor_context(instance=dagster_instance))  # type: ignore[union-attr]

    (only,) = result.asset_events
    assert isinstance(only, dg.AssetCheckEvaluation)
    assert "no such day" in str(only.metadata["Set Aside"].value)


def test_a_run_of_the_check_repeats_what_was_told(
    fake: FakeAirflow, told: Told, defs: dg.Definitions, dagster_instance: dg.DagsterInstance
) -> None:
    def run() -> list[dg.AssetCheckEvaluation]:
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            instance=dagster_instance, asset_selection=[], op_selection=["prod__airflow_observed"]
        )
        return list(result.get_asset_check_evaluations())

    assert run() == []
    break_row(fake, "r1")
    (first,) = told()

    (again,) = run()

    assert (again.passed, again.description) == (False, first.description)
    assert again.metadata == first.metadata
