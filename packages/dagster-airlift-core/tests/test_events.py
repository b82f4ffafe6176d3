from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core._dialect import Links
from dagster_airlift_core.events import Ended, dag_run_ended, mapped_task_ended, task_ended
from dagster_airlift_core.model import DagRun, TaskInstance

LINKS = Links("https://airflow.example.com")
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
RUN = DagRun("etl", "r1", "success", NOON, NOON + timedelta(minutes=1))
ONE = TaskInstance("u1", "etl", "r1", "load", -1, "success", 1, 0, "BashOperator", NOON, NOON)
MAPPED = [replace(ONE, id=f"u{index}", map_index=index) for index in range(3)]


def ended(instance: TaskInstance, name: str = "prod") -> Ended:
    found = task_ended(name, LINKS, instance)
    assert found
    return found


def run_ended(run: DagRun) -> Ended:
    found = dag_run_ended("prod", LINKS, run)
    assert found
    return found


def test_the_identity_of_a_task_instance_is_its_id_its_end_and_its_airflow_instance() -> None:
    event_id = ended(ONE).event_id

    assert ended(replace(ONE, ended_at=None, try_number=9)).event_id == event_id
    assert ended(ONE, "test").event_id != event_id
    assert ended(replace(ONE, id="u2")).event_id != event_id
    assert ended(replace(ONE, state="failed")).event_id != event_id


def test_the_identity_of_a_run_that_ends_again_is_another_one() -> None:
    event_id = run_ended(RUN).event_id

    assert run_ended(replace(RUN, ended_at=NOON)).event_id != event_id
    assert run_ended(replace(RUN, ended_at=None)).event_id != event_id
    assert run_ended(replace(RUN, dag_id="other")).event_id != event_id
    assert run_ended(replace(RUN, state="failed")).event_id != event_id


@pytest.mark.parametrize("state", ["running", "up_for_retry", "upstream_failed", "skipped", None])
def test_what_neither_succeeded_nor_failed_has_not_ended_for_its_assets(state: str | None) -> None:
    assert task_ended("prod", LINKS, replace(ONE, state=state)) is None
    assert dag_run_ended("prod", LINKS, replace(RUN, state=state)) is None


@given(st.permutations(MAPPED))
def test_the_identity_of_a_mapped_task_does_not_depend_on_the_order(instances: list[TaskInstance]) -> None:
    found, expected = (mapped_task_ended("prod", LINKS, some) for some in (instances, MAPPED))

    assert found
    assert expected
    assert replace(found, instances=()) == replace(expected, instances=())
    assert len(found.launch_keys) == 3


@pytest.mark.parametrize("state", ["running", None, "up_for_retry", "upstream_failed"])
def test_a_mapped_task_needs_all_its_instances(state: str | None) -> None:
    assert mapped_task_ended("prod", LINKS, [*MAPPED, replace(ONE, id="u9", state=state)]) is None


def test_a_mapped_task_needs_one_instance_that_succeeded_or_failed() -> None:
    assert mapped_task_ended("prod", LINKS, [replace(one, state="skipped") for one in MAPPED]) is None
    assert mapped_task_ended("prod", LINKS, []) is None


def test_a_mapped_task_failed_when_all_have_ended_and_one_failed() -> None:
    bad = replace(ONE, id="u9", map_index=3, state="failed")

    found = mapped_task_ended("prod", LINKS, [*MAPPED, bad])

    assert found
    assert found.failure == "1 of 4 instances of the task load of the DAG etl failed."
    assert mapped_task_ended("prod", LINKS, [*MAPPED, bad, replace(ONE, id="u10", state="running")]) is None


def test_what_never_ran_was_marked_by_hand() -> None:
    assert ended(replace(ONE, try_number=0)).metadata["Marked by Hand"] is True
    assert "Marked by Hand" not in ended(ONE).metadata


def test_an_event_id_fits_the_index_and_is_the_data_version() -> None:
    for found in (run_ended(RUN), run_ended(replace(RUN, state="failed"))):
        event = found.event(dg.AssetKey("a"))

        assert isinstance(event, dg.AssetObservation if found.failure else dg.AssetMaterialization)
        assert event.tags == {
            "dagster/data_version": found.event_id,
            "dagster/data_version_is_user_provided": "true",
        }
        assert len(found.event_id) <= 64
