"""Which partition a moment is in, by the provider's few questions, against Dagster's own windows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import (  # noqa: TID251 - what Dagster's GraphQL server gives it
    PartitionLoadingContext,
    TemporalContext,
)
from dagster_shared.serdes.errors import DeserializationError
from hypothesis import example, given, settings
from hypothesis import strategies as st
from time_windows import HOURLY, WEEKS, Case, cases, timed

from airflow.providers.dagster import calls
from airflow.providers.dagster.asking_together import ask_together
from airflow.providers.dagster.assets import MappedAsset
from airflow.providers.dagster.client import DagsterAddress, DagsterClient
from airflow.providers.dagster.exceptions import InvalidPartition
from airflow.providers.dagster.partition_keys import PartitionCheck
from airflow.providers.dagster.partition_questions import NO_PARTITION, PartitionQuestion
from airflow.providers.dagster.partitions import PARTITION_SOURCES, choose_partition, partition_tags
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.testing import FakeClock, FakeDagster
from dagster_airlift_core import partitions as observed
from dagster_airlift_core.model import DagRun

CASES = cases(
    *("UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"),
    *("Asia/Kolkata", "Pacific/Apia", "America/Santiago"),
)


@dataclass(frozen=True)
class RealPartitions:
    """The fake Dagster's partitions, answered by Dagster's own definition."""

    own: dg.PartitionsDefinition[str]

    @property
    def definition(self) -> dict[str, Any]:
        timed = isinstance(self.own, dg.TimeWindowPartitionsDefinition)
        return {
            "type": "TIME_WINDOW" if timed else "STATIC",
            "fmt": getattr(self.own, "fmt", None),
            "dimensionTypes": [{"name": "default"}],
        }

    @property
    def dimensions(self) -> list[dict[str, Any]]:
        return [{"name": "default", "partitionKeys": list(self.own.get_partition_keys())}]

    def page(self, limit: int, *, ascending: bool, cursor: str | None) -> dict[str, Any]:
        try:
            found = self.own.get_paginated_partition_keys(_now(), limit, ascending, cursor)
        except DeserializationError as error:
            raise ValueError(cursor) from error
        return {"results": list(found.results), "cursor": found.cursor, "hasMore": found.has_more}


def _now() -> PartitionLoadingContext:
    moment = TemporalContext(effective_dt=datetime.now(UTC), last_event_id=None)
    return PartitionLoadingContext(temporal_context=moment, dynamic_partitions_store=None)


@pytest.fixture(scope="module")
def dagster() -> Iterator[FakeDagster]:
    with FakeDagster() as fake:
        yield fake


@pytest.fixture(scope="module")
def check(dagster: FakeDagster) -> Iterator[PartitionCheck]:
    client = DagsterClient(DagsterAddress(url=dagster.url, conn_id="d"))
    yield PartitionCheck(client, Patience(30.0, FakeClock(), logging.getLogger("partitions")))
    client.close()


@cache
def windows(case: Case) -> list[tuple[float, float, str]]:
    definition = timed(case)
    found = ((definition.time_window_for_partition_key(key), key) for key in definition.get_partition_keys())
    return [(window.start.timestamp(), window.end.timestamp(), key) for window, key in found]


def ask_for(check: PartitionCheck, name: str, question: PartitionQuestion) -> MappedAsset:
    return ask_together(check.dagster, check.patience, partial(calls.assets, [(name,)]), question)[0]


def ask(
    dagster: FakeDagster, check: PartitionCheck, case: Case, moment: int, question: PartitionQuestion
) -> str | None:
    dagster.add_asset("daily", partitions=RealPartitions(timed(case)))
    asset = ask_for(check, "daily", question)
    try:
        return check.keys_at([asset], moment, "data_interval_start")[asset.key]
    except InvalidPartition:
        return None


@settings(max_examples=100, deadline=None)
@given(case=CASES, quarters=st.integers(-60 * 96, 60 * 96), seconds=st.sampled_from([0, 0, 1, -1]))
@example(HOURLY, 13 * 96 + 20, 0)  # 01:00 of the day that has it twice
@example(HOURLY, 13 * 96 + 24, 0)
def test_a_moment_is_in_the_partition_whose_window_holds_it(
    dagster: FakeDagster, check: PartitionCheck, case: Case, quarters: int, seconds: int
) -> None:
    moment = int(case.week.timestamp()) + quarters * 900 + seconds
    holding = [key for start, end, key in windows(case) if start <= moment < end]

    # Asked for with the asset, and afterwards.
    for question in (PartitionQuestion(moment), NO_PARTITION):
        assert ask(dagster, check, case, moment, question) == (holding[0] if holding else None)


@settings(max_examples=40, deadline=None)
@given(case=CASES, quarters=st.integers(-60 * 96, 60 * 96), seconds=st.sampled_from([0, 0, 1, -1]))
@example(HOURLY, 13 * 96 + 24, 0)
@example(Case("*/30 * * * *", "UTC", WEEKS[0]), 2882, 0)  # just after the last one
def test_at_a_moment_without_an_interval_the_partition_is_the_last_that_has_ended(
    dagster: FakeDagster, check: PartitionCheck, case: Case, quarters: int, seconds: int
) -> None:
    moment = int(case.week.timestamp()) + quarters * 900 + seconds
    # A definition that ends has nothing to say about what would have come after it.
    ended = [key for _, end, key in windows(replace(case, is_closed=False)) if end <= moment][-1:]
    expected = next((key for key in ended if key in {key for _, _, key in windows(case)}), None)

    dagster.add_asset("daily", partitions=RealPartitions(timed(case)))
    for question in (PartitionQuestion(moment), NO_PARTITION):
        asset = ask_for(check, "daily", question)
        try:
            found = check.keys_ended_at([asset], moment, "data_interval_start")[asset.key]
        except InvalidPartition:
            found = None
        assert found == expected


@settings(max_examples=30, deadline=None)
@given(case=CASES, place=st.floats(0, 0.999))
def test_every_key_that_dagster_has_is_found_and_no_other(
    dagster: FakeDagster, check: PartitionCheck, case: Case, place: float
) -> None:
    keys = timed(case).get_partition_keys()
    key = keys[int(place * len(keys))]
    dagster.add_asset("daily", partitions=RealPartitions(timed(case)))

    # Asked for with the asset, and afterwards.
    for question in (PartitionQuestion(key=key), NO_PARTITION):
        assert check.given([ask_for(check, "daily", question)], key) == {("daily",): key}
    for other in (f"{key}x", "1999-01-01", "1999-01-01-00:00", "2031-01"):
        for question in (PartitionQuestion(key=other), NO_PARTITION):
            with pytest.raises(InvalidPartition):
                check.given([ask_for(check, "daily", question)], other)


@pytest.mark.parametrize("count", [1, 2, 1000, 1001, 4000])
def test_every_static_key_is_found_and_no_other(
    dagster: FakeDagster, check: PartitionCheck, count: int
) -> None:
    keys = [f"k{number}" for number in range(count)]
    dagster.add_asset("static", partitions=RealPartitions(dg.StaticPartitionsDefinition(keys)))

    for key in {keys[0], keys[-1], keys[count // 2]}:
        for question in (PartitionQuestion(key=key), NO_PARTITION):
            asset = ask_for(check, "static", question)
            assert check.given([asset], key) == {asset.key: key}
    for question in (PartitionQuestion(key="k"), NO_PARTITION):
        asset = ask_for(check, "static", question)
        with pytest.raises(InvalidPartition, match="has no partition 'k'"):
            check.given([asset], "k")


RUNS = st.fixed_dictionaries(
    {
        "hours": st.sampled_from([None, 0, 0, 1, 24, 168]),
        "due_after": st.sampled_from([0, 0, 3600, 90000]),
        "partition_key": st.sampled_from([None, None, None, "2026-03-01", "2026-03-01-00:00", "eu"]),
        "has_date": st.booleans(),
    }
)


def run_at(at: datetime, facts: dict[str, Any]) -> DagRun:
    interval = None if facts["hours"] is None else (at, at + timedelta(hours=facts["hours"]))
    return DagRun(
        *("etl", "r1", "success", None, None),
        logical_date=at if interval else None,
        data_interval_start=interval[0] if interval else None,
        data_interval_end=interval[1] if interval else None,
        run_after=at + timedelta(seconds=facts["due_after"]),
        partition_key=facts["partition_key"],
        partition_date=at if facts["partition_key"] and facts["has_date"] else None,
    )


def context_of(run: DagRun) -> dict[str, Any]:
    """Return what Airflow gives to a task of the run: what the run does not have is not in it."""
    names = ("logical_date", "data_interval_start", "data_interval_end", "partition_key", "partition_date")
    return {"dag_run": run} | {name: getattr(run, name) for name in names if getattr(run, name) is not None}


@settings(max_examples=150, deadline=None)
@given(
    case=CASES,
    quarters=st.integers(-60 * 96, 60 * 96),
    seconds=st.sampled_from([0, 0, 1, -1]),
    facts=RUNS,
    source=st.sampled_from(PARTITION_SOURCES),
)
@example(
    HOURLY,
    13 * 96 + 24,
    0,
    {"hours": 0, "due_after": 0, "partition_key": None, "has_date": False},
    "run_after",
)
def test_a_proxied_task_and_an_observed_one_of_one_run_have_the_same_partition(
    dagster: FakeDagster,
    check: PartitionCheck,
    case: Case,
    quarters: int,
    seconds: int,
    facts: dict[str, Any],
    source: observed.PartitionSource,
) -> None:
    run = run_at(case.week + timedelta(minutes=15 * quarters, seconds=seconds), facts)
    choice = choose_partition(context_of(run), partition_key=None, source=source)
    dagster.add_asset("daily", partitions=RealPartitions(timed(case)))
    asset = ask_for(check, "daily", choice.question)

    placement = observed.place(run, timed(case), source)

    if (
        choice.moment is None and not choice.key
    ):  # such a task fails on the Airflow side, and asks for `run_after`
        choice = choose_partition(context_of(run), partition_key=None, source="run_after")
        asset = ask_for(check, "daily", choice.question)
    try:
        key = partition_tags([asset], choice, check)["dagster/partition"]
    except InvalidPartition:
        key = None
    assert placement.key == key


def test_both_sides_know_the_same_moments_of_a_run() -> None:
    assert observed.PARTITION_SOURCES == PARTITION_SOURCES
