import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from airflow.providers.dagster import calls
from airflow.providers.dagster.asking_together import ask_together
from airflow.providers.dagster.assets import MappedAsset
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import InvalidPartition
from airflow.providers.dagster.partition_keys import PartitionCheck
from airflow.providers.dagster.partitions import Choice, choose_partition, partition_tags
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.testing import (
    FakeClock,
    FakeDagster,
    FakeDays,
    FakeDimensions,
    FakeKeys,
    FakePartitions,
)

DAY = datetime(2026, 3, 4, tzinfo=UTC)
YEAR = FakeDays("2026-01-01", 365)


@pytest.fixture
def check(client: DagsterClient, clock: FakeClock) -> PartitionCheck:
    return PartitionCheck(client, Patience(30.0, clock, logging.getLogger("test")))


@dataclass
class Run:
    """Airflow's DAG run, as far as the choice of a partition goes."""

    run_after: datetime


def choose(context: dict[str, Any], key: str | None = None, source: str = "data_interval_start") -> Choice:
    return choose_partition(context, partition_key=key, source=source)


def at(*date: int) -> Choice:
    return choose({"data_interval_start": datetime(*date, tzinfo=UTC)})  # pyright: ignore[reportArgumentType]


def tags(
    dagster: FakeDagster, check: PartitionCheck, choice: Choice, *partitions: FakePartitions | None
) -> dict[str, str]:
    for number, each in enumerate(partitions):
        dagster.add_asset(f"a{number}", partitions=each)
    assets: tuple[MappedAsset, ...] = ask_together(
        check.dagster, check.patience, partial(calls.assets, dagster.assets.nodes), choice.question
    )
    return dict(partition_tags(assets, choice, check))


def operations(dagster: FakeDagster) -> list[str]:
    return [request.operation for request in dagster.requests]


@pytest.mark.parametrize(
    ("context", "arguments", "expected"),
    [
        pytest.param(
            {"partition_key": "af", "data_interval_start": DAY}, {"key": "x"}, ("x", None), id="given"
        ),
        pytest.param(
            {"partition_key": "af", "data_interval_start": DAY}, {}, ("af", None), id="Airflow's own"
        ),
        pytest.param(
            {"partition_key": "af", "partition_date": DAY}, {}, ("af", DAY), id="Airflow's own, with a date"
        ),
        pytest.param({"partition_key": None, "data_interval_start": DAY}, {}, ("", DAY), id="data interval"),
        pytest.param({"logical_date": DAY}, {"source": "logical_date"}, ("", DAY), id="logical date"),
        pytest.param({"dag_run": Run(DAY)}, {"source": "run_after"}, ("", DAY), id="run after"),
        pytest.param({"dag_run": Run(DAY)}, {}, ("", None), id="nothing"),
    ],
)
def test_the_given_key_wins_then_airflows_own_then_the_moment(
    context: dict[str, Any], arguments: dict[str, str], expected: tuple[str, datetime | None]
) -> None:
    choice = choose(context, **arguments)

    key, moment = expected
    assert (choice.key, choice.moment) == (key, int(moment.timestamp()) if moment else None)


def test_a_source_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="Choose one of 'data_interval_start'"):
        choose({}, source="ds")


def test_assets_without_partitions_need_none(dagster: FakeDagster, check: PartitionCheck) -> None:
    assert tags(dagster, check, choose({}), None) == {}


@pytest.mark.parametrize(
    "moment", [(2026, 1, 1), (2026, 3, 4), (2026, 3, 4, 13, 30), (2026, 12, 31, 23, 59, 59)]
)
def test_the_partition_is_the_window_that_holds_the_moment(
    dagster: FakeDagster, check: PartitionCheck, moment: tuple[int, ...]
) -> None:
    expected = datetime(*moment, tzinfo=UTC).strftime("%Y-%m-%d")  # pyright: ignore[reportArgumentType]

    assert tags(dagster, check, at(*moment), YEAR, None, YEAR) == {"dagster/partition": expected}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        pytest.param(DAY, DAY, "2026-03-03", id="a moment on an edge"),
        pytest.param(DAY.replace(hour=6), DAY.replace(hour=6), "2026-03-03", id="a moment within a window"),
        pytest.param(DAY, DAY.replace(day=5), "2026-03-04", id="an interval"),
    ],
)
def test_a_run_for_a_moment_is_for_the_window_that_has_just_ended_and_one_with_an_interval_for_that(
    dagster: FakeDagster, check: PartitionCheck, start: datetime, end: datetime, expected: str
) -> None:
    choice = choose({"data_interval_start": start, "data_interval_end": end})

    assert tags(dagster, check, choice, YEAR) == {"dagster/partition": expected}


@pytest.mark.parametrize("source", ["data_interval_end", "logical_date"])
def test_another_source_means_the_window_that_holds_its_moment(
    dagster: FakeDagster, check: PartitionCheck, source: str
) -> None:
    context = {"data_interval_start": DAY, "data_interval_end": DAY, "logical_date": DAY}

    assert tags(dagster, check, choose(context, source=source), YEAR) == {"dagster/partition": "2026-03-04"}


@pytest.mark.parametrize(("day", "near"), [((2026, 1, 1), "2026-01-01"), ((2027, 1, 2), "2026-12-31")])
def test_where_no_window_has_just_ended_the_nearest_are_named(
    dagster: FakeDagster, check: PartitionCheck, day: tuple[int, int, int], near: str
) -> None:
    moment = datetime(*day, tzinfo=UTC)
    choice = choose({"data_interval_start": moment, "data_interval_end": moment})

    with pytest.raises(
        InvalidPartition, match=rf"has no partition that has just ended .*The nearest: {near}"
    ):
        tags(dagster, check, choice, YEAR)


@pytest.mark.parametrize(
    ("choice", "partitions"),
    [
        pytest.param(at(2026, 3, 4), FakeDays("2010-01-01", 8000), id="start of a window"),
        pytest.param(at(2026, 3, 4, 5), FakeDays("2010-01-01", 8000), id="within a window"),
        pytest.param(at(2026, 3, 4, 5), FakeDays("2026-03-04", 8000), id="first window"),
        pytest.param(at(2026, 3, 4, 5), FakeDays("2026-03-01", 4), id="last window"),
        pytest.param(choose({}, "2026-03-04"), FakeDays("2010-01-01", 8000), id="given"),
        pytest.param(choose({}, "2026-03-04"), FakeDays("2026-03-01", 4), id="given, last window"),
        pytest.param(choose({}, "2026-03-04"), FakeDays("2026-03-01", 40), id="given, neither in the last"),
        pytest.param(choose({}, "k5000"), FakeKeys([f"k{n}" for n in range(8000)]), id="static"),
        pytest.param(choose({}, "k9"), FakeKeys([f"k{n}" for n in range(10)], "DYNAMIC"), id="dynamic"),
    ],
)
def test_the_answer_that_has_the_asset_nearly_always_decides_the_partition(
    dagster: FakeDagster, check: PartitionCheck, choice: Choice, partitions: FakePartitions
) -> None:
    assert tags(dagster, check, choice, partitions)
    assert operations(dagster) == ["AirflowMappedAssets"]
    assert dagster.bytes_sent < 3_000


def test_a_partition_is_asked_for_afterwards_where_it_was_not_with_the_asset(
    dagster: FakeDagster, check: PartitionCheck
) -> None:
    dagster.add_asset("daily", partitions=FakeDays("2010-01-01", 8000))
    assets = check.dagster.ask(calls.assets([("daily",)]))

    assert partition_tags(assets, at(2026, 3, 4, 5), check) == {"dagster/partition": "2026-03-04"}
    assert operations(dagster) == ["AirflowMappedAssets", "AirflowPartitionAt", "AirflowPartitionKeys"]


@pytest.mark.parametrize(
    "partitions",
    [FakeKeys(["2026-03-04", "x"]), FakeDimensions({"day": ["1"], "region": ["eu"]})],
    ids=["static", "dimensions"],
)
def test_a_kind_that_cannot_be_asked_for_a_moment_costs_another_call_and_no_patience(
    dagster: FakeDagster, check: PartitionCheck, clock: FakeClock, partitions: FakePartitions
) -> None:
    with pytest.raises(InvalidPartition, match="give a `partition_key`"):
        tags(dagster, check, at(2026, 3, 4), partitions, YEAR)

    assert operations(dagster) == ["AirflowMappedAssets", "AirflowMappedAssets"]
    assert clock.slept == []


@pytest.mark.parametrize(
    ("moment", "near"),
    [((2025, 12, 31), "2026-01-01"), ((2027, 1, 1), "2026-12-31, 2026-12-30")],
    ids=["before the first", "after the last"],
)
def test_a_moment_outside_of_the_partitions_is_an_error_with_the_nearest(
    dagster: FakeDagster, check: PartitionCheck, moment: tuple[int, ...], near: str
) -> None:
    with pytest.raises(InvalidPartition) as caught:
        tags(dagster, check, at(*moment), YEAR)

    when = datetime(*moment, tzinfo=UTC).isoformat()  # pyright: ignore[reportArgumentType]
    assert str(caught.value) == (
        f"Dagster's asset a0 has no partition for data_interval_start {when}. The nearest: {near}."
    )


def test_an_asset_without_any_partition_yet_says_so(dagster: FakeDagster, check: PartitionCheck) -> None:
    with pytest.raises(InvalidPartition, match="It has no partition yet"):
        tags(dagster, check, at(2026, 1, 1), FakeDays("2026-01-01", 0))


@pytest.mark.parametrize(
    ("partitions", "key"),
    [
        pytest.param(YEAR, "2026-03-04", id="day"),
        pytest.param(YEAR, "2026-12-31", id="last day"),
        pytest.param(FakeKeys(["eu", "us"]), "us", id="static"),
        pytest.param(FakeKeys(["2026-03-03", "2026-03-04"]), "2026-03-04", id="static, like a day"),
        pytest.param(FakeKeys([f"k{n}" for n in range(3000)]), "k2999", id="the last of many static ones"),
        pytest.param(FakeKeys([f"k{n}" for n in range(3000)], "DYNAMIC"), "k2999", id="dynamic, third page"),
    ],
)
def test_a_given_key_is_looked_up(
    dagster: FakeDagster, check: PartitionCheck, partitions: FakePartitions, key: str
) -> None:
    assert tags(dagster, check, choose({}, key), partitions) == {"dagster/partition": key}


@pytest.mark.parametrize(
    ("partitions", "key", "near"),
    [
        pytest.param(YEAR, "2025-03-04", "2026-01-01", id="day"),
        pytest.param(YEAR, "4 March", "2026-12-31", id="not a day"),
        pytest.param(FakeDays("2026-03-01", 3), "2026-03-04", "2026-03-03", id="after the last"),
        pytest.param(FakeKeys([f"k{n}" for n in range(30)]), "2026-03-04", "k0", id="static, like a day"),
        pytest.param(FakeKeys(["eu", "us"]), "uss", "us", id="static"),
        pytest.param(FakeKeys([f"k{n}" for n in range(3000)]), "k3000", "k300", id="many static"),
        pytest.param(FakeKeys(["a"], "DYNAMIC"), "b", "a", id="dynamic"),
        pytest.param(
            FakeDimensions({"day": ["1"], "region": ["eu"]}), "1", r"form day\|region", id="one of two"
        ),
        pytest.param(FakeDimensions({"day": ["1"], "region": ["eu"]}), "1|us", "eu", id="dimension"),
    ],
)
def test_a_key_that_dagster_does_not_have_is_an_error_with_the_nearest(
    dagster: FakeDagster, check: PartitionCheck, partitions: FakePartitions, key: str, near: str
) -> None:
    with pytest.raises(InvalidPartition, match=rf"asset a0 has no partition '.*The nearest: .*{near}"):
        tags(dagster, check, choose({}, key), partitions)


def test_a_key_of_several_dimensions_is_tagged_with_each(dagster: FakeDagster, check: PartitionCheck) -> None:
    partitions = FakeDimensions({"day": ["2026-01-01"], "region": ["eu", "us"]})

    assert tags(dagster, check, choose({}, "2026-01-01|us"), partitions) == {
        "dagster/partition": "2026-01-01|us",
        "dagster/partition/day": "2026-01-01",
        "dagster/partition/region": "us",
    }


@pytest.mark.parametrize(
    ("partitions", "remedy"),
    [(YEAR, 'partition_source="run_after"'), (FakeKeys(["eu"]), "give a `partition_key`")],
    ids=["time", "static"],
)
def test_a_run_that_names_no_partition_is_an_error_with_the_remedy(
    dagster: FakeDagster, check: PartitionCheck, partitions: FakePartitions, remedy: str
) -> None:
    with pytest.raises(InvalidPartition, match=remedy):
        tags(dagster, check, choose({}), partitions)


def test_assets_with_different_partitions_are_not_one_run(
    dagster: FakeDagster, check: PartitionCheck
) -> None:
    choice = choose({"partition_key": "eu", "partition_date": DAY})

    with pytest.raises(InvalidPartition, match=r"a0 '2026-03-04', a1 'eu'\. Map them to different tasks"):
        tags(dagster, check, choice, YEAR, FakeKeys(["eu"]))
