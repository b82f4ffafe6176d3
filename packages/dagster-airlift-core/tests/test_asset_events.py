"""What Airflow records of its own assets, where no success of a task stands for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowAsset,
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_dag_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

RAW = "s3://lake/raw"
KEY = "prod/asset/s3/lake/raw"
MINUTE = timedelta(minutes=1)
DAILY = dg.DailyPartitionsDefinition("2026-01-01")


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param, page_cap=3) as fake:
        fake.add_dag("etl", {"extract": [], "other": []})
        fake.add_asset(RAW, producing=[("etl", "extract")], scheduled=["etl"])
        yield fake


def daemon_of(
    fake: FakeAirflow, instance: dg.DagsterInstance, assets: tuple[dg.AssetSpec, ...] = (), **choices: object
) -> SensorDaemon:
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets),
        **choices,  # type: ignore[arg-type]
    )
    return SensorDaemon(defs, instance)


@pytest.fixture
def daemon(fake: FakeAirflow, dagster_instance: dg.DagsterInstance) -> SensorDaemon:
    return daemon_of(fake, dagster_instance)


def asked(fake: FakeAirflow) -> int:
    return sum(request.path.endswith("/events") for request in fake.requests)


def test_an_idle_tick_is_three_requests(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    daemon.tick()
    fake.now += MINUTE
    fake.requests.clear()

    daemon.tick()

    assert len(fake.requests) == 3


def test_an_update_that_no_task_made_is_a_materialization_once(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.add_asset_event(RAW)

    assert daemon.tick() == [KEY]
    assert daemon.tick() == []
    (event,) = daemon.events(KEY)
    assert {label: value.value for label, value in event.metadata.items()} == {
        "Airflow Instance": "prod",
        "Airflow Asset URI": RAW,
        "Airflow Asset Event": 1,
        "End Date": fake.now.timestamp(),
        "dagster-airlift/effective-timestamp": fake.now.timestamp(),
    }


def test_an_update_by_a_task_that_is_not_known_for_it_leads_to_task_and_run(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_task("etl", "r1", "other")
    fake.add_asset_event(RAW, source=("etl", "r1", "other"), map_index=2)

    assert daemon.tick() == [KEY]
    metadata = daemon.events(KEY)[0].metadata
    assert metadata["Airflow DAG ID"].value == "etl"
    assert metadata["Airflow Run ID"].value == "r1"
    assert metadata["Airflow Task ID"].value == "other"
    assert metadata["Map Index"].value == 2
    assert str(metadata["Run Details"].value).startswith(f"{fake.url}/dags/etl/")
    assert str(metadata["View Task"].value).startswith(f"{fake.url}/dags/etl/")


def test_an_update_by_the_task_that_produces_it_is_the_success_of_that_task(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.set_task("etl", "r1", "extract")
    fake.add_asset_event(RAW, source=("etl", "r1", "extract"))

    assert daemon.tick() == [KEY]
    assert daemon.tick() == []
    assert "Airflow Asset Event" not in daemon.events(KEY)[0].metadata


def test_an_update_within_a_run_that_materializes_it_as_a_whole_is_that_run(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    mapped = assets_with_dag_mappings({"etl": [dg.AssetSpec("raw")]})
    daemon = daemon_of(
        fake, dagster_instance, tuple(mapped), airflow_asset_key_fn=lambda _: dg.AssetKey("raw")
    )
    fake.add_asset_event(RAW, source=("etl", "r1", "other"))

    assert daemon.tick() == []


def test_nothing_is_asked_while_airflow_has_no_assets(dagster_instance: dg.DagsterInstance) -> None:
    with FakeAirflow() as fake:
        fake.add_dag("etl", {"extract": []})
        daemon = daemon_of(fake, dagster_instance)

        daemon.tick()

        assert asked(fake) == 0


def test_updates_of_other_assets_are_passed_over(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.add_asset("s3://lake/unknown")
    fake.add_asset_event("s3://lake/unknown")

    assert daemon.tick() == []


def test_all_updates_come_in_their_order_whatever_the_size_of_a_page(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    for number in range(20):
        fake.now += timedelta(seconds=number % 3)  # some at the same time
        fake.add_asset_event(RAW)

    assert daemon.tick() == [KEY] * 20
    assert daemon.tick() == []
    numbers = [event.metadata["Airflow Asset Event"].value for event in daemon.events(KEY)]
    assert sorted(map(int, numbers)) == list(range(1, 21))  # type: ignore[arg-type]
    ends = [float(str(event.metadata["End Date"].value)) for event in daemon.events(KEY)]
    assert ends == sorted(ends, reverse=True)


def test_an_update_that_becomes_visible_late_is_seen_within_the_overlap(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    stamped = fake.now
    fake.now += 9 * MINUTE
    daemon.tick()
    fake.add_asset_event(RAW, at=stamped)
    fake.now += 6 * MINUTE

    assert daemon.tick() == [KEY]


def test_old_updates_wait_for_the_sweep_and_those_from_before_it_are_history(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    daemon.tick()
    fake.add_asset_event(RAW, at=fake.now - timedelta(hours=30))
    fake.add_asset_event(RAW, at=fake.now - timedelta(hours=60))

    assert daemon.tick() == []
    fake.now += 61 * MINUTE
    assert daemon.tick() == [KEY]


@pytest.mark.parametrize("crash_after", [0, 1, 2])
def test_a_crash_between_event_and_cursor_neither_loses_nor_repeats_an_update(
    fake: FakeAirflow, daemon: SensorDaemon, crash_after: int
) -> None:
    for _ in range(3):
        fake.add_asset_event(RAW)

    daemon.tick(crash_after)
    daemon.tick()

    assert len(daemon.events(KEY)) == 3


def test_a_number_that_is_given_again_by_a_new_database_is_another_update(
    fake: FakeAirflow, daemon: SensorDaemon
) -> None:
    fake.add_asset_event(RAW)
    daemon.tick()
    fake.asset_events.clear()
    fake.now += MINUTE
    fake.add_asset_event(RAW)

    assert daemon.tick() == [KEY]


def test_an_update_that_cannot_be_read_is_set_aside_alone(
    fake: FakeAirflow, daemon: SensorDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.add_asset_event(RAW)
    fake.add_asset_event(RAW)
    fake.asset_events[0]["source_map_index"] = "one"

    assert daemon.tick() == [KEY]
    assert "source_map_index is 'one'" in capsys.readouterr().err


def test_what_comes_with_an_update_stays_in_airflow(fake: FakeAirflow, daemon: SensorDaemon) -> None:
    fake.add_asset_event(RAW)
    daemon.tick()

    assert "not for Dagster" not in str(daemon.events(KEY))
    assert "not for Dagster" not in str(daemon.cursor)


def test_an_update_of_a_partition_has_its_key(
    dagster_instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    def yours(_: AirflowAsset) -> dg.AssetKey:
        return dg.AssetKey("raw")

    with FakeAirflow() as fake:
        fake.add_dag("etl", {"extract": []})
        fake.add_asset(RAW, scheduled=["etl"])
        spec = dg.AssetSpec("raw", partitions_def=DAILY)
        daemon = daemon_of(fake, dagster_instance, (spec,), airflow_asset_key_fn=yours)
        for key in ("2026-01-03", "eu", None):
            fake.add_asset_event(RAW, partition_key=key)

        assert daemon.tick() == ["raw"] * 3

    assert [event.partition for event in daemon.events("raw")] == [None, None, "2026-01-03"]
    said = capsys.readouterr().err
    assert "raw of event 2: it has no partition 'eu'" in said
    assert "raw of event 3: it comes without a partition key" in said


def test_two_instances_with_equal_numbers_do_not_share_updates(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    def daemon(name: str) -> SensorDaemon:
        airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), name)
        defs = build_defs_from_airflow_instance(
            airflow_instance=airflow,
            airflow_asset_key_fn=lambda _: dg.AssetKey("shared"),
            defs=dg.Definitions(assets=[dg.AssetSpec("shared")]),
        )
        return SensorDaemon(defs, dagster_instance)

    fake.add_asset_event(RAW, at=datetime(2026, 1, 15, 11, tzinfo=UTC))

    assert daemon("one").tick() == ["shared"]
    assert daemon("two").tick() == ["shared"]
