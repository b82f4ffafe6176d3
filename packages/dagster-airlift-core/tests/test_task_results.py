from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowInstance,
    AirliftError,
    TaskEvent,
    TaskInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

MINUTE = timedelta(minutes=1)
Answer = Callable[[TaskInstance], Sequence[TaskEvent] | None]


class Results:
    """Knows of each task what a test says, and remembers for which runs it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: None
        self.asked: list[str] = []
        self.keys: set[str] = set()

    def events_of(
        self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[dg.AssetKey]
    ) -> Sequence[TaskEvent] | None:
        assert airflow.name == "prod"
        self.asked.append(instances[0].run_id)
        self.keys = {key.to_user_string() for key in keys}
        return self.answer(instances[0])


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"build": []})
        yield fake


@pytest.fixture
def results() -> Results:
    return Results()


@pytest.fixture
def daemon(airflow: AirflowInstance, dagster_instance: dg.DagsterInstance, results: Results) -> SensorDaemon:
    specs = [dg.AssetSpec("a"), dg.AssetSpec("b", deps=["a"]), dg.AssetSpec("c", deps=["b"])]
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"build": specs})),
        task_results=results,
    )
    return SensorDaemon(defs, dagster_instance)


def evaluation(*, passed: bool) -> dg.AssetCheckEvaluation:
    return dg.AssetCheckEvaluation(asset_key=dg.AssetKey("a"), check_name="unique", passed=passed)


def evaluations(daemon: SensorDaemon) -> list[bool]:
    """Return what was stored of the check, the latest first."""
    key = dg.AssetCheckKey(dg.AssetKey("a"), "unique")
    records = daemon.instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    return [bool(record.event and record.event.asset_check_evaluation.passed) for record in records]  # type: ignore[union-attr]


def half_done(_: TaskInstance) -> Sequence[TaskEvent]:
    return [
        dg.AssetMaterialization("a", metadata={"rows": 5, "Operator": "dbt"}),
        dg.AssetObservation("b", description="it broke"),
        evaluation(passed=False),
    ]


def test_where_nothing_more_is_known_a_success_stands_for_all_assets(
    fake: FakeAirflow, daemon: SensorDaemon, results: Results
) -> None:
    fake.set_task("etl", "r1", "build")

    assert [daemon.tick(), daemon.tick()] == [["a", "b", "c"], []]
    assert results.asked == ["r1"]
    assert results.keys == {"a", "b", "c"}


@pytest.mark.parametrize("state", ["success", "failed"])
def test_what_a_task_did_is_told_once_asset_by_asset_with_what_airflow_says(
    fake: FakeAirflow, daemon: SensorDaemon, results: Results, state: str
) -> None:
    results.answer = half_done
    fake.set_task("etl", "r1", "build", state)

    assert [daemon.tick(), daemon.tick(), daemon.tick()] == [["a", "a", "b"], [], []]
    (built,) = daemon.events("a")
    (broken,) = daemon.observations("b")
    assert built.metadata["rows"].value == 5
    assert built.metadata["Operator"].value == "dbt"
    assert built.metadata["Airflow Run ID"].value == "r1"
    assert broken.description == "it broke"
    assert evaluations(daemon) == [False]
    assert results.asked == ["r1"] * 2  # and no more, once all that it tells is stored


def test_nothing_is_asked_of_a_try_that_is_repeated_or_that_dagster_ran(
    fake: FakeAirflow, daemon: SensorDaemon, results: Results
) -> None:
    fake.set_task("etl", "r1", "build", "up_for_retry")

    daemon.tick()

    assert not results.asked


@pytest.mark.parametrize("crash_after", [0, 1, 2])
def test_a_crash_between_the_events_of_a_task_repeats_and_loses_none(
    fake: FakeAirflow, daemon: SensorDaemon, results: Results, crash_after: int
) -> None:
    results.answer = half_done
    fake.set_task("etl", "r1", "build")
    daemon.tick(crash_after)

    assert len(daemon.tick()) == 3 - crash_after
    assert (len(daemon.events("a")), len(daemon.observations("b")), evaluations(daemon)) == (1, 1, [False])


def test_a_check_that_later_runs_evaluated_is_not_told_of_an_older_one_again(
    fake: FakeAirflow, daemon: SensorDaemon, results: Results
) -> None:
    results.answer = lambda instance: [evaluation(passed=instance.run_id == "r2")]
    fake.set_task("etl", "r1", "build")
    daemon.tick()
    fake.now += MINUTE
    fake.set_task("etl", "r2", "build")

    assert [daemon.tick(), daemon.tick()] == [["a"], []]
    assert evaluations(daemon) == [True, False]


def test_several_events_of_one_asset_are_told_once_each(
    fake: FakeAirflow, daemon: SensorDaemon, results: Results
) -> None:
    results.answer = lambda _: [
        dg.AssetMaterialization("a", partition="p1"),
        dg.AssetMaterialization("a", partition="p2"),
        evaluation(passed=True),
        evaluation(passed=False),
    ]
    fake.set_task("etl", "r1", "build")

    assert [len(daemon.tick(crash_after=1)), len(daemon.tick(crash_after=2)), len(daemon.tick())] == [1, 2, 1]
    assert {event.partition for event in daemon.events("a")} == {"p1", "p2"}
    assert evaluations(daemon) == [False, True]


@pytest.mark.parametrize(
    "error", [AirliftError("the store is closed"), ZeroDivisionError("no rows")], ids=["ours", "any"]
)
def test_a_task_whose_results_cannot_be_told_is_named_and_asked_for_again(
    fake: FakeAirflow,
    daemon: SensorDaemon,
    results: Results,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def fail(instance: TaskInstance) -> None:
        if instance.run_id == "r1":
            raise error

    results.answer = fail
    for run in ("r1", "r2"):
        fake.set_task("etl", run, "build")

    assert daemon.tick() == ["a", "b", "c"]

    said = capsys.readouterr().err
    assert "Set aside, everything else was observed: etl.r1.build: " in said
    assert str(error) in said
    assert ("ZeroDivisionError: no rows" in said) == isinstance(error, ZeroDivisionError)
    results.answer = lambda _: None
    fake.now += timedelta(hours=2)
    assert daemon.tick() == ["a", "b", "c"]


def test_an_asset_that_there_is_not_is_named_and_the_others_are_told(
    fake: FakeAirflow, daemon: SensorDaemon, results: Results, capsys: pytest.CaptureFixture[str]
) -> None:
    results.answer = lambda _: [dg.AssetMaterialization("a"), dg.AssetMaterialization("unknown")]
    fake.set_task("etl", "r1", "build")

    assert daemon.tick() == ["a"]

    assert "etl.r1.build: there is no asset 'unknown'" in capsys.readouterr().err
