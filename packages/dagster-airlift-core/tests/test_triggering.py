from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowApiError,
    AirflowBasicAuthBackend,
    AirflowInstance,
    DagRunRequest,
    DagTrigger,
    MappingError,
    TaskEvent,
    TaskInstance,
    assets_with_dag_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
    dag_triggering_assets,
)
from dagster_airlift_core.launching import Launch
from dagster_airlift_core.patience import Patience
from dagster_airlift_core.testing import FakeAirflow, Reply, SensorDaemon
from dagster_airlift_core.wire import DAG_ID_TAG, INSTANCE_TAG

QUICK = DagTrigger(poll_seconds=0.01, outage_seconds=5)
BUSY = Reply(503, {"detail": "busy"})
LOST = Reply(200, {}, cut_after=1)
"""An answer of which nothing can be read: what was asked for may have been done."""


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param, users={"user": "user", "viewer": "viewer"}) as fake:
        fake.add_dag("etl", {"extract": ["load"], "load": []})
        fake.plays("etl", *good(fake))
        yield fake


@pytest.fixture
def airflow(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "user", "user"), "prod")


def good(fake: FakeAirflow) -> list[Callable[[str], object]]:
    return [
        lambda run: fake.set_run("etl", run, "running"),
        lambda run: fake.set_task("etl", run, "extract", "running"),
        lambda run: fake.set_task("etl", run, "extract"),
        lambda run: fake.set_task("etl", run, "load"),
        lambda run: fake.set_run("etl", run, "success"),
    ]


def bad(fake: FakeAirflow) -> list[Callable[[str], object]]:
    return [
        lambda run: fake.set_task("etl", run, "extract"),
        lambda run: fake.set_task("etl", run, "load", "failed"),
        lambda run: fake.set_run("etl", run, "failed"),
    ]


def defs(airflow: AirflowInstance, trigger: DagTrigger = QUICK) -> dg.Definitions:
    assets = [
        *assets_with_task_mappings(
            "etl", {"extract": [dg.AssetSpec("raw")], "load": [dg.AssetSpec("table")]}
        ),
        *assets_with_dag_mappings({"etl": [dg.AssetSpec("whole")]}),
    ]
    return build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=dg.Definitions(assets=assets), trigger_dags={"etl": trigger}
    )


def materialize(
    defs: dg.Definitions,
    instance: dg.DagsterInstance,
    *keys: str,
    tags: Mapping[str, str] | None = None,
    partition_key: str | None = None,
) -> dg.ExecuteInProcessResult:
    selection = [dg.AssetKey.from_user_string(key) for key in keys]
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=selection,
        raise_on_error=False,
        tags=dict(tags or {}),
        partition_key=partition_key,
    )


def started_run(defs: dg.Definitions, instance: dg.DagsterInstance) -> str:
    return instance.create_run_for_job(
        defs.resolve_implicit_global_asset_job_def(),
        asset_selection={dg.AssetKey("raw")},
        status=dg.DagsterRunStatus.STARTED,
    ).run_id


def recorded(result: dg.ExecuteInProcessResult) -> list[str]:
    return sorted(event.asset_key.to_user_string() for event in result.get_asset_materialization_events())


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    return str(event.step_failure_data.user_failure_data.description)


def logged(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(run_id) if not entry.dagster_event]


def triggered(fake: FakeAirflow) -> list[str]:
    return [run for dag, run in fake.runs if dag == "etl"]


def states(fake: FakeAirflow) -> list[str]:
    return [row.payload["state"] for row in list(fake.task_instances.values())]


def test_an_asset_is_materialized_by_one_run_of_its_dag(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    result = materialize(defs(airflow), dagster_instance, "raw", "prod/dag/etl")

    (run,) = triggered(fake)
    assert result.success
    assert run == f"dagster__{result.run_id}"
    assert recorded(result) == ["prod/dag/etl", "raw"]
    assert fake.runs["etl", run].payload["note"] == f"Triggered by the Dagster run {result.run_id}."
    url = airflow.links.dag_run("etl", run)
    assert dagster_instance.get_run_by_id(result.run_id).tags["dagster-airlift/airflow-dag-run-url"] == url
    task = fake.task_instances["etl", run, "extract", -1].payload
    lines = logged(dagster_instance, result.run_id)
    assert f"The DAG run {run} of etl: {url}" in lines
    assert [line.partition(" Log: ")[0] for line in lines if "etl.extract" in line] == [
        "etl.extract, try 1: running.",
        "etl.extract, try 1: success.",
    ]
    assert task["dag_run_id"] == run
    assert "etl: success" in lines


def test_what_a_dagster_run_has_recorded_the_sensor_does_not(
    airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow)
    materialize(ours, dagster_instance, "raw", "prod/dag/etl")
    daemon = SensorDaemon(ours, dagster_instance)

    assert sorted(daemon.tick()) == ["table", "whole"]
    assert daemon.tick() == []
    assert [len(daemon.events(key)) for key in ("raw", "table", "whole", "prod/dag/etl")] == [1, 1, 1, 1]


def test_while_the_dagster_run_goes_on_the_sensor_leaves_its_assets_to_it(
    fake: FakeAirflow, airflow: AirflowInstance, tmp_path: Path
) -> None:
    may_end = threading.Event()
    fake.plays("etl", *good(fake)[:4], lambda run: may_end.is_set() and fake.set_run("etl", run))
    ours = defs(airflow)
    results: list[dg.ExecuteInProcessResult] = []
    instance = dg.DagsterInstance.local_temp(str(tmp_path))
    daemon = SensorDaemon(ours, instance)
    work = threading.Thread(target=lambda: results.append(materialize(ours, instance, "raw", "table")))
    work.start()
    try:
        eventually(lambda: states(fake) == ["success", "success"])

        early = daemon.tick()
    finally:
        may_end.set()
        work.join(60)

    assert early == []
    assert recorded(results[0]) == ["raw", "table"]
    assert sorted(daemon.tick()) == ["prod/dag/etl", "whole"]
    assert [len(daemon.events(key)) for key in ("raw", "table")] == [1, 1]


def test_what_a_dagster_run_that_died_has_not_recorded_the_sensor_does(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow)
    run_id = started_run(ours, dagster_instance)
    fake.set_task("etl", f"dagster__{run_id}", "extract")
    fake.set_run("etl", f"dagster__{run_id}")
    daemon = SensorDaemon(ours, dagster_instance)

    assert sorted(daemon.tick()) == ["prod/dag/etl", "whole"]
    dagster_instance.report_run_failed(dagster_instance.get_run_by_id(run_id))
    assert daemon.tick() == ["raw"]


def test_a_dagster_run_that_never_ends_is_not_waited_for(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow)
    run_id = started_run(ours, dagster_instance)
    fake.set_task("etl", f"dagster__{run_id}", "extract")
    daemon = SensorDaemon(ours, dagster_instance)
    assert daemon.tick() == []

    fake.now += timedelta(hours=25)

    assert daemon.tick() == ["raw"]


def test_a_dag_run_that_fails_fails_the_step_and_names_tasks_and_logs(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    fake.plays("etl", *bad(fake))

    result = materialize(defs(airflow), dagster_instance, "raw", "table", "whole")

    (run,) = triggered(fake)
    assert not result.success
    assert recorded(result) == ["raw"]
    said = failure_of(result)
    assert said.startswith(
        f"The DAG run '{run}' of 'etl' failed in Airflow ({airflow.links.dag_run('etl', run)})."
    )
    assert "Failed tasks: etl.load, try 1: http://" in said


def test_a_task_that_was_skipped_materializes_nothing(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    fake.plays(
        "etl",
        lambda run: fake.set_task("etl", run, "extract"),
        lambda run: fake.set_task("etl", run, "load", "skipped"),
        lambda run: fake.set_run("etl", run),
    )

    result = materialize(defs(airflow), dagster_instance, "raw", "table")

    assert result.success
    assert recorded(result) == ["raw"]
    assert any(
        "table was not materialized: etl.load" in line for line in logged(dagster_instance, result.run_id)
    )


@pytest.mark.parametrize("mapped_tasks", ["once", "each"])
def test_a_mapped_task_is_recorded_as_the_sensor_would(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    dagster_instance: dg.DagsterInstance,
    mapped_tasks: Literal["once", "each"],
) -> None:
    fake.tasks["etl"]["load"]["is_mapped"] = True
    fake.plays(
        "etl",
        *[
            partial(lambda index, run: fake.set_task("etl", run, "load", map_index=index), i)
            for i in range(3)
        ],
        lambda run: fake.set_run("etl", run),
    )
    ours = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"load": [dg.AssetSpec("table")]})),
        trigger_dags={"etl": QUICK},
        mapped_tasks=mapped_tasks,
    )

    result = materialize(ours, dagster_instance, "table")

    daemon = SensorDaemon(ours, dagster_instance)
    assert len(recorded(result)) == (1 if mapped_tasks == "once" else 3)
    assert daemon.tick() == ["prod/dag/etl"]
    assert any("etl.load[2], try 1: success." in line for line in logged(dagster_instance, result.run_id))


def test_what_knows_results_decides_what_was_materialized(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    class OnlyRaw:
        def events_of(
            self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[dg.AssetKey]
        ) -> Sequence[TaskEvent] | None:
            del airflow, instances
            return [dg.AssetMaterialization(key) for key in keys if key == dg.AssetKey("raw")]

    specs = [dg.AssetSpec("raw"), dg.AssetSpec("broken")]
    ours = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"load": specs})),
        trigger_dags={"etl": QUICK},
        task_results=OnlyRaw(),
    )

    result = materialize(ours, dagster_instance, "raw", "broken")

    assert recorded(result) == ["raw"]
    assert len(triggered(fake)) == 1


def test_a_launch_whose_answer_is_lost_is_not_made_twice(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    fake.loses_answer_to("POST")

    result = materialize(defs(airflow), dagster_instance, "raw")

    assert result.success
    assert len(triggered(fake)) == 1
    assert len([one for one in fake.requests if one.method == "POST" and "dagRuns" in one.path]) == 1


def test_a_launch_that_airflow_never_saw_is_made_again(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow)
    fake.reply(BUSY, method="POST", path="/dagRuns$")

    result = materialize(ours, dagster_instance, "raw")

    assert result.success
    assert len(triggered(fake)) == 1


def test_an_outage_while_a_dag_run_is_followed_is_waited_out(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow)
    fake.plays("etl", lambda _: fake.reply(*[BUSY] * 3, path="/taskInstances$"), *good(fake))

    result = materialize(ours, dagster_instance, "raw")

    assert result.success
    assert any("Asking on for" in line for line in logged(dagster_instance, result.run_id))


def test_an_outage_that_is_too_long_fails_the_step(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow, DagTrigger(poll_seconds=0.01, outage_seconds=0))
    fake.plays("etl", lambda _: fake.reply(*[BUSY] * 3, path="/taskInstances$"), *good(fake))

    result = materialize(ours, dagster_instance, "raw")

    assert "has a problem of its own" in failure_of(result)


def test_a_retried_step_finds_the_dag_run_that_goes_on_and_follows_one_that_failed_with_another(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.plays("etl")
    run_id = "11111111-2222-3333-4444-555555555555"

    def launched(retries: int) -> str:
        launch = Launch(airflow.dag_runs, "etl", run_id, Patience(5, print))
        return launch.run(retries, DagRunRequest).run_id

    assert launched(0) == launched(0) == launched(1) == f"dagster__{run_id}"
    fake.set_run("etl", f"dagster__{run_id}", "failed")
    assert launched(0) == f"dagster__{run_id}"
    assert launched(1) == launched(1) == launched(2) == f"dagster__{run_id}__2"
    assert len(triggered(fake)) == 2


def test_another_run_of_the_same_logical_date_is_named(
    airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    date = datetime(2026, 1, 1, tzinfo=UTC)
    airflow.dag_runs.trigger("etl", "scheduled__1", DagRunRequest(logical_date=date))

    result = materialize(
        defs(airflow, DagTrigger(lambda _: DagRunRequest(logical_date=date), poll_seconds=0.01)),
        dagster_instance,
        "raw",
    )

    assert failure_of(result) == (
        "Airflow has another run of the DAG 'etl' with the logical date 2026-01-01T00:00:00+00:00, and allows one. "
        "Clear that one in Airflow to have it run again, or give a `request` without a logical date."
    )


def test_a_paused_dag_is_not_triggered(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow)
    fake.add_dag("etl", {"extract": []}, is_paused=True)

    result = materialize(ours, dagster_instance, "raw")

    assert "The DAG 'etl' is paused in Airflow" in failure_of(result)
    assert triggered(fake) == []


def test_a_user_who_may_only_read_is_told_which_right_is_missing(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    viewer = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")

    result = materialize(defs(viewer), dagster_instance, "raw")

    said = failure_of(result)
    assert "does not let this user do that" in said
    assert "Give the user the role User, for Viewer only reads; or at least `can create`" in said


def test_a_dag_that_is_gone_is_named(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    ours = defs(airflow)
    fake.remove_dag("etl")

    result = materialize(ours, dagster_instance, "raw")

    assert "does not have that" in failure_of(result)


def test_a_dag_run_that_is_deleted_while_it_is_followed_is_named(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    fake.plays("etl", *good(fake)[:1], lambda run: fake.runs.pop(("etl", run)))

    result = materialize(defs(airflow), dagster_instance, "raw")

    assert "was deleted in Airflow while it was waited for" in failure_of(result)


@pytest.mark.parametrize("cancels", [True, False])
def test_a_dag_run_ends_with_the_dagster_run_that_is_cancelled(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance, *, cancels: bool
) -> None:
    fake.plays("etl", *good(fake)[:2], lambda _: os.kill(os.getpid(), signal.SIGINT))
    ours = defs(airflow, DagTrigger(cancels=cancels, poll_seconds=0.01))

    result = materialize(ours, dagster_instance, "raw")

    (run,) = triggered(fake)
    assert fake.runs["etl", run].payload["state"] == ("failed" if cancels else "running")
    assert not result.success
    lines = logged(dagster_instance, result.run_id)
    assert any(("was marked failed" if cancels else "goes on in Airflow") in line for line in lines)


def test_a_time_window_becomes_data_interval_and_logical_date(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    daily = dg.DailyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin")
    assets = dag_triggering_assets(
        airflow_instance=airflow,
        dag_id="etl",
        specs=[dg.AssetSpec("day", partitions_def=daily)],
        trigger=QUICK,
    )

    result = materialize(dg.Definitions(assets=[assets]), dagster_instance, "day", partition_key="2026-01-05")

    (run,) = fake.runs.values()
    (event,) = result.get_asset_materialization_events()
    assert event.partition == "2026-01-05"
    assert {
        name: run.payload[name] for name in ("logical_date", "data_interval_start", "data_interval_end")
    } == {
        "logical_date": "2026-01-04T23:00:00Z",
        "data_interval_start": "2026-01-04T23:00:00Z",
        "data_interval_end": "2026-01-05T23:00:00Z",
    }
    assert run.payload["conf"] == {"partition_key": "2026-01-05"}


def test_another_partition_is_in_the_configuration_of_the_dag_run(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    spec = dg.AssetSpec("region", partitions_def=dg.StaticPartitionsDefinition(["eu", "us"]))
    assets = dag_triggering_assets(airflow_instance=airflow, dag_id="etl", specs=[spec], trigger=QUICK)

    materialize(dg.Definitions(assets=[assets]), dagster_instance, "region", partition_key="us")

    (run,) = fake.runs.values()
    assert run.payload["conf"] == {"partition_key": "us"}
    assert fake.is_v1 or run.payload["logical_date"] is None


def test_a_partition_key_is_for_airflow_three_alone(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.partitioned_dags.add("etl")

    airflow.dag_runs.trigger("etl", "r1", DagRunRequest(partition_key="us"))

    assert fake.runs["etl", "r1"].payload.get("partition_key") == (None if fake.is_v1 else "us")


def test_assets_of_several_partitionings_share_the_run_of_their_dag(
    airflow: AirflowInstance, fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    daily = dg.DailyPartitionsDefinition("2026-01-01")
    specs = [
        dg.AssetSpec("raw"),
        dg.AssetSpec("day", partitions_def=daily),
        dg.AssetSpec("day2", partitions_def=daily),
    ]
    ours = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"load": specs})),
        trigger_dags={"etl": QUICK},
    )

    result = materialize(ours, dagster_instance, "day", "day2", partition_key="2026-01-05")

    assert recorded(result) == ["day", "day2"]
    assert len(triggered(fake)) == 1
    assert {op.name for op in ours.resolve_all_job_defs()[0].all_node_defs} >= {
        "prod__trigger__etl",
        "prod__trigger__etl__2",
    }


def test_what_is_mapped_elsewhere_too_or_has_a_definition_or_is_proxied_stays_as_it_is(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    @dg.asset
    def own() -> None: ...

    fake.add_dag("etl", {"extract": ["load"], "load": []})
    fake.proxy_task("etl", "load")
    assets = [
        *assets_with_task_mappings(
            "etl", {"extract": [dg.AssetSpec("raw"), own], "load": [dg.AssetSpec("table")]}
        ),
        *assets_with_dag_mappings(
            {"etl": [dg.AssetSpec("whole"), shared := dg.AssetSpec("shared")], "other": [shared]}
        ),
    ]

    ours = build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=dg.Definitions(assets=assets), trigger_dags=["etl"]
    )

    made = ours.resolve_asset_graph().executable_asset_keys
    assert {key.to_user_string() for key in made} == {"prod/dag/etl", "raw", "own"}


def test_a_run_that_a_task_of_the_dag_has_launched_does_not_trigger_it_again(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    tags = {INSTANCE_TAG: "prod", DAG_ID_TAG: "etl"}

    result = materialize(defs(airflow), dagster_instance, "raw", tags=tags)

    assert "A task of the DAG 'etl' has launched this run" in failure_of(result)
    assert triggered(fake) == []


def test_everything_else_in_the_definitions_stays(airflow: AirflowInstance) -> None:
    @dg.schedule(cron_schedule="@daily", target=dg.AssetSelection.all())
    def daily() -> None: ...

    ours = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(schedules=[daily], resources={"io": 1}, metadata={"team": "data"}),
        trigger_dags=["etl"],
    )

    assert [schedule.name for schedule in ours.schedules or ()] == ["daily"]
    assert ours.resources == {"io": 1}
    assert ours.metadata["team"].value == "data"


def test_a_text_is_no_list_of_dags(airflow: AirflowInstance) -> None:
    with pytest.raises(MappingError, match=r"Give a list of DAG ids, such as \['etl'\]"):
        build_defs_from_airflow_instance(airflow_instance=airflow, trigger_dags="etl")


def test_a_dag_that_is_not_there_is_warned_of(
    airflow: AirflowInstance, caplog: pytest.LogCaptureFixture
) -> None:
    build_defs_from_airflow_instance(airflow_instance=airflow, trigger_dags=["etl", "tel"])

    assert "has no DAG tel, which `trigger_dags` names" in caplog.text


def test_task_instances_that_never_stand_still_are_not_taken_for_read(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.set_task("etl", "r1", "load")
    assert len([row for page in airflow.dag_runs.task_instances("etl", "r1") for row in page.rows]) == 1
    if not fake.is_v1:
        return
    fake.reply(*[Reply(200, {"task_instances": [], "total_entries": 1})] * 5, path="/taskInstances$")

    with pytest.raises(AirflowApiError, match="change while they are read"):
        list(airflow.dag_runs.task_instances("etl", "r1"))


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"logical_date": datetime(2026, 1, 1)}, id="no zone"),  # noqa: DTZ001
        pytest.param({"data_interval": (datetime(2026, 1, 1, tzinfo=UTC),) * 2}, id="interval alone"),
    ],
)
def test_a_request_that_airflow_would_not_understand_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="Give "):
        DagRunRequest(**wrong)


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_dag_whose_assets_have_keys_that_are_no_names_is_triggered(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    """Dagster makes names of the keys of what a step reads and makes, and refuses those of a URI."""
    fake.add_asset("s3://lake/in?v=1", scheduled=["etl"])
    fake.add_asset("s3://lake/out?v=1", producing=[("etl", "load")])
    mine = dg.AssetSpec(["gs:", "b", "täglich"], deps=[dg.AssetKey(["abfs:", "x"])])
    made = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"extract": [mine]})),
        trigger_dags={"etl": QUICK},
        airflow_asset_key_fn=lambda asset: dg.AssetKey([asset.uri]),
    )
    specs = {spec.key: spec for spec in made.resolve_all_asset_specs()}

    result = made.resolve_implicit_global_asset_job_def().execute_in_process(instance=dagster_instance)

    keys = {event.asset_key for event in result.get_asset_materialization_events()}
    assert {mine.key, dg.AssetKey(["s3://lake/out?v=1"]), dg.AssetKey(["prod", "dag", "etl"])} <= keys
    assert [dep.asset_key for dep in specs[mine.key].deps] == [dg.AssetKey(["abfs:", "x"])]
    assert dg.AssetKey(["s3://lake/in?v=1"]) in {
        dep.asset_key for dep in specs[dg.AssetKey(["prod", "dag", "etl"])].deps
    }


def test_triggered_assets_keep_what_their_specs_say(airflow: AirflowInstance) -> None:
    spec = dg.AssetSpec(
        "table",
        deps=[dg.AssetDep("raw", partition_mapping=dg.TimeWindowPartitionMapping(start_offset=-1))],
        description="A table.",
        metadata={"team": "data"},
        group_name="lake",
        code_version="3",
        owners=["a@example.com"],
        tags={"tier": "1"},
        kinds={"table"},
        automation_condition=dg.AutomationCondition.eager(),
        partitions_def=dg.DailyPartitionsDefinition("2026-01-01"),
    )

    made = dag_triggering_assets(airflow_instance=airflow, dag_id="etl", specs=[spec])

    (found,) = made.specs
    says = ("key", "deps", "description", "group_name", "code_version", "owners", "tags", "kinds")
    assert [getattr(found, name) for name in says] == [getattr(spec, name) for name in says]
    assert found.automation_condition == spec.automation_condition
    assert found.metadata["team"] == "data"
    assert made.partitions_def == spec.partitions_def
    assert made.get_partition_mapping(dg.AssetKey("raw")) == dg.TimeWindowPartitionMapping(start_offset=-1)
