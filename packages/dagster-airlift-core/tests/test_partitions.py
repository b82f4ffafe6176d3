"""Which partition a DAG run is for, against Dagster's own windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import dagster as dg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from time_windows import CRONS, HOURLY, WEEKS, Case, cases, timed

from dagster_airlift_core.model import DagRun
from dagster_airlift_core.partitions import PARTITION_SOURCES, PartitionSource, place

RUN = DagRun("etl", "r1", "success", None, None)
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DAILY = dg.DailyPartitionsDefinition("2026-01-01")
CASES = cases(
    "UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"
)


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with dg.partition_loading_context(effective_dt=NOW):
        yield


@cache
def windows(case: Case) -> list[tuple[float, float, str]]:
    definition = timed(case)
    with dg.partition_loading_context(effective_dt=NOW):
        found = [
            (definition.time_window_for_partition_key(key), key) for key in definition.get_partition_keys()
        ]
    return [(window.start.timestamp(), window.end.timestamp(), key) for window, key in found]


def moment_of(case: Case, quarters: int, seconds: int) -> datetime:
    return case.week + timedelta(minutes=15 * quarters, seconds=seconds)


@settings(max_examples=60, deadline=None)
@given(case=CASES, quarters=st.integers(-60 * 96, 60 * 96), seconds=st.sampled_from([0, 0, 1, -1]))
@example(HOURLY, 13 * 96 + 20, 0)  # 01:00 of the day that has it twice
@example(HOURLY, 13 * 96 + 24, 0)
def test_a_run_is_in_the_partition_whose_window_holds_the_start_of_its_interval(
    case: Case, quarters: int, seconds: int
) -> None:
    moment = moment_of(case, quarters, seconds)
    holding = [key for start, end, key in windows(case) if start <= moment.timestamp() < end]
    run = replace(RUN, data_interval_start=moment, data_interval_end=moment + DAY)

    placement = place(run, timed(case), "data_interval_start")

    assert placement.key == (holding[0] if holding else None)
    assert bool(placement.key) is not bool(placement.why_none)


@settings(max_examples=60, deadline=None)
@given(case=CASES, quarters=st.integers(-60 * 96, 60 * 96), seconds=st.sampled_from([0, 0, 1, -1]))
@example(HOURLY, 13 * 96 + 24, 0)
@example(Case("*/30 * * * *", "UTC", WEEKS[0]), 2882, 0)  # just after the last one
def test_a_run_without_an_interval_is_in_the_last_partition_that_has_ended(
    case: Case, quarters: int, seconds: int
) -> None:
    moment = moment_of(case, quarters, seconds)
    # A definition that ends has nothing to say about what would have come after it.
    ended = [key for _, end, key in windows(replace(case, is_closed=False)) if end <= moment.timestamp()][-1:]
    run = replace(RUN, data_interval_start=moment, data_interval_end=moment)

    placement = place(run, timed(case), "data_interval_start")

    assert placement.key == next((key for key in ended if key in {key for _, _, key in windows(case)}), None)


@pytest.mark.parametrize(
    ("cron", "at", "key"),
    [
        pytest.param("0 * * * *", "2025-11-02T05:00Z", "2025-11-02-01:00", id="the first hour of that name"),
        pytest.param("0 * * * *", "2025-11-02T06:00Z", "2025-11-02-01:00-0500", id="the second"),
        pytest.param(
            "0 * * * *", "2026-03-08T07:00Z", "2026-03-08-03:00", id="after the hour that there is not"
        ),
        pytest.param("0 0 * * *", "2026-03-09T03:59Z", "2026-03-08", id="a day of 23 hours"),
        pytest.param("0 0 * * *", "2025-11-03T04:59Z", "2025-11-02", id="a day of 25 hours"),
    ],
)
def test_keys_are_those_of_the_zone_of_the_partitions_when_its_clocks_change(
    cron: str, at: str, key: str
) -> None:
    start = datetime.fromisoformat(at)
    partitions = dg.TimeWindowPartitionsDefinition(
        start=datetime(2025, 1, 1, tzinfo=UTC),
        fmt=CRONS[cron],
        cron_schedule=cron,
        timezone="America/New_York",
    )

    placement = place(
        replace(RUN, data_interval_start=start, data_interval_end=start + DAY),
        partitions,
        "data_interval_start",
    )

    assert placement.key == key


@pytest.mark.parametrize("source", PARTITION_SOURCES)
def test_another_moment_of_the_run_may_decide(source: PartitionSource) -> None:
    moments = {name: datetime(2026, 2, day, 3, tzinfo=UTC) for day, name in enumerate(PARTITION_SOURCES, 1)}
    run = replace(RUN, **moments)

    assert place(run, DAILY, source).key == moments[source].date().isoformat()


@pytest.mark.parametrize("source", PARTITION_SOURCES)
def test_a_run_without_that_moment_is_in_the_partition_in_which_it_was_due(source: PartitionSource) -> None:
    assert place(replace(RUN, run_after=NOW - DAY), DAILY, source).key == "2026-06-14"
    nothing = place(RUN, DAILY, source)
    assert (
        nothing.why_none
        == "the DAG run has no data interval, no logical date and no time at which it was due"
    )


def test_a_partition_that_is_not_there_yet_is_none() -> None:
    placement = place(replace(RUN, run_after=NOW), DAILY, "data_interval_start")

    assert placement.key is None
    assert (
        placement.why_none == "it has no partition for the due time 2026-06-15T12:00:00+00:00 of the DAG run"
    )


def test_a_run_from_before_the_first_partition_is_in_none() -> None:
    early = datetime(2025, 12, 31, tzinfo=UTC)

    placement = place(
        replace(RUN, data_interval_start=early, data_interval_end=early + DAY), DAILY, "data_interval_start"
    )

    assert placement.why_none == (
        "it has no partition for the data interval start 2025-12-31T00:00:00+00:00 of the DAG run"
    )
    early += DAY
    placement = place(
        replace(RUN, data_interval_start=early, data_interval_end=early), DAILY, "data_interval_start"
    )
    assert placement.why_none == (
        "it has no partition that had just ended at 2026-01-01T00:00:00+00:00, when the DAG run was due"
    )


def test_airflows_own_partition_key_decides_where_it_is_one_of_the_assets() -> None:
    run = replace(RUN, data_interval_start=NOW, data_interval_end=NOW, partition_key="2026-02-03")

    assert place(run, DAILY, "data_interval_start").key == "2026-02-03"
    other = place(replace(run, partition_key="eu"), DAILY, "data_interval_start")
    assert (other.key, other.why_none) == (None, "it has no partition 'eu'")


def test_the_date_of_airflows_own_partition_decides_about_windows_of_time() -> None:
    run = replace(RUN, partition_key="2026-02-03T00", partition_date=datetime(2026, 2, 3, tzinfo=UTC))

    assert place(run, DAILY, "data_interval_start").key == "2026-02-03"


def test_partitions_that_are_not_of_time_go_by_airflows_partition_key_alone() -> None:
    static = dg.StaticPartitionsDefinition(["eu", "us"])
    dynamic = dg.DynamicPartitionsDefinition(name="regions")
    run = replace(RUN, data_interval_start=NOW, data_interval_end=NOW)

    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("regions", ["eu"])
        with dg.partition_loading_context(dynamic_partitions_store=instance):
            for partitions in (static, dynamic):
                assert place(replace(run, partition_key="eu"), partitions, "run_after").key == "eu"
                assert (
                    place(replace(run, partition_key="asia"), partitions, "run_after").why_none
                    == "it has no partition 'asia'"
                )
                assert place(run, partitions, "run_after").why_none == (
                    "its partitions are not windows of time, and the DAG run has no partition key"
                )


def test_a_key_of_several_dimensions_keeps_them_apart() -> None:
    both = dg.MultiPartitionsDefinition({"day": DAILY, "area": dg.StaticPartitionsDefinition(["eu", "us"])})

    placement = place(replace(RUN, partition_key="eu|2026-02-03"), both, "data_interval_start")

    assert isinstance(placement.key, dg.MultiPartitionKey)
    assert placement.key.keys_by_dimension == {"area": "eu", "day": "2026-02-03"}
    for key in ("eu", "2026-02-03|eu", "eu|2026-02-03|x"):
        assert place(replace(RUN, partition_key=key), both, "data_interval_start").key is None
