from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"parts": []})
        fake.tasks["etl"]["parts"]["is_mapped"] = True
        yield fake


def daemon(
    airflow: AirflowInstance, instance: dg.DagsterInstance, mapped_tasks: Literal["once", "each"]
) -> SensorDaemon:
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"parts": [dg.AssetSpec("parts")]})),
        mapped_tasks=mapped_tasks,
    )
    return SensorDaemon(defs, instance)


def test_each_instance_of_a_mapped_task_is_an_event_if_that_was_chosen(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    each = daemon(airflow, dagster_instance, "each")
    for index, state in enumerate(["success", "failed", "running", "skipped", "success"]):
        fake.set_task("etl", "r1", "parts", state, map_index=index)

    assert [each.tick(), each.tick()] == [["parts"] * 3, []]
    assert {event.metadata["Map Index"].value for event in each.events("parts")} == {0, 4}
    assert [event.metadata["Map Index"].value for event in each.observations("parts")] == [1]
    fake.set_task("etl", "r1", "parts", map_index=2)
    assert each.tick() == ["parts"]


@pytest.mark.parametrize("states", [["success"] * 3, ["success", "skipped", "skipped"]])
def test_a_mapped_task_that_is_known_is_not_asked_for_again(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance, states: list[str]
) -> None:
    once = daemon(airflow, dagster_instance, "once")
    for index, state in enumerate(states):
        fake.set_task("etl", "r1", "parts", state, map_index=index)
    assert once.tick() == ["parts"]
    fake.requests.clear()

    assert once.tick() == []

    assert not [request for request in fake.requests if "r1" in request.path]


def test_a_mapped_task_is_asked_for_again_when_its_asset_was_wiped(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    once = daemon(airflow, dagster_instance, "once")
    fake.set_task("etl", "r1", "parts", map_index=0)
    once.tick()
    once.tick()

    dagster_instance.wipe_assets([dg.AssetKey("parts")])

    assert once.tick() == ["parts"]


def test_a_mapped_task_whose_failed_instance_is_skipped_when_tried_again_has_succeeded(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    once = daemon(airflow, dagster_instance, "once")
    fake.set_task("etl", "r1", "parts", map_index=0)
    fake.set_task("etl", "r1", "parts", "failed", map_index=1)
    assert once.tick() == ["parts"]
    assert once.events("parts") == []

    fake.retry_task("etl", "r1", "parts", map_index=1)
    fake.set_task("etl", "r1", "parts", "skipped", map_index=1)

    assert [once.tick(), once.tick()] == [["parts"], []]
    assert [event.metadata["Mapped Instances"].value for event in once.events("parts")] == [1]
