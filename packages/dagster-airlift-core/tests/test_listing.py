from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core import AirflowPayloadError
from dagster_airlift_core._listing import whole
from dagster_airlift_core.model import BadRow, Page

AT_A_TIME = 3


def listed(ask: Callable[[int], Page[int]]) -> Page[int]:
    return whole(ask, "Airflow", "http://a", at_a_time=AT_A_TIME)


def page(rows: range, total: int | None) -> Page[int]:
    good = tuple(row for row in rows if row % 7)
    bad = tuple(BadRow(str(row), "unlucky") for row in rows if not row % 7)
    return Page(good, bad, len(rows), None, total)


@given(
    count=st.integers(0, 60),
    caps=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    told=st.one_of(st.none(), st.integers(0, 200)),
)
def test_each_row_is_listed_once_however_long_pages_are_and_whatever_total_is_told(
    count: int, caps: list[int], told: int | None
) -> None:
    def ask(offset: int) -> Page[int]:
        return page(range(count)[offset : offset + caps[offset % len(caps)]], told)

    found = listed(ask)

    assert found.rows == tuple(row for row in range(count) if row % 7)
    assert [int(bad.name) for bad in found.bad_rows] == list(range(0, count, 7))
    assert found.received == count


def test_pages_after_the_first_are_asked_for_at_the_same_time() -> None:
    together = threading.Barrier(AT_A_TIME, timeout=30)

    def ask(offset: int) -> Page[int]:
        if 0 < offset < 4 * 10:
            together.wait()
        return page(range(40)[offset : offset + 10], 40)

    assert listed(ask).received == 40


def test_a_total_that_is_a_lie_costs_no_more_than_so_many_questions() -> None:
    asked: list[int] = []

    def ask(offset: int) -> Page[int]:
        asked.append(offset)
        return page(range(1, 3)[offset : offset + 1], 10**12)

    assert listed(ask).rows == (1, 2)
    assert len(asked) < 300


def test_an_error_of_any_page_is_raised() -> None:
    def ask(offset: int) -> Page[int]:
        if offset == 20:
            raise TimeoutError
        return page(range(40)[offset : offset + 10], 40)

    with pytest.raises(TimeoutError):
        listed(ask)


def test_a_server_that_does_not_look_at_the_offset_is_found_out() -> None:
    with pytest.raises(AirflowPayloadError, match="Airflow at http://a gives the same rows again and again"):
        listed(lambda _: page(range(1, 3), None))
