"""The DAG runs of task instances are found with few questions, whatever else there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.model import TaskInstance, Window
from dagster_airlift_core.run_lookup import RunLookup
from dagster_airlift_core.testing import FakeAirflow

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param, page_cap=2) as fake:
        yield fake


@pytest.fixture
def airflow(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")


def instances(airflow: AirflowInstance) -> Sequence[TaskInstance]:
    rows: list[TaskInstance] = []
    token: str | None = None
    while True:
        page = airflow.list_ended_task_instances(Window(NOON - 1000 * HOUR, None), token)
        rows += page.rows
        token = page.next_page
        if token is None:
            return rows


def add_run(fake: FakeAirflow, dag_id: str, run_id: str, due: datetime) -> None:
    fake.set_run(dag_id, run_id, interval=(due, due + HOUR), run_after=due)


def asked(fake: FakeAirflow) -> Sequence[str]:
    return [
        request.path.rpartition("/dags/")[2].partition("/")[0]
        for request in fake.requests
        if request.path.endswith("/dagRuns")
    ]


def test_a_run_that_is_not_among_the_first_pages_is_asked_for_by_itself(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(50):
        add_run(fake, "etl", f"r{number}", NOON - (50 - number) * HOUR)
    for number in (0, 49):
        fake.set_task("etl", f"r{number}", "load")
    lookup = RunLookup(airflow)
    rows = sorted(instances(airflow), key=lambda row: row.run_id)
    lookup.expect(rows)

    found = [lookup.run_of(row) for row in rows]

    assert [run.run_id if run else None for run in found] == ["r0", "r49"]
    assert asked(fake) == ["etl"] * 11  # ten pages of two, and one for the last run


def test_runs_are_asked_for_by_the_dag_or_by_the_moment_whichever_takes_fewer_questions(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for dag_id in ("one", "two"):
        for number in range(5):
            add_run(fake, dag_id, f"r{number}", NOON - number * HOUR)
            fake.set_task(dag_id, f"r{number}", "load")
    fake.page_cap = 100
    lookup = RunLookup(airflow)
    rows = instances(airflow)
    lookup.expect(rows)

    assert {(run.dag_id, run.run_id) for row in rows if (run := lookup.run_of(row))} == {
        (row.dag_id, row.run_id) for row in rows
    }
    assert asked(fake) == ["one", "two"]


def test_what_is_known_is_not_asked_again_and_what_was_not_expected_is(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(2):
        add_run(fake, "etl", f"r{number}", NOON - number * HOUR)
        fake.set_task("etl", f"r{number}", "load")
    first, second = instances(airflow)
    lookup = RunLookup(airflow)

    assert lookup.run_of(first) is lookup.run_of(first)
    assert len(asked(fake)) == 1
    assert lookup.run_of(second)
    assert len(asked(fake)) == 2


def test_a_task_instance_that_does_not_tell_when_its_run_was_due_has_no_run(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    add_run(fake, "etl", "r1", NOON)
    fake.set_task("etl", "r1", "load")
    (row,) = instances(airflow)
    lookup = RunLookup(airflow)

    unknown = TaskInstance(row.id, "etl", "r1", "load", -1, "success", 1, 0, None, None, None)

    assert lookup.run_of(unknown) is None
    assert asked(fake) == []
