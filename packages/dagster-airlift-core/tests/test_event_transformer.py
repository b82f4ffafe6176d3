from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowDefinitionsData,
    AirflowInstance,
    AssetEvent,
    DagHandle,
    EventTransformerFn,
    TaskHandle,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

A, B, DAG = (dg.AssetKey(key) for key in ("a", "b", ["prod", "dag", "etl"]))


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"build": []})
        yield fake


@pytest.fixture
def instance(dagster_instance: dg.DagsterInstance) -> dg.DagsterInstance:
    return dagster_instance


def daemon(
    airflow: AirflowInstance, instance: dg.DagsterInstance, transform: EventTransformerFn
) -> SensorDaemon:
    specs = [dg.AssetSpec("a", owners=["team:x"]), dg.AssetSpec("b", deps=["a"])]
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(
            assets=[*assets_with_task_mappings("etl", {"build": specs}), dg.AssetSpec("other")]
        ),
        event_transformer_fn=transform,
    )
    return SensorDaemon(defs, instance)


def test_what_it_changes_is_stored_once_with_the_identity_that_it_had(
    fake: FakeAirflow, airflow: AirflowInstance, instance: dg.DagsterInstance
) -> None:
    def tag(
        _: dg.SensorEvaluationContext, __: AirflowDefinitionsData, events: Sequence[AssetEvent]
    ) -> Sequence[AssetEvent]:
        return [event._replace(tags={"my_tag": "mine"}) for event in events]  # type: ignore[union-attr]

    tagging = daemon(airflow, instance, tag)
    fake.set_task("etl", "r1", "build")

    assert [tagging.tick(), tagging.tick()] == [["a", "b"], []]
    (event,) = tagging.events("a")
    assert event.tags["my_tag"] == "mine"
    assert len(event.tags["dagster/data_version"]) == 64
    assert event.metadata["Airflow Run ID"].value == "r1"


def test_it_sees_failures_and_may_observe_something_else_instead(
    fake: FakeAirflow, airflow: AirflowInstance, instance: dg.DagsterInstance
) -> None:
    def replace(
        _: dg.SensorEvaluationContext, __: AirflowDefinitionsData, events: Sequence[AssetEvent]
    ) -> Iterable[AssetEvent]:
        for event in events:
            yield dg.AssetObservation("other", metadata={"of": event.asset_key.to_user_string()})

    replacing = daemon(airflow, instance, replace)
    fake.set_task("etl", "r1", "build", "failed")
    fake.set_run("etl", "r1", "failed")

    assert [replacing.tick(), replacing.tick()] == [["other"] * 3, []]
    assert {str(event.metadata["of"].value) for event in replacing.observations("other")} == {
        *("a", "b", "prod/dag/etl")
    }


def test_what_it_drops_stays_dropped_and_it_is_not_asked_at_every_tick(
    fake: FakeAirflow, airflow: AirflowInstance, instance: dg.DagsterInstance
) -> None:
    calls: list[list[dg.AssetKey]] = []

    def only_b(
        _: dg.SensorEvaluationContext, __: AirflowDefinitionsData, events: Sequence[AssetEvent]
    ) -> list[AssetEvent]:
        calls.append([event.asset_key for event in events])
        return [event for event in events if event.asset_key == B]

    dropping = daemon(airflow, instance, only_b)
    fake.set_task("etl", "r1", "build")
    fake.set_run("etl", "r1")

    assert [dropping.tick() for _ in range(4)] == [["b"], [], [], []]
    assert calls == [[A, B], [DAG], [A, B]]


def test_an_event_that_it_raises_on_is_set_aside_and_tried_again_and_the_others_are_told(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = {A}

    def fragile(
        _: dg.SensorEvaluationContext, __: AirflowDefinitionsData, events: Sequence[AssetEvent]
    ) -> Iterable[AssetEvent]:
        for event in events:
            if event.asset_key in broken:
                raise ZeroDivisionError("no rows")
            yield event

    transforming = daemon(airflow, instance, fragile)
    fake.set_task("etl", "r1", "build")

    assert transforming.tick() == ["b"]

    said = capsys.readouterr().err
    assert "etl.r1.build, a: the event transformer raised ZeroDivisionError('no rows')" in said
    assert "in fragile" in said
    broken.clear()
    fake.now += timedelta(hours=2)
    assert transforming.tick() == ["a"]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        pytest.param(dg.AssetMaterialization("unknown"), "there is no asset 'unknown'", id="unknown"),
        pytest.param("text", "expected an asset event, found 'text'", id="no event"),
        pytest.param(
            dg.AssetMaterialization("a"), "the failure of 'a' was made a materialization", id="false success"
        ),
    ],
)
def test_what_it_may_not_return_is_named_and_the_rest_is_told(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
    made: AssetEvent,
    reason: str,
) -> None:
    transforming = daemon(
        airflow, instance, lambda *given: [made, *[one for one in given[2] if one.asset_key == B]]
    )
    fake.set_task("etl", "r1", "build", "failed")

    assert transforming.tick() == ["b"]

    assert f"etl.r1.build: {reason}" in capsys.readouterr().err
    assert not transforming.events("a")


def test_it_is_given_the_instance_and_what_is_mapped(
    fake: FakeAirflow, airflow: AirflowInstance, instance: dg.DagsterInstance
) -> None:
    seen: list[AirflowDefinitionsData] = []

    def look(
        context: dg.SensorEvaluationContext, data: AirflowDefinitionsData, events: Sequence[AssetEvent]
    ) -> Sequence[AssetEvent]:
        assert context.instance is instance
        seen.append(data)
        return events

    fake.set_task("etl", "r1", "build")
    daemon(airflow, instance, look).tick()

    data = seen[0]
    assert (data.airflow_instance, data.instance_name) == (airflow, "prod")
    assert data.task_ids_in_dag("etl") == {"build"}
    assert data.asset_keys_in_task("etl", "build") == {A, B}
    assert data.asset_keys_in_task("etl", "no") == frozenset()
    assert set(data.airflow_mapped_asset_specs) == {A, B, DAG}
    assert data.airflow_mapped_asset_specs[A].owners == ["team:x"]
    assert data.mapped_asset_keys_by_task_handle == {TaskHandle("etl", "build"): {A, B}}
    assert data.mapped_asset_keys_by_dag_handle == {DagHandle("etl"): {DAG}}
