from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from dagster_airlift_core import AirflowApiError, AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core._latest import RUNS
from dagster_airlift_core.testing import FakeAirflow, Reply


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param, page_cap=2) as fake:
        fake.add_dag("etl", {"a": ["b"], "b": [], "c": []})
        yield fake


def commands(fake: FakeAirflow, *task_ids: str) -> Mapping[str, list[object]]:
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    found = airflow.rendered_fields_of({"etl": task_ids})["etl"]
    assert not isinstance(found, AirflowApiError)
    return {task_id: [each.fields["bash_command"] for each in rows] for task_id, rows in found.items()}


def run(fake: FakeAirflow, run_id: str, **ran: str) -> None:
    for task_id in ("a", "b", "c"):
        fake.set_task("etl", run_id, task_id, "success" if task_id in ran else "upstream_failed")
        fields = {"bash_command": ran[task_id]} if task_id in ran else {}
        fake.render_task("etl", run_id, task_id, fields)


def test_of_the_runs_of_a_task_the_newest_counts_that_came_to_it(fake: FakeAirflow) -> None:
    run(fake, "r1", a="old a", b="old b")
    run(fake, "r2", a="new a")

    assert commands(fake, "a", "b", "c") == {"a": ["new a"], "b": ["old b"]}


def test_a_task_that_ran_long_ago_is_not_looked_for_in_every_run(fake: FakeAirflow) -> None:
    run(fake, "r0", a="long ago")
    for number in range(RUNS):
        run(fake, f"r{number + 1}", b="now")

    assert commands(fake, "a", "b") == {"b": ["now"]}


def test_the_copies_of_a_mapped_task_come_together_in_their_order(fake: FakeAirflow) -> None:
    for index in (2, 0, 1):
        fake.set_task("etl", "r1", "c", map_index=index)
        fake.render_task("etl", "r1", "c", {"bash_command": f"copy {index}"}, map_index=index)

    assert commands(fake, "c") == {"c": ["copy 0", "copy 1", "copy 2"]}


def test_a_second_run_is_not_asked_for_once_all_is_known(fake: FakeAirflow) -> None:
    run(fake, "r1", a="old")
    run(fake, "r2", a="new", b="new", c="new")
    fake.requests.clear()

    assert commands(fake, "a", "b") == {"a": ["new"], "b": ["new"]}
    asked = [request.path.rpartition("/dags/")[2] for request in fake.requests if "/dags/" in request.path]
    assert set(asked) == {"etl/dagRuns", "etl/dagRuns/r2/taskInstances"}


def test_values_are_frozen_and_not_shown(fake: FakeAirflow) -> None:
    run(fake, "r1", a="x")
    fake.render_task("etl", "r1", "a", {"env": {"K": ["secret", 1, None]}, "n": 1.5, "b": True})
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")

    found = airflow.rendered_fields_of({"etl": ["a"]})["etl"]

    assert isinstance(found, Mapping)
    (row,) = found["a"]
    assert dict(row.fields) == {"env": {"K": ("secret", 1, None)}, "n": 1.5, "b": True}
    assert "secret" not in repr(row)
    with pytest.raises(TypeError):
        row.fields["env"]["K"] = ()  # type: ignore[index]


def test_a_dag_that_cannot_be_read_stops_no_other(fake: FakeAirflow) -> None:
    run(fake, "r1", a="x")
    fake.add_dag("other", {"a": []})
    fake.reply(Reply(400, {"detail": "no"}), path="/dags/other/")
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")

    found = airflow.rendered_fields_of({"other": ["a"], "etl": ["a"]})

    assert isinstance(found["other"], AirflowApiError)
    assert isinstance(found["etl"], Mapping)
