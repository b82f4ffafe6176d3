from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core._dialect import Links
from dagster_airlift_core.events import dag_success, mapped_task_success, task_success
from dagster_airlift_core.model import DagRun, TaskInstance

LINKS = Links("https://airflow.example.com")
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
RUN = DagRun("etl", "r1", "success", NOON, NOON + timedelta(minutes=1))
ONE = TaskInstance("u1", "etl", "r1", "load", -1, "success", 1, 0, "BashOperator", NOON, NOON)
MAPPED = [replace(ONE, id=f"u{index}", map_index=index) for index in range(3)]


def test_the_identity_of_a_task_instance_is_its_id_and_its_airflow_instance() -> None:
    event_id = task_success("prod", LINKS, ONE).event_id

    assert task_success("prod", LINKS, replace(ONE, ended_at=None, try_number=9)).event_id == event_id
    assert task_success("test", LINKS, ONE).event_id != event_id
    assert task_success("prod", LINKS, replace(ONE, id="u2")).event_id != event_id


def test_the_identity_of_a_run_that_ends_again_is_another_one() -> None:
    event_id = dag_success("prod", LINKS, RUN).event_id

    assert dag_success("prod", LINKS, replace(RUN, ended_at=NOON)).event_id != event_id
    assert dag_success("prod", LINKS, replace(RUN, ended_at=None)).event_id != event_id
    assert dag_success("prod", LINKS, replace(RUN, dag_id="other")).event_id != event_id


@given(st.permutations(MAPPED))
def test_the_identity_of_a_mapped_task_does_not_depend_on_the_order(instances: list[TaskInstance]) -> None:
    success = mapped_task_success("prod", LINKS, instances)

    assert success
    assert success == mapped_task_success("prod", LINKS, MAPPED)
    assert len(success.launch_keys) == 3


@pytest.mark.parametrize("state", ["failed", "running", None, "upstream_failed"])
def test_a_mapped_task_needs_all_its_instances(state: str | None) -> None:
    assert mapped_task_success("prod", LINKS, [*MAPPED, replace(ONE, id="u9", state=state)]) is None


def test_a_mapped_task_needs_one_instance_that_succeeded() -> None:
    assert mapped_task_success("prod", LINKS, [replace(one, state="skipped") for one in MAPPED]) is None
    assert mapped_task_success("prod", LINKS, []) is None


def test_an_event_id_fits_the_index_and_is_the_data_version() -> None:
    success = dag_success("prod", LINKS, RUN)

    event = success.materialization(dg.AssetKey("a"))

    assert event.tags == {
        "dagster/data_version": success.event_id,
        "dagster/data_version_is_user_provided": "true",
    }
    assert len(success.event_id) <= 64
