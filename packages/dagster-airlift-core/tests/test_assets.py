from __future__ import annotations

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core.assets import is_dagster_owner
from dagster_airlift_core.keys import tag_part


@pytest.mark.parametrize("text", ["core", "a.b-c_d", "x" * 63])
def test_what_may_stand_in_a_tag_stays(text: str) -> None:
    assert tag_part(text) == text


@given(st.text(min_size=1))
def test_every_text_gets_a_part_that_dagster_accepts(text: str) -> None:
    spec = dg.AssetSpec("a", tags={f"airflow/{tag_part(text)}": tag_part(text)})

    assert spec.tags


@pytest.mark.parametrize(
    ("owner", "accepted"),
    [("airflow", False), ("a@example.com", True), ("team:data", True), ("data-eng", False), ("team:", False)],
)
def test_only_owners_that_dagster_accepts_become_owners(owner: str, accepted: bool) -> None:  # noqa: FBT001
    assert is_dagster_owner(owner) is accepted
