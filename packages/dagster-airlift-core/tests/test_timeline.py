from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

HOLDS_FOR = ("1.13.8", "1.13.27")
"""The lowest and the highest Dagster with which these tests passed; both are run."""


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"load": []})
        yield fake


@pytest.fixture
def airflow(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")


@pytest.fixture
def defs(airflow: AirflowInstance) -> dg.Definitions:
    return defs_of(airflow)


def defs_of(airflow: AirflowInstance) -> dg.Definitions:
    assets = assets_with_task_mappings("etl", {"load": [dg.AssetSpec("table")]})
    return build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=dg.Definitions(assets=assets), run_timeline=True
    )


def end_run(fake: FakeAirflow, run_id: str, state: str = "success") -> None:
    fake.set_run("etl", run_id, "running")
    fake.now += timedelta(minutes=5)
    fake.set_task("etl", run_id, "load", state)
    fake.set_run("etl", run_id, state)


def test_this_is_a_dagster_for_which_the_timeline_is_known_to_hold() -> None:
    low, high = (tuple(map(int, version.split("."))) for version in HOLDS_FOR)

    assert low <= tuple(map(int, dg.__version__.split(".")[:3])) <= high


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_dag_run_is_a_run_of_the_job_of_its_dag_at_airflows_own_times(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    defs: dg.Definitions,
    dagster_instance: dg.DagsterInstance,
    state: str,
) -> None:
    began = fake.now
    end_run(fake, "r1", state)

    SensorDaemon(defs, dagster_instance).tick()

    (record,) = dagster_instance.get_run_records()
    run = record.dagster_run
    assert run.job_name == "prod__dag__etl"
    assert run.status.value == {"success": "SUCCESS", "failed": "FAILURE"}[state]
    assert record.start_time == began.timestamp()
    assert record.end_time == fake.now.timestamp()
    assert dict(run.tags) == {
        "dagster-airlift/airflow-instance": "prod",
        "dagster-airlift/airflow-dag-id": "etl",
        "dagster-airlift/airflow-dag-run-id": "r1",
        "dagster-airlift/airflow-dag-run-url": airflow.links.dag_run("etl", "r1"),
        "dagster/external_job_source": "airflow",
        "dagster/max_retries": "0",
    }
    assert run.asset_selection == {dg.AssetKey("table"), dg.AssetKey(["prod", "dag", "etl"])}


def test_each_dag_is_a_job_with_its_assets(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def("prod__dag__etl")

    assert job.tags["dagster/external_job_source"] == "airflow"
    assert job.asset_layer.external_job_asset_keys == {
        dg.AssetKey("table"),
        dg.AssetKey(["prod", "dag", "etl"]),
    }


def test_a_launch_of_the_job_runs_nothing_in_airflow_and_records_nothing_of_its_assets(
    fake: FakeAirflow, defs: dg.Definitions, dagster_instance: dg.DagsterInstance
) -> None:
    run = defs.resolve_job_def("prod__dag__etl").execute_in_process(instance=dagster_instance)

    assert run.success
    assert not fake.runs
    assert not run.get_asset_materialization_events()
    assert dagster_instance.get_latest_materialization_event(dg.AssetKey("table")) is None


def test_without_the_choice_there_is_neither_job_nor_run(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    defs = build_defs_from_airflow_instance(airflow_instance=airflow)
    end_run(fake, "r1")

    SensorDaemon(defs, dagster_instance).tick()

    assert [job.name for job in defs.jobs or ()] == ["prod__airflow_history"]
    assert dagster_instance.get_run_records() == []


def test_a_dag_run_is_one_run_and_one_event_however_often_it_is_seen(
    fake: FakeAirflow, airflow: AirflowInstance, defs: dg.Definitions, dagster_instance: dg.DagsterInstance
) -> None:
    end_run(fake, "r1")
    daemon = SensorDaemon(defs, dagster_instance)
    daemon.tick(crash_after=0)
    daemon.tick()
    daemon.tick()
    elsewhere = SensorDaemon(defs_of(airflow), dagster_instance)

    elsewhere.tick()

    assert len(dagster_instance.get_run_records()) == 1
    assert [len(daemon.events(key)) for key in ("table", "prod/dag/etl")] == [1, 1]


def test_a_dag_run_that_was_cleared_and_ran_again_is_another_run(
    fake: FakeAirflow, defs: dg.Definitions, dagster_instance: dg.DagsterInstance
) -> None:
    daemon = SensorDaemon(defs, dagster_instance)
    end_run(fake, "r1", "failed")
    daemon.tick()
    end_run(fake, "r1")

    daemon.tick()

    statuses = sorted(record.dagster_run.status.value for record in dagster_instance.get_run_records())
    assert statuses == ["FAILURE", "SUCCESS"]


@pytest.mark.parametrize("stored", [0, 1])
def test_a_run_that_was_written_by_half_is_completed(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    defs: dg.Definitions,
    dagster_instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    stored: int,
) -> None:
    end_run(fake, "r1")
    report, calls = dagster_instance.report_dagster_event, []

    def fail_later(*args: object, **kwargs: object) -> None:
        if kwargs["run_id"]:
            calls.append(args)
        if kwargs["run_id"] and len(calls) > stored:
            raise RuntimeError("the storage is gone")
        report(*args, **kwargs)

    monkeypatch.setattr(dagster_instance, "report_dagster_event", fail_later)
    SensorDaemon(defs, dagster_instance).tick()
    monkeypatch.setattr(dagster_instance, "report_dagster_event", report)

    SensorDaemon(defs_of(airflow), dagster_instance).tick()

    (record,) = dagster_instance.get_run_records()
    kinds = [
        entry.dagster_event.event_type_value for entry in dagster_instance.all_logs(record.dagster_run.run_id)
    ]
    assert record.dagster_run.status is dg.DagsterRunStatus.SUCCESS
    assert kinds == ["PIPELINE_START", "PIPELINE_SUCCESS"]


def test_a_run_that_cannot_be_stored_stops_nothing_else(
    fake: FakeAirflow,
    defs: dg.Definitions,
    dagster_instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end_run(fake, "r1")
    end_run(fake, "r2")
    add = dagster_instance.run_storage.add_historical_run

    def refuse_first(run: dg.DagsterRun, at: object) -> dg.DagsterRun:
        if run.tags["dagster-airlift/airflow-dag-run-id"] == "r1":
            raise RuntimeError("a bad run")
        return add(run, at)

    monkeypatch.setattr(dagster_instance.run_storage, "add_historical_run", refuse_first)

    keys = SensorDaemon(defs, dagster_instance).tick()

    (record,) = dagster_instance.get_run_records()
    assert record.dagster_run.tags["dagster-airlift/airflow-dag-run-id"] == "r2"
    assert sorted(keys) == ["prod/dag/etl", "prod/dag/etl", "table", "table"]


def test_a_dag_run_that_dagster_triggered_is_not_shown_twice(
    fake: FakeAirflow, defs: dg.Definitions, dagster_instance: dg.DagsterInstance
) -> None:
    end_run(fake, "dagster__11111111-2222-3333-4444-555555555555")

    SensorDaemon(defs, dagster_instance).tick()

    assert dagster_instance.get_run_records() == []
