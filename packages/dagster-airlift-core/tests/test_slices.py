"""Airflow's rows change while they are read, on a server that has no order and cuts pages as it likes."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_airlift_core._dialect.port import UnknownPage
from dagster_airlift_core._dialect.slices import page_of
from dagster_airlift_core.model import BadRow, Page

SINCE = datetime(2026, 1, 15, tzinfo=UTC)


@dataclass
class Table:
    """Rows by name with their stamps; each look at them gives another order."""

    stamps: dict[str, int]
    cap: int
    changes: list[str]
    seed: int = 0
    looks: int = 0
    clock: int = 10**12

    def between(self, query: list[tuple[str, str]]) -> Page[str]:
        self.looks += 1
        asked = dict(query)
        begin = (datetime.fromisoformat(asked["updated_at_gte"]) - SINCE) // timedelta(microseconds=1)
        end = (
            (datetime.fromisoformat(asked["updated_at_lte"]) - SINCE) // timedelta(microseconds=1)
            if "updated_at_lte" in asked
            else 10**15
        )
        found = [name for name, stamp in self.stamps.items() if begin <= stamp <= end]
        if "offset" in asked or begin == end:
            found.sort()
        else:
            random.Random(self.seed + self.looks).shuffle(found)
        first = int(asked.get("offset", "0"))
        rows = tuple(found[first:][: min(int(asked["limit"]), self.cap)])
        if self.changes:
            changed = self.changes.pop()
            if changed in self.stamps:
                self.clock += 1
                self.stamps[changed] = self.clock
        return Page(rows, (), len(rows), None, len(found))


def read_all(table: Table, limit: int) -> list[str]:
    names: list[str] = []
    next_page: str | None = None
    while True:
        page = page_of(table.between, SINCE, next_page, limit=limit, name=str)
        names += page.rows
        next_page = page.next_page
        if next_page is None:
            return names


def token(stamp: int) -> str:
    return f"{(SINCE + timedelta(microseconds=stamp)).isoformat()}/0"


names = st.text("abcdef", min_size=1, max_size=3)


@given(
    stamps=st.dictionaries(names, st.sampled_from([0, 1, 2, 5_000_000, 3_600_000_001, 90_000_000_000])),
    cap=st.integers(1, 9),
    limit=st.integers(2, 9),
    changes=st.lists(names, max_size=6),
    seed=st.integers(0, 5),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_stands_still_is_read_although_other_rows_change(
    stamps: dict[str, int], cap: int, limit: int, changes: list[str], seed: int
) -> None:
    moved = set(changes)

    found = read_all(Table(dict(stamps), cap, list(changes), seed), limit)

    assert set(stamps) - moved <= set(found) <= set(stamps)


@given(stamps=st.dictionaries(names, st.integers(0, 10**11)), cap=st.integers(1, 9))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nothing_is_read_twice_when_nothing_changes(stamps: dict[str, int], cap: int) -> None:
    found = read_all(Table(stamps, cap, []), 5)

    assert sorted(found) == sorted(stamps)


def test_a_thousand_rows_of_one_instant_are_read_by_offsets() -> None:
    table = Table({f"{number:04}": 7 for number in range(1000)}, 100, [])

    assert len(set(read_all(table, 100))) == 1000
    assert table.looks < 80


def test_a_backlog_takes_few_more_questions_than_pages() -> None:
    """Its rows came in the last hour of two days, and the first questions do not know that."""
    table = Table(
        {f"{number:05}": 47 * 3_600_000_000 + number * 359_999 for number in range(10_000)}, 1000, []
    )

    assert len(read_all(table, 1000)) == 10_000
    assert table.looks < 35


def test_an_end_is_found_although_rows_that_were_counted_are_deleted() -> None:
    table = Table({f"{number:03}": number * 60_000_000 for number in range(600)}, 100, [])

    first = page_of(table.between, SINCE, None, limit=100, name=str)
    table.stamps = {name: stamp for name, stamp in table.stamps.items() if name < "300"}
    found, next_page = set(first.rows), first.next_page
    while next_page is not None:
        page = page_of(table.between, SINCE, next_page, limit=100, name=str)
        found, next_page = found | set(page.rows), page.next_page

    assert found == {f"{number:03}" for number in range(300)}
    assert table.looks < 40


def test_a_day_without_rows_takes_few_questions() -> None:
    table = Table({f"{number:03}": 86_400_000_000 * 10 + number for number in range(150)}, 100, [])

    assert len(read_all(table, 100)) == 150
    assert table.looks < 80


def test_rows_of_one_instant_that_never_stand_still_are_not_taken_for_read() -> None:
    table = Table({f"{number:04}": 7 for number in range(300)}, 2, [f"{n:04}" for n in range(299, -1, -1)])
    table.clock = 7

    def restless(query: list[tuple[str, str]]) -> Page[str]:
        page = table.between(query)
        return Page(page.rows, (), page.received, None, 1000)

    with pytest.raises(UnknownPage, match="change while they are read"):
        page_of(restless, SINCE, token(7), limit=2, name=str)


def test_an_unreadable_row_at_an_edge_does_not_stop_the_others() -> None:
    table = Table({f"{number:04}": 7 for number in range(6)}, 2, [])

    def with_a_bad_one(query: list[tuple[str, str]]) -> Page[str]:
        page = table.between(query)
        bad = tuple(BadRow(row, "unreadable") for row in page.rows if row == "0001")
        rows = tuple(row for row in page.rows if row != "0001")
        return Page(rows, bad, page.received, None, page.total)

    found = page_of(with_a_bad_one, SINCE, token(7), limit=2, name=str)

    assert {"0000", "0002", "0003", "0004", "0005"} <= set(found.rows)


@pytest.mark.parametrize(
    "garbage", ["", "garbage", "2026-01-15T00:00:00Z", "9999-12-31T00:00:00Z/x", f"2026-01-15/{'9' * 40}"]
)
def test_a_token_that_is_none_of_ours_is_refused(garbage: str) -> None:
    with pytest.raises(UnknownPage, match="no page begins at"):
        page_of(Table({}, 1, []).between, SINCE, garbage, limit=1, name=str)
