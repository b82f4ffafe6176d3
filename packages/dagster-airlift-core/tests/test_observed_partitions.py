"""What is observed of partitioned assets carries the key of the window that the DAG run covers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    TaskEvent,
    TaskInstance,
    assets_with_dag_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.model import DagRun
from dagster_airlift_core.partitions import Partitions
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

DAY = timedelta(days=1)
TODAY = datetime(2026, 1, 15, tzinfo=UTC)
DAILY = dg.DailyPartitionsDefinition("2026-01-01")


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"extract": ["load"], "load": [], "parts": []})
        yield fake


@pytest.fixture
def three() -> Iterator[FakeAirflow]:
    with FakeAirflow() as fake:
        fake.add_dag("etl", {"extract": [], "load": [], "parts": []})
        yield fake


def definitions(
    fake: FakeAirflow,
    partitions: dg.PartitionsDefinition[str] | None = DAILY,
    name: str = "prod",
    **choices: object,
) -> dg.Definitions:
    assets = [
        *assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("raw", partitions_def=partitions)]}),
        *assets_with_task_mappings("etl", {"load": [dg.AssetSpec("plain")]}),
        *assets_with_task_mappings("etl", {"parts": [dg.AssetSpec("parts", partitions_def=partitions)]}),
        *assets_with_dag_mappings({"etl": [dg.AssetSpec("whole", partitions_def=partitions)]}),
    ]
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), name)
    return build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets),
        **choices,  # type: ignore[arg-type]
    )


Daemon = Callable[..., SensorDaemon]


@pytest.fixture
def observing(dagster_instance: dg.DagsterInstance) -> Daemon:
    def daemon(fake: FakeAirflow, *args: object, **choices: object) -> SensorDaemon:
        return SensorDaemon(definitions(fake, *args, **choices), dagster_instance)  # type: ignore[arg-type]

    return daemon


def keys(daemon: SensorDaemon, asset: str) -> Sequence[str | None]:
    return [event.partition for event in daemon.events(asset)]


def asked_for_runs(fake: FakeAirflow) -> int:
    """Count the questions for runs of task instances: those of the scan ask for what was changed."""
    return sum(
        request.path.endswith("/dagRuns") and "updated_at_gte" not in request.query
        for request in fake.requests
    )


def test_a_task_and_its_dag_materialize_the_partition_of_the_data_interval(
    fake: FakeAirflow, observing: Daemon
) -> None:
    daemon = observing(fake)
    fake.set_run("etl", "r1", interval=(TODAY - DAY, TODAY))
    fake.set_task("etl", "r1", "extract")
    fake.set_task("etl", "r1", "load")
    for index in range(3):
        fake.set_task("etl", "r1", "parts", map_index=index)

    daemon.tick()

    assert [keys(daemon, asset) for asset in ("raw", "parts", "whole")] == [["2026-01-14"]] * 3
    assert keys(daemon, "plain") == keys(daemon, "prod/dag/etl") == [None]
    assert asked_for_runs(fake) == 1
    assert daemon.events("raw")[0].metadata["Logical Date"].value == (TODAY - DAY).timestamp()
    assert daemon.events("whole")[0].metadata["Logical Date"].value == (TODAY - DAY).timestamp()


def test_a_run_without_an_interval_materializes_the_day_that_has_just_ended(
    fake: FakeAirflow, observing: Daemon
) -> None:
    daemon = observing(fake)
    fake.set_run("etl", "r1", run_after=TODAY, interval=(TODAY, TODAY))
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    assert keys(daemon, "raw") == keys(daemon, "whole") == ["2026-01-14"]


def test_a_run_by_hand_materializes_the_day_in_which_it_was_due(
    three: FakeAirflow, observing: Daemon
) -> None:
    daemon = observing(three)
    three.set_run("etl", "r1")
    three.set_task("etl", "r1", "extract")

    daemon.tick()

    assert keys(daemon, "raw") == keys(daemon, "whole") == ["2026-01-15"]
    assert "Logical Date" not in daemon.events("raw")[0].metadata


def test_a_misaligned_run_materializes_the_window_that_holds_it(fake: FakeAirflow, observing: Daemon) -> None:
    daemon = observing(fake)
    begin = datetime(2026, 1, 2, 11, 37, tzinfo=UTC)
    fake.set_run("etl", "r1", interval=(begin, begin + DAY))
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    assert keys(daemon, "raw") == ["2026-01-02"]


def test_a_run_before_the_first_partition_is_told_once_and_stops_nothing(
    fake: FakeAirflow, observing: Daemon, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon = observing(fake)
    early = datetime(2025, 12, 1, tzinfo=UTC)
    fake.set_run("etl", "r1", "running", interval=(early, early + DAY))
    for run, begin in (("old", early), ("new", TODAY - DAY)):
        fake.set_run("etl", run, "running", interval=(begin, begin + DAY))
        fake.set_task("etl", run, "extract")

    daemon.tick()
    daemon.tick()

    assert sorted(map(str, keys(daemon, "raw"))) == ["2026-01-14", "None"]
    told = (
        "Observed without a partition: raw of etl.old: it has no partition for the data interval start "
        "2025-12-01T00:00:00+00:00 of the DAG run."
    )
    assert capfd.readouterr().err.count(told) == 1


@pytest.mark.parametrize(
    ("begin", "end", "key"),
    [
        pytest.param("2025-11-02T05:00Z", "2025-11-02T06:00Z", "2025-11-02-01:00", id="first 1 o'clock"),
        pytest.param(
            "2025-11-02T06:00Z", "2025-11-02T07:00Z", "2025-11-02-01:00-0500", id="second 1 o'clock"
        ),
        pytest.param("2026-03-08T07:00Z", "2026-03-08T08:00Z", "2026-03-08-03:00", id="no 2 o'clock"),
    ],
)
def test_hours_keep_apart_when_clocks_change(
    fake: FakeAirflow, observing: Daemon, begin: str, end: str, key: str
) -> None:
    hourly = dg.HourlyPartitionsDefinition("2025-10-01-00:00", timezone="America/New_York")
    daemon = observing(fake, hourly)
    fake.set_run("etl", "r1", interval=(datetime.fromisoformat(begin), datetime.fromisoformat(end)))
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    assert keys(daemon, "raw") == keys(daemon, "whole") == [key]


def test_airflows_own_partition_key_names_regions_and_dimensions(
    three: FakeAirflow, observing: Daemon
) -> None:
    regions = dg.StaticPartitionsDefinition(["eu", "us"])
    daemon = observing(three, dg.MultiPartitionsDefinition({"day": DAILY, "region": regions}))
    three.set_run("etl", "r1", partition=("2026-01-14|eu", None))
    three.set_task("etl", "r1", "extract")

    daemon.tick()

    (event,) = daemon.events("raw")
    assert isinstance(event.partition, dg.MultiPartitionKey)
    assert event.partition.keys_by_dimension == {"day": "2026-01-14", "region": "eu"}


def test_a_dynamic_partition_is_one_that_dagster_has(
    three: FakeAirflow, observing: Daemon, dagster_instance: dg.DagsterInstance
) -> None:
    dagster_instance.add_dynamic_partitions("customers", ["acme"])
    daemon = observing(three, dg.DynamicPartitionsDefinition(name="customers"))
    for run, key in (("r1", "acme"), ("r2", "nobody")):
        three.set_run("etl", run, "running", partition=(key, None))
        three.set_task("etl", run, "extract")

    daemon.tick()

    assert sorted(map(str, keys(daemon, "raw"))) == ["None", "acme"]


def test_a_moment_of_ones_choice_names_the_partition(fake: FakeAirflow, observing: Daemon) -> None:
    daemon = observing(fake, partition_source="data_interval_end")
    fake.set_run("etl", "r1", interval=(TODAY - 3 * DAY, TODAY - DAY))
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    assert keys(daemon, "raw") == ["2026-01-14"]


def test_a_moment_that_is_none_is_refused(fake: FakeAirflow) -> None:
    with pytest.raises(ValueError, match="partition_source is 'tomorrow'"):
        definitions(fake, partition_source="tomorrow")


def test_a_function_names_the_partition(fake: FakeAirflow, observing: Daemon) -> None:
    def by_id(run: DagRun, partitions: Partitions) -> str | None:
        assert partitions == DAILY
        return run.run_id if run.run_id.startswith("20") else None

    daemon = observing(fake, partition_key_fn=by_id)
    for run in ("2026-01-03", "2031-01-03", "other"):
        fake.set_run("etl", run, "running", interval=(TODAY, TODAY))
        fake.set_task("etl", run, "extract")

    daemon.tick()

    assert sorted(map(str, keys(daemon, "raw"))) == ["2026-01-03", "None", "None"]


def test_a_function_that_raises_sets_aside_its_event_alone_until_it_is_mended(
    fake: FakeAirflow, observing: Daemon, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = ["r1"]

    def named(run: DagRun, _: Partitions) -> str | None:
        return {"r2": "2026-01-03"}[run.run_id] if broken else "2026-01-04"

    daemon = observing(fake, partition_key_fn=named)
    for run in ("r1", "r2"):
        fake.set_run("etl", run, "running", interval=(TODAY, TODAY))
        fake.set_task("etl", run, "extract")

    daemon.tick()

    assert keys(daemon, "raw") == ["2026-01-03"]
    told = capfd.readouterr().err
    assert "raw: its partition for etl.r1 cannot be told, KeyError: 'r1'" in told
    assert "in named" in told  # the traceback leads to the function
    broken.clear()
    fake.now += timedelta(hours=2)
    daemon.tick()
    assert sorted(map(str, keys(daemon, "raw"))) == ["2026-01-03", "2026-01-04"]


def test_nothing_is_asked_for_assets_without_partitions(fake: FakeAirflow, observing: Daemon) -> None:
    daemon = observing(fake, None)
    fake.set_run("etl", "r1", interval=(TODAY - DAY, TODAY))
    fake.set_task("etl", "r1", "extract")

    assert "raw" in daemon.tick()
    assert asked_for_runs(fake) == 0


def test_runs_of_one_dag_are_asked_for_together_and_only_when_there_is_something_new(
    fake: FakeAirflow, observing: Daemon
) -> None:
    daemon = observing(fake)
    for hour in range(24):
        begin = TODAY - DAY + timedelta(hours=hour)
        fake.set_run(
            "etl", f"r{hour}", "running", interval=(begin, begin + timedelta(hours=1)), run_after=begin
        )
        fake.set_task("etl", f"r{hour}", "extract")

    daemon.tick()

    assert keys(daemon, "raw") == ["2026-01-14"] * 24
    assert asked_for_runs(fake) == 1
    daemon.tick()
    assert asked_for_runs(fake) == 1


def test_runs_that_are_due_at_once_are_asked_for_together(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    names = [f"dag{number}" for number in range(30)]
    for name in names:
        fake.add_dag(name, {"t": []})
        fake.set_run(name, "scheduled__1", "running", interval=(TODAY - DAY, TODAY), run_after=TODAY)
        fake.set_task(name, "scheduled__1", "t")
    assets = [
        asset
        for name in names
        for asset in assets_with_task_mappings(name, {"t": [dg.AssetSpec(name, partitions_def=DAILY)]})
    ]
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))
    daemon = SensorDaemon(defs, dagster_instance)

    assert len(daemon.tick()) == 30
    assert {key for name in names for key in keys(daemon, name)} == {"2026-01-14"}
    assert asked_for_runs(fake) == 1


def test_equal_runs_of_two_instances_keep_their_own_partitions(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    def assets(fake: FakeAirflow, name: str) -> SensorDaemon:
        airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), name)
        spec = dg.AssetSpec([name, "raw"], partitions_def=DAILY)
        mapped = assets_with_task_mappings("etl", {"extract": [spec]})
        defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=mapped))
        return SensorDaemon(defs, dagster_instance)

    with FakeAirflow(version=fake.version) as other:
        for one, day in ((fake, TODAY - DAY), (other, TODAY - 2 * DAY)):
            one.add_dag("etl", {"extract": []})
            one.set_run("etl", "r1", "running", interval=(day, day + DAY))
            one.set_task("etl", "r1", "extract")
        daemons = [assets(fake, "one"), assets(other, "two")]

        for daemon in daemons:
            daemon.tick()

    assert keys(daemons[0], "one/raw") == ["2026-01-14"]
    assert keys(daemons[1], "two/raw") == ["2026-01-13"]


def test_a_run_that_is_gone_leaves_its_event_without_a_partition(
    fake: FakeAirflow, observing: Daemon, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon = observing(fake)
    fake.set_run("etl", "r1", "running", interval=(TODAY - DAY, TODAY))
    fake.set_task("etl", "r1", "extract")
    del fake.runs["etl", "r1"]

    daemon.tick()

    assert keys(daemon, "raw") == [None]
    assert "raw of etl.r1: Airflow does not have the DAG run any more" in capfd.readouterr().err


def test_an_executable_asset_has_its_partitions_too(
    three: FakeAirflow, dagster_instance: dg.DagsterInstance
) -> None:
    @dg.asset(partitions_def=DAILY)
    def raw() -> None: ...

    airflow = AirflowInstance(AirflowBasicAuthBackend(three.url, "viewer", "viewer"), "prod")
    mapped = assets_with_task_mappings("etl", {"extract": [raw]})
    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=mapped))
    daemon = SensorDaemon(defs, dagster_instance)
    three.set_run("etl", "r1", "running", interval=(TODAY - DAY, TODAY))
    three.set_task("etl", "r1", "extract")

    daemon.tick()

    assert keys(daemon, "raw") == ["2026-01-14"]


class Results:
    """Knows how many rows a task wrote."""

    def events_of(
        self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[dg.AssetKey]
    ) -> Sequence[TaskEvent] | None:
        assert (airflow.name, len(instances)) == ("prod", 1)
        return [dg.AssetMaterialization(key, metadata={"rows": 5}) for key in keys]


def test_what_knows_more_of_a_task_need_not_know_of_partitions(fake: FakeAirflow, observing: Daemon) -> None:
    daemon = observing(fake, task_results=Results())
    fake.set_run("etl", "r1", "running", interval=(TODAY - DAY, TODAY))
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    (event,) = daemon.events("raw")
    assert (event.partition, event.metadata["rows"].value) == ("2026-01-14", 5)


def test_an_event_transformer_sees_the_partition(fake: FakeAirflow, observing: Daemon) -> None:
    seen: list[str | None] = []

    def transform(_: object, __: object, events: Sequence[TaskEvent]) -> Sequence[TaskEvent]:
        seen.extend(event.partition for event in events)
        return events

    daemon = observing(fake, event_transformer_fn=transform)
    fake.set_run("etl", "r1", "running", interval=(TODAY - DAY, TODAY))
    fake.set_task("etl", "r1", "extract")

    daemon.tick()

    assert seen == keys(daemon, "raw") == ["2026-01-14"]


def test_a_failure_is_observed_of_its_partition(fake: FakeAirflow, observing: Daemon) -> None:
    daemon = observing(fake)
    fake.set_run("etl", "r1", "failed", interval=(TODAY - DAY, TODAY))
    fake.set_task("etl", "r1", "extract", "failed")

    daemon.tick()

    assert [event.partition for event in daemon.observations("raw")] == ["2026-01-14"]
    assert [event.partition for event in daemon.observations("whole")] == ["2026-01-14"]
