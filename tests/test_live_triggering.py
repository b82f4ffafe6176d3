"""Real Airflows, 3.3 and 2.11, whose DAGs Dagster runs: to success, to failure, and cancelled in the middle."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest
from sites.airflow_two import BIN_VARIABLE
from sites.triggering import Triggerable, triggerable

from dagster_airlift_core import (
    AirflowInstance,
    DagRunRequest,
    DagTrigger,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.launching import Launch, NotStarted
from dagster_airlift_core.patience import Patience
from dagster_airlift_core.testing import SensorDaemon

SECONDS = 120.0
pytestmark = [pytest.mark.live, pytest.mark.matrix]


@pytest.fixture(
    scope="module",
    params=[
        "3.3",
        pytest.param(
            "2.11",
            marks=pytest.mark.skipif(
                BIN_VARIABLE not in os.environ, reason=f"{BIN_VARIABLE} names no Airflow 2"
            ),
        ),
    ],
)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triggerable]:
    root = tmp_path_factory.mktemp("triggering") / "run"
    with triggerable(root, is_v1=request.param == "2.11") as live:
        yield live


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def defs(airflow: AirflowInstance) -> dg.Definitions:
    daily = dg.DailyPartitionsDefinition("2026-01-01")
    assets = [
        *assets_with_task_mappings(
            "succeeds",
            {
                "extract": [dg.AssetSpec("raw")],
                "parts": [dg.AssetSpec("part"), dg.AssetSpec("day", partitions_def=daily)],
            },
        ),
        *assets_with_task_mappings("fails", {"good": [dg.AssetSpec("good")], "bad": [dg.AssetSpec("bad")]}),
    ]
    return build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets),
        trigger_dags=dict.fromkeys(["succeeds", "fails", "lasts"], DagTrigger(poll_seconds=1)),
    )


def materialize(
    ours: dg.Definitions, instance: dg.DagsterInstance, *keys: str, partition_key: str | None = None
) -> dg.ExecuteInProcessResult:
    return ours.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey.from_user_string(key) for key in keys],
        raise_on_error=False,
        partition_key=partition_key,
    )


def recorded(result: dg.ExecuteInProcessResult) -> list[str]:
    return sorted(event.asset_key.to_user_string() for event in result.get_asset_materialization_events())


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    return str(event.step_failure_data.user_failure_data.description)


def test_a_paused_dag_is_not_triggered(live: Triggerable, instance: dg.DagsterInstance) -> None:
    live.site.set_paused("lasts", paused=True)

    result = materialize(defs(live.airflow("admin")), instance, "live/dag/lasts")

    assert "The DAG 'lasts' is paused in Airflow" in failure_of(result)
    assert live.site.runs("lasts") == []


def test_a_viewer_is_told_which_right_is_missing(live: Triggerable, instance: dg.DagsterInstance) -> None:
    live.site.set_paused("succeeds", paused=False)

    result = materialize(defs(live.airflow("viewer")), instance, "raw")

    assert "Give the user the role User, for Viewer only reads" in failure_of(result)
    assert live.site.runs("succeeds") == []


def test_a_dag_run_succeeds_and_is_recorded_once(live: Triggerable, instance: dg.DagsterInstance) -> None:
    live.site.set_paused("succeeds", paused=False)
    ours = defs(live.airflow("admin"))

    result = materialize(ours, instance, "raw", "part", "live/dag/succeeds")

    (run,) = live.site.runs("succeeds")
    assert result.success
    assert run.run_id == f"dagster__{result.run_id}"
    assert recorded(result) == ["live/dag/succeeds", "part", "raw"]
    daemon = SensorDaemon(ours, instance)
    assert daemon.tick() == ["day"]
    assert daemon.tick() == []
    lines = [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.dagster_event]
    assert any(re.match(r"succeeds\.parts\[2\], try \d: success\. Log: ", line) for line in lines)


def test_a_partition_is_a_logical_date_of_which_there_is_one_run(
    live: Triggerable, instance: dg.DagsterInstance
) -> None:
    live.site.set_paused("succeeds", paused=False)
    ours = defs(live.airflow("admin"))

    first = materialize(ours, instance, "day", partition_key="2026-01-05")
    again = materialize(ours, instance, "day", partition_key="2026-01-05")

    (event,) = first.get_asset_materialization_events()
    assert event.partition == "2026-01-05"
    assert "has another run of the DAG 'succeeds' with the logical date 2026-01-05T00:00:00" in failure_of(
        again
    )


def test_a_run_is_triggered_once_however_often_it_is_asked_for(live: Triggerable) -> None:
    live.site.set_paused("succeeds", paused=False)
    runs, run_id = live.airflow("admin").dag_runs, "11111111-2222-3333-4444-555555555555"

    for _ in range(2):
        found = Launch(runs, "succeeds", run_id, Patience(5, print)).run(0, DagRunRequest)

    assert found.run_id == f"dagster__{run_id}"
    assert [run.run_id for run in live.site.runs("succeeds")].count(found.run_id) == 1
    date = datetime(2026, 2, 1, tzinfo=UTC)
    runs.trigger("succeeds", "taken", DagRunRequest(logical_date=date))
    other = Launch(runs, "succeeds", "22222222-2222-3333-4444-555555555555", Patience(5, print))
    with pytest.raises(NotStarted, match="has another run"):
        other.run(0, lambda: DagRunRequest(logical_date=date))


def test_a_dag_run_that_fails_fails_the_step_and_what_succeeded_is_recorded(
    live: Triggerable, instance: dg.DagsterInstance
) -> None:
    live.site.set_paused("fails", paused=False)

    result = materialize(defs(live.airflow("admin")), instance, "good", "bad")

    assert not result.success
    assert recorded(result) == ["good"]
    assert "Failed tasks: fails.bad, try 1: http://" in failure_of(result)


def test_a_dag_run_ends_with_the_dagster_run_that_is_cancelled(
    live: Triggerable, instance: dg.DagsterInstance
) -> None:
    live.site.set_paused("lasts", paused=False)
    airflow = live.airflow("admin")
    watcher = threading.Thread(target=interrupt_once_it_sleeps, args=(live, airflow))
    watcher.start()

    result = materialize(defs(airflow), instance, "live/dag/lasts")

    watcher.join(SECONDS)
    (run,) = live.site.runs("lasts")
    assert not result.success
    assert run.state == "failed"
    eventually(lambda: task_states(airflow, run.run_id) == ["failed"])


def interrupt_once_it_sleeps(live: Triggerable, airflow: AirflowInstance) -> None:
    eventually(lambda: bool(live.site.runs("lasts")))
    (run,) = live.site.runs("lasts")
    eventually(lambda: task_states(airflow, run.run_id) == ["running"])
    os.kill(os.getpid(), signal.SIGINT)


def task_states(airflow: AirflowInstance, run_id: str) -> list[str | None]:
    pages = airflow.dag_runs.task_instances("lasts", run_id)
    return [one.state for page in pages for one in page.rows]


def eventually(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.5)
