from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowInstance,
    assets_with_dag_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon
from dagster_airlift_core.wire import DAG_ID_TAG, INSTANCE_TAG, LAUNCH_KEY_TAG, RUN_ID_TAG, launch_key

KEY = launch_key(instance="prod", dag_id="etl", run_id="r1", task_id="extract", map_index=-1, max_tries=0)


@dg.op
def break_down() -> None:
    raise RuntimeError("broken")


@dg.job
def proxied_and_failed() -> None:
    break_down()


@dg.op
def work() -> None: ...


@dg.job
def proxied() -> None:
    work()


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"extract": ["parts"], "parts": []})
        fake.tasks["etl"]["parts"]["is_mapped"] = True
        yield fake


@pytest.fixture
def daemon(airflow: AirflowInstance, dagster_instance: dg.DagsterInstance) -> SensorDaemon:
    tasks = {"extract": [dg.AssetSpec("raw")], "parts": [dg.AssetSpec("parts")]}
    assets = [
        *assets_with_task_mappings("etl", tasks),
        *assets_with_dag_mappings({"etl": [dg.AssetSpec("whole")]}),
    ]
    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))
    return SensorDaemon(defs, dagster_instance)


def test_a_failed_task_is_observed_once_on_its_assets(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.set_task("etl", "r1", "extract", "failed")

    assert [daemon.tick(), daemon.tick()] == [["raw"], []]
    (event,) = daemon.observations("raw")
    assert event.description == "The task extract of the DAG etl failed."
    assert event.metadata["State"].value == "failed"
    assert event.metadata["Airflow Run ID"].value == "r1"
    assert "Task Logs" in event.metadata
    assert not daemon.events("raw")


def test_a_failed_run_is_observed_on_its_dag_asset_and_what_is_mapped_to_it(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_run("etl", "r1", "failed")

    assert [daemon.tick(), daemon.tick()] == [["whole", "prod/dag/etl"], []]
    (event,) = daemon.observations("prod/dag/etl")
    assert event.description == "A run of the DAG etl failed."
    assert not daemon.events("whole")


@pytest.mark.parametrize("state", ["up_for_retry", "upstream_failed", "skipped"])
def test_what_is_tried_again_or_was_never_run_is_nothing(
    fake: FakeAirflow, daemon: SensorDaemon, state: str
) -> None:
    fake.set_task("etl", "r1", "extract", state)

    assert daemon.tick() == []


def test_a_failure_that_was_cleared_and_went_well_is_followed_by_a_materialization(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_task("etl", "r1", "extract", "failed")
    daemon.tick()
    fake.now += timedelta(minutes=1)
    fake.clear_task("etl", "r1", "extract")
    fake.set_task("etl", "r1", "extract")

    assert daemon.tick() == ["raw"]
    assert len(daemon.events("raw")) == len(daemon.observations("raw")) == 1


@pytest.mark.parametrize(("before", "after"), [("failed", "success"), ("success", "failed")])
def test_what_a_person_marks_is_observed_though_it_is_the_same_try(
    fake: FakeAirflow, daemon: SensorDaemon, before: str, after: str
) -> None:
    fake.set_task("etl", "r1", "extract", before)
    daemon.tick()
    fake.now += timedelta(minutes=1)
    fake.set_task("etl", "r1", "extract", after)

    assert [daemon.tick(), daemon.tick()] == [["raw"], []]
    assert len(daemon.events("raw")) == len(daemon.observations("raw")) == 1


def test_a_task_that_was_marked_before_it_ever_ran_says_so(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.set_task("etl", "r1", "extract", None)
    fake.edit_task("etl", "r1", "extract", try_number=0)
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    assert daemon.events("raw")[0].metadata["Marked by Hand"].value is True


def test_a_failure_of_a_dagster_run_is_not_observed_again(
    fake: FakeAirflow, daemon: SensorDaemon, dagster_instance: dg.DagsterInstance
) -> None:
    proxied_and_failed.execute_in_process(
        instance=dagster_instance, tags={LAUNCH_KEY_TAG: KEY}, raise_on_error=False
    )
    for run in ("r1", "r2"):
        fake.set_task("etl", run, "extract", "failed")

    assert daemon.tick() == ["raw"]
    assert daemon.observations("raw")[0].metadata["Airflow Run ID"].value == "r2"


def test_a_task_that_failed_although_its_dagster_run_went_well_is_observed(
    fake: FakeAirflow, daemon: SensorDaemon, dagster_instance: dg.DagsterInstance
) -> None:
    proxied.execute_in_process(instance=dagster_instance, tags={LAUNCH_KEY_TAG: KEY})
    fake.set_task("etl", "r1", "extract", "failed")

    assert daemon.tick() == ["raw"]
    assert len(daemon.observations("raw")) == 1


def test_a_mapped_task_is_observed_once_when_all_of_it_has_ended_and_one_failed(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    for index, state in enumerate(["success", "failed", "failed", "running"]):
        fake.set_task("etl", "r1", "parts", state, map_index=index)

    assert daemon.tick() == []
    fake.set_task("etl", "r1", "parts", map_index=3)
    assert [daemon.tick(), daemon.tick()] == [["parts"], []]
    (event,) = daemon.observations("parts")
    assert event.description == "2 of 4 instances of the task parts of the DAG etl failed."
    assert (event.metadata["Mapped Instances"].value, event.metadata["Failed Instances"].value) == (4, 2)


def test_the_failed_instances_of_a_mapped_task_that_are_run_again_make_it_a_success(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    for index, state in enumerate(["success", "failed"]):
        fake.set_task("etl", "r1", "parts", state, map_index=index)
    daemon.tick()
    fake.now += timedelta(minutes=1)
    fake.clear_task("etl", "r1", "parts", map_index=1)
    assert daemon.tick() == []
    fake.set_task("etl", "r1", "parts", map_index=1)

    assert daemon.tick() == ["parts"]
    assert len(daemon.events("parts")) == len(daemon.observations("parts")) == 1


@pytest.mark.parametrize(
    ("dag_id", "state", "observed"),
    [
        pytest.param("etl", "success", ["prod/dag/etl"], id="the same end"),
        pytest.param("etl", "failed", ["whole", "prod/dag/etl"], id="another end"),
        pytest.param("other", "success", ["whole", "prod/dag/etl"], id="another DAG with the same run id"),
    ],
)
def test_what_dagster_ran_of_a_dag_that_is_proxied_as_a_whole_is_not_observed_again(
    fake: FakeAirflow,
    daemon: SensorDaemon,
    dagster_instance: dg.DagsterInstance,
    dag_id: str,
    state: str,
    observed: list[str],
) -> None:
    @dg.asset
    def whole() -> None: ...

    tags = {INSTANCE_TAG: "prod", DAG_ID_TAG: dag_id, RUN_ID_TAG: "r1"}
    job = dg.Definitions(assets=[whole]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=dagster_instance, asset_selection=[whole.key], tags=tags)
    fake.set_run("etl", "r1", state)

    assert [daemon.tick(), daemon.tick()] == [observed, []]


def test_what_dagster_ran_long_before_a_dag_run_was_cleared_hides_nothing(
    fake: FakeAirflow, daemon: SensorDaemon, dagster_instance: dg.DagsterInstance
) -> None:
    @dg.asset
    def whole() -> None: ...

    tags = {INSTANCE_TAG: "prod", DAG_ID_TAG: "etl", RUN_ID_TAG: "r1"}
    job = dg.Definitions(assets=[whole]).resolve_implicit_global_asset_job_def()
    job.execute_in_process(instance=dagster_instance, asset_selection=[whole.key], tags=tags)
    fake.now = datetime.now(UTC) + timedelta(hours=1)
    fake.set_run("etl", "r1")

    assert daemon.tick() == ["whole", "prod/dag/etl"]
