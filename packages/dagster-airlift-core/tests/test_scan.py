from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import AirflowInstance, TaskHandle
from dagster_airlift_core.cursor import Cursor
from dagster_airlift_core.event_log import DagRunId, Identity
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.observed import Observed
from dagster_airlift_core.scan import Tick
from dagster_airlift_core.testing import FakeAirflow

KEY = dg.AssetKey("raw")
LOG = logging.getLogger(__name__)


class Seconds:
    """A clock that moves by so much whenever it is read."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.now = 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


class Events:
    """An event log that lives as long as a test."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.awaited_keys: frozenset[dg.AssetKey] = frozenset()

    def stored(self, wanted: Collection[Identity]) -> frozenset[Identity]:
        return frozenset((key, event_id) for key, event_id in wanted if event_id in self.ids)

    def ran(self, *_: object, failed: bool) -> Mapping[DagRunId, Mapping[dg.AssetKey, float]]:
        assert not failed
        return {}

    def latest(self, _: object) -> Mapping[dg.AssetCheckKey, dg.AssetCheckEvaluation]:
        return {}

    def awaited(self, _: str) -> frozenset[dg.AssetKey]:
        return self.awaited_keys

    def launched(self, _: Collection[str], *, failed: bool) -> frozenset[str]:
        assert not failed
        return frozenset()


@pytest.fixture
def observe(airflow: AirflowInstance) -> Callable[[Cursor, float], Observed]:
    mapping = AssetMapping({TaskHandle("etl", "extract"): (KEY,)}, {})
    events = Events()

    def observe(cursor: Cursor, step: float) -> Observed:
        observed = Tick(airflow, mapping, {KEY: 0}, events, LOG, clock=Seconds(step)).observe(cursor)
        events.ids += [
            event.tags["dagster/data_version"]
            for event in observed.events
            if isinstance(event, dg.AssetMaterialization)
        ]
        return observed

    return observe


def test_no_page_is_begun_after_ten_seconds_and_progress_is_kept(
    fake: FakeAirflow, observe: Callable[[Cursor, float], Observed]
) -> None:
    fake.page_cap = 1
    for number in range(3):
        fake.set_task("etl", f"r{number}", "extract")

    observed = observe(Cursor("prod"), 2.5)

    assert len(observed.events) == 2
    assert observed.cursor.recent
    assert observed.cursor.recent.page
    assert observed.cursor.watermark is None
    assert "still reading what changed since 2026-01-13 12:00:00Z" in observed.summary


def test_a_slow_tick_deals_with_one_row_and_the_next_one_goes_on_after_it(
    fake: FakeAirflow, observe: Callable[[Cursor, float], Observed]
) -> None:
    for number in range(3):
        fake.set_task("etl", f"r{number}", "extract")

    cursor, counts = Cursor("prod"), []
    for _ in range(3):
        observed = observe(cursor, 12.0)
        counts.append(len(observed.events))
        cursor = observed.cursor

    assert counts == [1, 1, 1]


def test_the_watermark_is_no_later_than_the_first_question_however_long_its_answer_takes(
    fake: FakeAirflow, observe: Callable[[Cursor, float], Observed]
) -> None:
    cursor = observe(Cursor("prod"), 0.0).cursor
    fake.now += timedelta(minutes=1)

    observed = observe(cursor, 1.5)

    assert observed.cursor.watermark == fake.now - timedelta(seconds=1.5)


def test_both_passes_end_although_each_takes_many_ticks(
    fake: FakeAirflow, observe: Callable[[Cursor, float], Observed]
) -> None:
    fake.page_cap = 1
    for number in range(5):
        fake.set_task("etl", f"r{number}", "extract")

    cursor, found = Cursor("prod"), 0
    for _ in range(40):
        observed = observe(Cursor.from_json(cursor.to_json(), "prod"), 4.0)
        found += len(observed.events)
        cursor = observed.cursor

    assert found == 5
    assert (cursor.watermark, cursor.swept_at) == (fake.now, fake.now)


def test_an_unreadable_instance_of_a_mapped_task_sets_the_task_aside(
    fake: FakeAirflow, observe: Callable[[Cursor, float], Observed], caplog: pytest.LogCaptureFixture
) -> None:
    for index in range(2):
        fake.set_task("etl", "r1", "extract", map_index=index)
    fake.task_instances["etl", "r1", "extract", 1].payload["id"] = "~"
    fake.task_instances["etl", "r1", "extract", 1].payload["max_tries"] = "many"

    with caplog.at_level(logging.WARNING):
        assert not observe(Cursor("prod"), 0.0).events

    assert "etl.r1.extract: 1 unreadable" in caplog.text


def test_a_mapped_task_that_does_not_fit_in_a_tick_goes_on_in_the_next(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    keys = tuple(dg.AssetKey(f"a{number}") for number in range(1200))
    mapping = AssetMapping({TaskHandle("etl", "extract"): keys}, {})
    fake.set_task("etl", "r1", "extract", map_index=0)

    observed = Tick(airflow, mapping, {}, Events(), LOG, clock=Seconds(0.0)).observe(Cursor("prod"))

    assert len(observed.events) == 1000
    assert observed.cursor.recent
    assert observed.cursor.recent.after is None


class Both:
    """Tells of the key and of another one, whatever it is asked for."""

    def events_of(self, *_: object) -> list[dg.AssetMaterialization]:
        return [dg.AssetMaterialization(KEY), dg.AssetMaterialization("other")]


def test_what_a_dagster_run_will_record_is_not_told_by_results_either(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    other = dg.AssetKey("other")
    mapping = AssetMapping({TaskHandle("etl", "extract"): (KEY, other)}, {})
    events = Events()
    events.awaited_keys = frozenset({KEY})
    fake.set_task("etl", "r1", "extract")

    tick = Tick(airflow, mapping, {KEY: 0, other: 1}, events, LOG, results=Both())

    assert [event.asset_key for event in tick.observe(Cursor("prod")).events] == [other]
