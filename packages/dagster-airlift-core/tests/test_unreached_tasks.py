"""Tasks that Airflow did not get to are told of where what knows the results wants that."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowInstance,
    TaskEvent,
    TaskHandle,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

LOAD = TaskHandle("etl", "load")


@dataclass
class Knowing:
    """Knows of each asset of a task that was not reached what it is told here."""

    unreached_tasks: Collection[TaskHandle] = (LOAD,)
    known: dict[str, TaskEvent] | None = None
    states: list[str | None] = field(default_factory=list[str | None])

    def events_of(
        self, _: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[dg.AssetKey]
    ) -> Sequence[TaskEvent] | None:
        self.states += [one.state for one in instances]
        return None if self.known is None else [self.known[key.to_user_string()] for key in keys]


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"extract": ["load", "other"], "load": [], "other": []})
        yield fake


def daemon(airflow: AirflowInstance, instance: dg.DagsterInstance, knowing: Knowing) -> SensorDaemon:
    assets = assets_with_task_mappings("etl", {"load": [dg.AssetSpec("t")], "other": [dg.AssetSpec("o")]})
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=dg.Definitions(assets=assets), task_results=knowing
    )
    return SensorDaemon(defs, instance)


def test_a_task_that_airflow_did_not_get_to_is_observed_once(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    observing = daemon(airflow, dagster_instance, Knowing())
    fake.set_task("etl", "r1", "load", "upstream_failed")
    fake.set_task("etl", "r1", "other", "upstream_failed")

    assert [observing.tick(), observing.tick()] == [["t"], []]
    (event,) = observing.observations("t")
    assert (
        event.description == "Airflow did not get to the task load of the DAG etl: a task before it failed."
    )
    assert event.metadata["State"].value == "upstream_failed"
    assert not observing.events("t")


def test_what_is_known_of_such_a_task_is_told_instead(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    knowing = Knowing(known={"t": dg.AssetMaterialization("t")})
    observing = daemon(airflow, dagster_instance, knowing)
    fake.set_task("etl", "r1", "load", "upstream_failed")

    assert [observing.tick(), observing.tick()] == [["t"], []]
    assert knowing.states == ["upstream_failed"]
    assert len(observing.events("t")) == 1
    assert not observing.observations("t")


def test_a_skipped_task_is_nothing_unless_something_is_known_of_it(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    knowing = Knowing()
    observing = daemon(airflow, dagster_instance, knowing)
    fake.set_task("etl", "r1", "load", "skipped")

    unknown = observing.tick()
    knowing.known = {"t": dg.AssetObservation("t", description="dbt skipped it")}
    fake.set_task("etl", "r2", "load", "skipped")
    known = [observing.tick(), observing.tick()]

    assert unknown == []
    assert known == [["t"], []]
    assert knowing.states[0] == "skipped"
    assert not observing.events("t")


def test_a_task_that_runs_after_all_is_told_of_once_more(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    observing = daemon(airflow, dagster_instance, Knowing())
    fake.set_task("etl", "r1", "load", "upstream_failed")
    observing.tick()
    fake.now += timedelta(minutes=1)
    fake.clear_task("etl", "r1", "load")
    fake.set_task("etl", "r1", "load")

    assert observing.tick() == ["t"]
    assert len(observing.events("t")) == len(observing.observations("t")) == 1


def test_where_they_are_wanted_of_no_task_airflow_is_not_asked_for_them(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    observing = daemon(airflow, dagster_instance, Knowing(unreached_tasks=()))
    fake.set_task("etl", "r1", "load", "upstream_failed")

    assert observing.tick() == []
    assert not any("upstream_failed" in str(request.query) for request in fake.requests)


def test_what_was_not_wanted_before_is_told_of_within_the_overlap(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    before = daemon(airflow, dagster_instance, Knowing(unreached_tasks=()))
    fake.set_task("etl", "r1", "load", "upstream_failed")
    before.tick()
    after = daemon(airflow, dagster_instance, Knowing())
    after.cursor = before.cursor

    assert after.tick() == ["t"]
