from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core import DagHandle, TaskHandle
from dagster_airlift_core.handles import dagster_name


def test_handles_read_as_airflow_writes_them() -> None:
    assert str(DagHandle("etl")) == "etl"
    assert str(TaskHandle("etl", "grp.load")) == "etl.grp.load"


def test_a_name_that_dagster_accepts_stays() -> None:
    assert dagster_name("prod_1") == "prod_1"


@given(st.text(min_size=1, alphabet="ab_-. é"), st.text(min_size=1, alphabet="ab_-. é"))
def test_two_texts_never_get_one_name(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_]+", dagster_name(one))
    assert (dagster_name(one) == dagster_name(other)) == (one == other)


def test_a_name_that_looks_made_up_is_not_that_of_another_text() -> None:
    made = dagster_name("a.b")

    assert dagster_name(made) != made
