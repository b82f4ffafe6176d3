from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowUnreachable,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core import history as history_module
from dagster_airlift_core.cursor import Cursor
from dagster_airlift_core.history import HistoryImport, Imported
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.partitions import Partitioning
from dagster_airlift_core.sensor import Observer
from dagster_airlift_core.testing import FakeAirflow, Reply, SensorDaemon

DAYS = 21
PER_DAY = 5
BUSY = Reply(503, {"detail": "busy"})
OLD = DAYS - 2
"""Days that are the import's, not the sensor's."""


class Killed(BaseException):
    pass


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param, page_cap=7) as fake:
        fake.add_dag("etl", {"load": []})
        end = fake.now
        fake.now -= timedelta(days=DAYS) - timedelta(hours=1)
        for number in range(DAYS * PER_DAY):
            run = f"r{number}"
            fake.set_run("etl", run, "running")
            fake.set_task("etl", run, "load", "failed" if number % PER_DAY == 4 else "success")
            fake.set_run("etl", run, "failed" if number % PER_DAY == 4 else "success")
            fake.now += timedelta(days=1) / PER_DAY
        fake.now = end
        yield fake


@pytest.fixture
def airflow(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")


@pytest.fixture
def defs(airflow: AirflowInstance) -> dg.Definitions:
    assets = assets_with_task_mappings("etl", {"load": [dg.AssetSpec("table")]})
    return build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))


def importing(
    defs: dg.Definitions, airflow: AirflowInstance, instance: dg.DagsterInstance, slept: list[float]
) -> HistoryImport:
    specs = defs.resolve_all_asset_specs()
    mapping = AssetMapping.of("prod", specs).with_dag_assets({"etl": dg.AssetKey(["prod", "dag", "etl"])})
    observer = Observer(airflow=airflow, mapping=mapping, specs=specs, partitioning=Partitioning())
    return HistoryImport(
        observer, instance, logging.getLogger("history"), 20, None, slept.append, lambda: 0.0
    )


def in_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_airlift_core.scan.NO_NEW_PAGE_AT", 10)
    monkeypatch.setattr("dagster_airlift_core._dialect.v1._MANY", 7)


def counts(daemon: SensorDaemon) -> list[int]:
    keys = ("table", "prod/dag/etl")
    return [*(len(daemon.events(key)) for key in keys), *(len(daemon.observations(key)) for key in keys)]


def test_three_weeks_are_imported_once_by_an_import_that_is_killed_in_the_middle(
    defs: dg.Definitions,
    airflow: AirflowInstance,
    dagster_instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_small_pages(monkeypatch)
    daemon = SensorDaemon(defs, dagster_instance)
    reported: list[object] = []
    report = dagster_instance.report_runless_asset_event

    def report_until_killed(event: dg.AssetMaterialization) -> None:
        reported.append(event)
        if len(reported) == 33:
            raise Killed
        report(event)

    monkeypatch.setattr(dagster_instance, "report_runless_asset_event", report_until_killed)
    with pytest.raises(Killed):
        importing(defs, airflow, dagster_instance, []).run(DAYS)
    monkeypatch.setattr(dagster_instance, "report_runless_asset_event", report)
    daemon.tick()

    done = importing(defs, airflow, dagster_instance, []).run(DAYS)
    while daemon.tick():
        pass

    assert done.scan is None
    assert counts(daemon) == [4 * DAYS, 4 * DAYS, DAYS, DAYS]
    ids = [event.metadata["Airflow Run ID"].value for event in daemon.events("table")]
    assert len(set(ids)) == len(ids)


def test_an_import_goes_on_where_the_last_one_stopped(
    defs: dg.Definitions,
    fake: FakeAirflow,
    airflow: AirflowInstance,
    dagster_instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_small_pages(monkeypatch)
    chunks = importing(defs, airflow, dagster_instance, [])
    states = iter_states(chunks)
    for _ in range(3):
        last = next(states)
    before = len(fake.requests)

    importing(defs, airflow, dagster_instance, []).run(DAYS)

    first = next(one for one in fake.requests[before:] if one.path.endswith("taskInstances"))
    assert last.scan is not None
    assert last.scan.page is not None
    assert last.scan.page.partition("/")[0] in str(first.query)


def iter_states(history: HistoryImport) -> Iterator[Imported]:
    done = history._begun(DAYS, restart=False)  # noqa: SLF001
    for done in history._chunks(done):  # noqa: B020, SLF001
        history._keep(done)  # noqa: SLF001
        yield done


def test_what_is_imported_is_imported_at_a_bounded_rate(
    defs: dg.Definitions, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    slept: list[float] = []

    done = importing(defs, airflow, dagster_instance, slept).run(DAYS)

    assert slept[0] == history_module.SETTLE_SECONDS
    assert sum(slept[1:]) == pytest.approx(done.events / 20)


def test_the_last_two_days_are_left_to_the_sensor(
    defs: dg.Definitions, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    daemon = SensorDaemon(defs, dagster_instance)

    importing(defs, airflow, dagster_instance, []).run(DAYS)

    assert counts(daemon) == [4 * OLD, 4 * OLD, OLD, OLD]
    assert importing(defs, airflow, dagster_instance, []).run(2).events == 0


def test_an_import_of_more_days_or_from_the_start_begins_anew_and_stores_nothing_twice(
    defs: dg.Definitions, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    daemon = SensorDaemon(defs, dagster_instance)
    importing(defs, airflow, dagster_instance, []).run(10)

    more = importing(defs, airflow, dagster_instance, []).run(DAYS)
    again = importing(defs, airflow, dagster_instance, []).run(DAYS, restart=True)

    assert counts(daemon) == [4 * OLD, 4 * OLD, OLD, OLD]
    assert more.events == 10 * (OLD - 8)
    assert again.events == 0


def test_an_outage_fails_the_import_and_the_next_one_goes_on(
    defs: dg.Definitions,
    fake: FakeAirflow,
    airflow: AirflowInstance,
    dagster_instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_small_pages(monkeypatch)
    states = iter_states(importing(defs, airflow, dagster_instance, []))
    next(states)
    fake.reply(*[BUSY] * 3, path="/taskInstances$")
    with pytest.raises(AirflowUnreachable):
        next(states)

    importing(defs, airflow, dagster_instance, []).run(DAYS)

    assert counts(SensorDaemon(defs, dagster_instance)) == [4 * OLD, 4 * OLD, OLD, OLD]


def test_the_job_of_the_definitions_imports(
    defs: dg.Definitions, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_module, "SETTLE_SECONDS", 0.0)
    config = {"days": DAYS, "events_per_second": 1e9}

    result = defs.resolve_job_def("prod__airflow_history").execute_in_process(
        instance=dagster_instance,
        run_config={"ops": {"prod__airflow_history_import": {"config": config}}},
    )

    assert result.success
    assert counts(SensorDaemon(defs, dagster_instance)) == [4 * OLD, 4 * OLD, OLD, OLD]


def test_what_was_kept_by_somebody_else_is_no_progress(
    defs: dg.Definitions, airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    key = dg.AssetKey(["prod", "instance"])
    foreign = {"dagster-airlift/history": dg.MetadataValue.json({"cursor": Cursor("other").to_json()})}
    dagster_instance.report_runless_asset_event(dg.AssetObservation(key, metadata=foreign))

    done = importing(defs, airflow, dagster_instance, []).run(DAYS)

    assert done.events == 10 * OLD
