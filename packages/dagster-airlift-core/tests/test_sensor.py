from __future__ import annotations

import json
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowInstance,
    AirflowUnauthorized,
    AirflowUnreachable,
    assets_with_dag_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, Reply, SensorDaemon
from dagster_airlift_core.wire import LAUNCH_KEY_TAG, launch_key

MINUTE = timedelta(minutes=1)
BUSY = Reply(503, {"detail": "busy"})


@dg.op
def work() -> None: ...


@dg.job
def proxied() -> None:
    work()


@dg.op
def break_down() -> None:
    raise RuntimeError("broken")


@dg.job
def proxied_and_failed() -> None:
    break_down()


@pytest.fixture
def daemon(airflow: AirflowInstance, dagster_instance: dg.DagsterInstance) -> SensorDaemon:
    assets = [
        *assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("raw")]}),
        *assets_with_task_mappings(
            "etl", {"grp.load": [dg.AssetSpec("b", deps=["raw", "a"]), dg.AssetSpec("a")]}
        ),
        *assets_with_dag_mappings({"etl": [dg.AssetSpec("whole")]}),
    ]
    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))
    return SensorDaemon(defs, dagster_instance)


def test_an_idle_airflow_yields_a_cursor_and_a_line(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    assert daemon.tick() == []
    assert json.loads(daemon.cursor or "")["watermark"] == fake.now.isoformat()
    assert daemon.said == (
        "No new events. Airflow instance 'prod': 0 rows read; observed up to 2026-01-15 12:00:00Z."
    )


def test_a_success_is_observed_once_with_its_facts(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    run = "manual__2026-01-15T12:00:00+00:00"
    fake.set_task("etl", run, "extract", "running")
    fake.now += MINUTE
    fake.set_task("etl", run, "extract")

    assert daemon.tick() == ["raw"]
    assert daemon.tick() == []
    (event,) = daemon.events("raw")
    assert {label: value.value for label, value in event.metadata.items()} == {
        "Airflow Instance": "prod",
        "Airflow DAG ID": "etl",
        "Airflow Run ID": run,
        "Airflow Task ID": "extract",
        "Try Number": 1,
        "Operator": "BashOperator",
        "Run Details": f"{fake.url}/dags/etl/runs/manual__2026-01-15T12%3A00%3A00%2B00%3A00",
        "Task Logs": f"{fake.url}/dags/etl/runs/manual__2026-01-15T12%3A00%3A00%2B00%3A00"
        "/tasks/extract?try_number=1",
        "Start Date": (fake.now - MINUTE).timestamp(),
        "End Date": fake.now.timestamp(),
        "dagster-airlift/effective-timestamp": fake.now.timestamp(),
        "Duration": 60.0,
    }
    assert len(event.tags["dagster/data_version"]) == 64


@pytest.mark.parametrize("state", ["running", "failed"])
def test_a_success_counts_in_a_run_that_has_not_succeeded(
    fake: FakeAirflow, daemon: SensorDaemon, state: str
) -> None:
    fake.set_task("etl", "r1", "extract")
    fake.set_run("etl", "r1", state)

    assert daemon.tick()[0] == "raw"
    assert len(daemon.events("raw")) == 1


@pytest.mark.parametrize("state", ["skipped", "running", "upstream_failed", "unheard_of", None])
def test_what_did_not_end_or_was_not_run_is_no_event(
    fake: FakeAirflow, daemon: SensorDaemon, state: str | None
) -> None:
    fake.set_task("etl", "r1", "extract", state)

    assert daemon.tick() == []


def test_a_successful_run_materializes_its_dag_asset_and_what_is_mapped_to_it(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_run("etl", "r1")

    assert daemon.tick() == ["whole", "prod/dag/etl"]
    assert "Airflow Task ID" not in daemon.events("whole")[0].metadata


def test_events_come_by_their_end_and_upstream_first(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.set_task("etl", "r1", "grp.load")
    fake.now += MINUTE
    fake.set_task("etl", "r2", "extract")
    fake.set_task("etl", "r2", "grp.load")
    fake.set_run("etl", "r2")

    observed = daemon.tick()

    assert observed[:2] == ["a", "b"]
    assert sorted(observed[2:-1]) == ["a", "b", "raw", "whole"]
    assert max(observed.index("raw"), observed.index("a", 2)) < observed.index("b", 2)
    assert observed[-1] == "prod/dag/etl"


def test_a_clear_observes_the_task_that_ran_again_and_no_other(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_task("etl", "r1", "extract")
    fake.set_task("etl", "r1", "grp.load")
    daemon.tick()
    fake.now += MINUTE
    fake.clear_task("etl", "r1", "extract")

    assert daemon.tick() == []
    fake.set_task("etl", "r1", "extract")
    assert daemon.tick() == ["raw"]


def test_a_run_that_ends_twice_is_observed_twice(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.set_run("etl", "r1")
    daemon.tick()
    fake.now += MINUTE
    fake.set_run("etl", "r1")

    assert daemon.tick() == ["whole", "prod/dag/etl"]


def test_a_late_commit_within_the_overlap_is_seen_when_that_is_read_again(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    daemon.tick()
    fake.set_task("etl", "r1", "extract", committed=False)
    fake.now += 9 * MINUTE
    daemon.tick()
    fake.commit()

    seen = []
    for _ in range(7):
        seen += daemon.tick()
        fake.now += MINUTE

    assert seen == ["raw"]


def test_a_commit_that_is_hardly_late_is_seen_by_the_next_tick(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    daemon.tick()
    fake.now += MINUTE
    fake.set_task("etl", "r1", "extract", committed=False)
    fake.now += MINUTE / 2
    daemon.tick()
    fake.commit()

    assert daemon.tick() == ["raw"]


def test_a_server_clock_that_goes_back_hides_nothing(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    daemon.tick()
    fake.now += MINUTE
    daemon.tick()
    fake.now -= 60 * MINUTE
    fake.set_task("etl", "r1", "extract")

    assert daemon.tick() == ["raw"]


def test_a_later_commit_waits_for_the_sweep(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    daemon.tick()
    fake.set_task("etl", "r1", "extract", committed=False)
    fake.now += 30 * MINUTE
    daemon.tick()
    fake.commit()

    assert daemon.tick() == []
    fake.now += 31 * MINUTE
    assert daemon.tick() == ["raw"]


def test_a_success_in_a_run_of_last_month_waits_for_the_sweep(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_run("etl", "old", "running", run_after=fake.now - timedelta(days=30))
    daemon.tick()
    fake.now += MINUTE
    fake.set_task("etl", "old", "extract")

    assert daemon.tick() == []
    fake.now += 60 * MINUTE
    assert daemon.tick() == ["raw"]


def test_a_run_of_last_month_that_changes_is_seen_when_the_whole_overlap_is_read(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_run("etl", "old", "running", run_after=fake.now - timedelta(days=30))
    daemon.tick()
    fake.now += 6 * MINUTE
    fake.set_task("etl", "old", "extract")
    fake.set_run("etl", "old")

    assert daemon.tick() == ["raw", "whole", "prod/dag/etl"]


def test_an_outage_of_a_week_loses_nothing(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    daemon.tick()
    fake.now += MINUTE
    fake.set_task("etl", "r1", "extract")
    fake.now += timedelta(days=7)

    assert daemon.tick() == ["raw"]


def test_no_page_is_begun_once_there_are_500_events(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.page_cap = 70
    for number in range(530):
        fake.set_task("etl", f"r{number:03}", "extract")
        fake.set_task("etl", f"r{number:03}", "unmapped")

    counts = [len(daemon.tick()) for _ in range(4)]

    assert counts == [525, 5, 0, 0]


def test_a_crash_before_the_cursor_repeats_nothing(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    for number in range(5):
        fake.set_task("etl", f"r{number}", "extract")

    stored = [daemon.tick(crash_after=2), daemon.tick(crash_after=0), daemon.tick(), daemon.tick()]

    assert [len(keys) for keys in stored] == [2, 0, 3, 0]


def test_a_row_with_more_assets_than_fit_in_a_tick_goes_on_in_the_next(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    assets = assets_with_task_mappings("etl", {"extract": [dg.AssetSpec(f"a{n}") for n in range(1200)]})
    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))
    daemon = SensorDaemon(defs, dagster_instance)
    fake.set_task("etl", "r1", "extract")

    assert [len(daemon.tick()) for _ in range(3)] == [1000, 200, 0]


def test_a_page_that_did_not_fit_in_a_tick_is_not_asked_for_again(
    fake: FakeAirflow, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    assets = assets_with_task_mappings("etl", {"extract": [dg.AssetSpec(f"a{n}") for n in range(600)]})
    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))
    daemon = SensorDaemon(defs, dagster_instance)
    for number in range(3):
        fake.set_task("etl", f"r{number}", "extract")

    counts = [len(daemon.tick()) for _ in range(2)]

    assert counts == [1000, 800]
    assert len([one for one in fake.requests if one.path.endswith("taskInstances")]) == 1


def test_a_mapped_task_is_one_event_when_all_its_instances_ended_well(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.page_cap = 3
    for index in range(6):
        fake.set_task("etl", "r1", "extract", map_index=index)
    fake.set_task("etl", "r1", "extract", "skipped", map_index=6)
    fake.set_task("etl", "r1", "extract", "running", map_index=7)

    assert daemon.tick() == []
    fake.set_task("etl", "r1", "extract", map_index=7)
    assert daemon.tick() == ["raw"]
    assert daemon.events("raw")[0].metadata["Mapped Instances"].value == 7
    assert daemon.tick() == []


def test_a_mapped_task_whose_run_has_just_been_deleted_is_set_aside(
    fake: FakeAirflow, daemon: SensorDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.set_task("etl", "r1", "extract", map_index=0)
    fake.set_task("etl", "r2", "extract")
    del fake.runs["etl", "r1"]

    assert daemon.tick() == ["raw"]

    assert "Set aside, everything else was observed: etl.r1.extract" in capsys.readouterr().err


def test_what_a_successful_dagster_run_did_is_not_observed_again(
    fake: FakeAirflow, daemon: SensorDaemon, dagster_instance: dg.DagsterInstance
) -> None:
    key = launch_key(instance="prod", dag_id="etl", run_id="r1", task_id="extract", map_index=-1, max_tries=0)
    proxied.execute_in_process(instance=dagster_instance, tags={LAUNCH_KEY_TAG: key})
    for run in ("r1", "r2"):
        fake.set_task("etl", run, "extract")

    assert daemon.tick() == ["raw"]
    assert daemon.events("raw")[0].metadata["Airflow Run ID"].value == "r2"


def test_a_dagster_run_that_failed_or_was_cleared_does_not_hide_a_success(
    fake: FakeAirflow, daemon: SensorDaemon, dagster_instance: dg.DagsterInstance
) -> None:
    key = launch_key(instance="prod", dag_id="etl", run_id="r1", task_id="extract", map_index=-1, max_tries=0)
    proxied_and_failed.execute_in_process(
        instance=dagster_instance, tags={LAUNCH_KEY_TAG: key}, raise_on_error=False
    )
    fake.set_task("etl", "r1", "extract")

    assert daemon.tick() == ["raw"]
    proxied.execute_in_process(instance=dagster_instance, tags={LAUNCH_KEY_TAG: key})
    fake.clear_task("etl", "r1", "extract")
    fake.set_task("etl", "r1", "extract")
    assert daemon.tick() == ["raw"]


def test_a_bad_row_is_named_and_the_rest_goes_through(
    fake: FakeAirflow, daemon: SensorDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    for run in ("r1", "r2"):
        fake.set_task("etl", run, "extract")
    fake.edit_task("etl", "r1", "extract", end_date="soon")
    fake.set_run("renamed", "r1")

    assert daemon.tick() == ["raw"]

    assert "etl.r1.extract: end_date is 'soon'" in (said := capsys.readouterr().err)
    assert "renamed: no asset stands for this DAG" in said


def test_a_success_without_end_is_observed(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.set_task("etl", "r1", "extract")
    fake.edit_task("etl", "r1", "extract", end_date=None, start_date=None)

    assert daemon.tick() == ["raw"]
    assert "End Date" not in daemon.events("raw")[0].metadata


@pytest.mark.parametrize(
    ("replies", "kind"),
    [
        pytest.param([BUSY] * 3, AirflowUnreachable, id="down"),
        pytest.param([Reply(401, {"detail": "no"})], AirflowUnauthorized, id="wrong password"),
    ],
)
def test_a_tick_without_airflow_fails_with_the_reason_and_the_next_one_reads_on(
    fake: FakeAirflow, daemon: SensorDaemon, replies: list[Reply], kind: type[Exception]
) -> None:
    fake.set_task("etl", "r1", "extract")
    fake.revoke_tokens()
    fake.reply(*replies, path="/auth/token" if kind is AirflowUnauthorized else "/version")

    with pytest.raises(Exception, match="Airflow instance 'prod' at") as caught:
        daemon.tick()

    assert kind in {type(error) for error in (caught.value, caught.value.__cause__)}
    assert daemon.tick() == ["raw"]


def test_an_outage_in_mid_scan_keeps_what_was_read(
    fake: FakeAirflow, daemon: SensorDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.set_task("etl", "r1", "extract")
    fake.set_run("etl", "r1")
    fake.reply(Reply(422, {"detail": "broken"}), path="~/dagRuns$")

    assert daemon.tick() == ["raw"]
    assert "HTTP 422: broken" in capsys.readouterr().err
    assert daemon.tick() == ["whole", "prod/dag/etl"]


def test_a_page_that_airflow_does_not_know_any_more_is_read_from_the_start(
    fake: FakeAirflow, daemon: SensorDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.page_cap = 1
    for number in range(3):
        fake.set_task("etl", f"r{number}", "extract")
    daemon.tick()
    cursor = json.loads(daemon.cursor or "")
    scan = {
        "since": (fake.now - MINUTE).isoformat(),
        "run_after": None,
        "as_of": fake.now.isoformat(),
        "stream": "tasks",
        "page": "no token!",
        "after": None,
        "order": "v2/id success failed",
    }
    fake.set_task("etl", "r9", "extract")
    daemon.cursor = json.dumps({**cursor, "recent": scan})

    assert daemon.tick() == ["raw"]

    assert "The page is not known any more" in capsys.readouterr().err


@pytest.mark.parametrize("cursor", ["", "{}", "null", '{"v": 99}', "\x00"])
def test_a_broken_cursor_is_an_error_in_the_log_and_repeats_nothing(
    fake: FakeAirflow, daemon: SensorDaemon, capsys: pytest.CaptureFixture[str], cursor: str
) -> None:
    fake.set_task("etl", "r1", "extract")
    daemon.tick()
    fake.now += timedelta(hours=3)
    fake.set_task("etl", "r2", "extract")
    daemon.cursor = cursor

    assert daemon.tick() == ["raw"]

    assert "The cursor of this sensor is not one for the Airflow instance 'prod'" in capsys.readouterr().err


def test_a_cursor_holds_no_secret(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    text = str(daemon.cursor) + json.dumps([str(event.metadata) for event in daemon.events("raw")])
    assert not [secret for secret in ("viewer", "Bearer", "not for Dagster") if secret in text]


def test_a_catch_up_reads_each_page_once_and_asks_for_nothing_else(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    for number in range(1300):
        fake.set_task("etl", f"r{number:04}", "extract")
        fake.set_run("etl", f"r{number:04}", "running")
    daemon.tick()
    fake.requests.clear()

    found = [len(daemon.tick()) for _ in range(2)]

    assert found == [500, 300]
    pages = [request.path for request in fake.requests]
    assert len([page for page in pages if page.endswith("taskInstances")]) == 8
    assert len(pages) == 9  # and one of DAG runs


def test_an_idle_tick_asks_for_task_instances_and_dag_runs_and_not_for_the_time(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    daemon.tick()
    fake.now += MINUTE
    fake.requests.clear()

    daemon.tick()

    assert [one.path.rpartition("/")[2] for one in fake.requests] == ["taskInstances", "dagRuns"]
    assert json.loads(daemon.cursor or "")["watermark"] > (fake.now - MINUTE / 2).isoformat()


def test_a_tick_of_a_busy_airflow_does_not_read_the_whole_overlap_each_time(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    for number in range(250):
        fake.set_task("etl", f"r{number:03}", "unmapped")
        fake.set_run("etl", f"r{number:03}", "running")
    daemon.tick()
    requests = []
    for _ in range(6):
        fake.now += 2 * MINUTE
        fake.requests.clear()
        daemon.tick()
        requests.append(len(fake.requests))

    # Three pages and one of DAG runs; where the first page tells that it is time for all of them, it is asked for again,
    # and so is the oldest DAG run that has changed.
    assert requests == [4, 2, 6, 2, 2, 6]
