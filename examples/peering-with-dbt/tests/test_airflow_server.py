from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dagster_airlift_core.testing import FakeAirflow, Reply
from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import Place
from peering_with_dbt.story.processes import Processes

LOCKED = Reply(500, {"detail": {"reason": "Database error", "statement": "hidden"}})
REFUSED = Reply(404, {"detail": "The Dag with ID: 'gone' was not found"})


@pytest.fixture
def fake() -> Iterator[FakeAirflow]:
    with FakeAirflow(users={"admin": "admin"}) as fake:
        fake.add_dag("etl", {"load": []})
        yield fake


@pytest.fixture
def site(tmp_path: Path, fake: FakeAirflow) -> AirflowSite:
    port = int(fake.url.rpartition(":")[2])
    site = AirflowSite(Place(tmp_path, port, 1, 2, "admin", "viewer", "secret"), Processes(tmp_path))
    site.log_in()
    fake.requests.clear()
    return site


def asked(fake: FakeAirflow) -> list[tuple[str, str]]:
    return [(request.method, request.path) for request in fake.requests]


def test_what_a_locked_database_refuses_is_asked_again(fake: FakeAirflow, site: AirflowSite) -> None:
    fake.reply(LOCKED, LOCKED, Reply(200, {"dag_run_id": "run-1", "state": "queued"}))

    run = site.trigger("etl")

    assert run.run_id == "run-1"
    assert asked(fake) == [("POST", "/api/v2/dags/etl/dagRuns")] * 3


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        pytest.param(LOCKED, 10, id="locked for ever"),
        pytest.param(REFUSED, 1, id="refused"),
    ],
)
def test_an_error_tells_what_airflow_said(
    fake: FakeAirflow, site: AirflowSite, answer: Reply, times: int
) -> None:
    fake.reply(*[answer] * 20)

    with pytest.raises(StoryError, match=f"Airflow answered {answer.status} to POST"):
        site.trigger("gone")

    assert len(asked(fake)) == times
