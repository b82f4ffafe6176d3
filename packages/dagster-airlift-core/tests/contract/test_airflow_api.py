"""What our client needs of Airflow's REST API, asked of the fake always and of a real Airflow when there is one.

A real one is named by AIRLIFT_LIVE_AIRFLOW_URL, AIRLIFT_LIVE_AIRFLOW_USERNAME and
AIRLIFT_LIVE_AIRFLOW_PASSWORD; the role Viewer is enough. It must have finished at least two runs of one
DAG in which at least two tasks succeeded and at least one task, in whatever run, did not succeed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from dagster_airlift_core import (
    AirflowApiError,
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowNotFound,
    AirflowUnauthorized,
    _dialect,
)
from dagster_airlift_core._http import Request
from dagster_airlift_core.filters import EVERYTHING
from dagster_airlift_core.model import Window
from dagster_airlift_core.testing import FakeAirflow

PREFIX = "AIRLIFT_LIVE_AIRFLOW_"
AGES = timedelta(days=10_000)


@dataclass(frozen=True)
class Server:
    """An Airflow to ask, with or without our client."""

    url: str
    username: str
    password: str

    @property
    def airflow(self) -> AirflowInstance:
        return AirflowInstance(AirflowBasicAuthBackend(self.url, self.username, self.password), "contract")

    def get(self, request: Request, token: str | None = None, **query: str) -> requests.Response:
        if token is None:
            body = {"username": self.username, "password": self.password}
            token = requests.post(f"{self.url}/auth/token", json=body, timeout=60).json()["access_token"]
        asked = {**dict(request.query), **query}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return requests.get(f"{self.url}{request.path}", params=asked, headers=headers, timeout=60)


@pytest.fixture(params=["fake", pytest.param("live", marks=pytest.mark.live)])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "live":
        if PREFIX + "URL" not in os.environ:
            pytest.skip(f"{PREFIX}URL names no Airflow")
        yield Server(*(os.environ[PREFIX + name] for name in ("URL", "USERNAME", "PASSWORD")))
        return
    with FakeAirflow() as fake:
        fake.add_dag("etl", {"extract": ["one"], "one": []})
        fake.add_dag("fails", {"good": ["bad"], "bad": []})
        for run in ("r1", "r2"):
            fake.set_task("etl", run, "extract")
            for index in range(3):
                fake.set_task("etl", run, "one", map_index=index)
            fake.set_run("etl", run)
        fake.set_task("fails", "r1", "bad", "failed")
        fake.set_run("fails", "r1", "failed")
        fake.now += timedelta(seconds=5)
        yield Server(fake.url, "viewer", "viewer")


def everything(server: Server) -> Window:
    return Window(server.airflow.server_time() - AGES, None)


def requests_of(window: Window) -> list[tuple[str, Request]]:
    return [
        ("task_instances", _dialect.task_instances_request(window, None)),
        ("dag_runs", _dialect.dag_runs_request(window, None)),
    ]


def rows(server: Server, name: str, request: Request, **query: str) -> list[dict[str, Any]]:
    answer = server.get(request, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()[name]


def test_the_version_is_told_without_credentials_and_with_the_servers_clock(server: Server) -> None:
    answer = requests.get(f"{server.url}/api/v2/version", timeout=60)

    assert answer.json()["version"].startswith("3.")
    assert server.airflow.version() == answer.json()["version"]
    assert isinstance(server.airflow.server_time(), datetime)


def test_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(AirflowUnauthorized, match="Invalid credentials"):
        replace(server, password="no").airflow.list_dags()


@pytest.mark.parametrize(
    ("token", "status", "detail"),
    [("", 401, "Not authenticated"), ("garbage", 403, "Invalid JWT token")],
)
def test_no_token_and_a_bad_token_are_told_apart(
    server: Server, token: str, status: int, detail: str
) -> None:
    answer = server.get(_dialect.dags_request(EVERYTHING, 0), token)

    assert (answer.status_code, answer.json()["detail"]) == (status, detail)


def test_the_token_tells_its_life(server: Server) -> None:
    body = {"username": server.username, "password": server.password}
    answer = requests.post(f"{server.url}/auth/token", json=body, timeout=60)

    assert answer.status_code == 201
    assert answer.json()["access_token"].count(".") == 2


def test_dags_come_once_each_in_order_whatever_the_page_size(server: Server) -> None:
    ids = [dag.dag_id for dag in server.airflow.list_dags().rows]
    paged = [
        row["dag_id"]
        for offset in range(len(ids) + 1)
        for row in rows(server, "dags", _dialect.dags_request(EVERYTHING, offset), limit="1")
    ]

    assert ids == sorted(set(ids)) == paged


def test_tasks_name_the_tasks_after_them(server: Server) -> None:
    snapshot = server.airflow.snapshot(dag.dag_id for dag in server.airflow.list_dags().rows)

    after = {task_id for task in snapshot.tasks.values() for task_id in task.downstream_task_ids}
    assert after
    assert after <= {handle.task_id for handle in snapshot.tasks}


def test_an_unknown_dag_is_not_found(server: Server) -> None:
    with pytest.raises(AirflowNotFound):
        server.airflow.list_tasks("no such dag")


def test_only_successes_are_listed_although_there_are_others(server: Server) -> None:
    for name, request in requests_of(everything(server)):
        good = rows(server, name, request)
        unfiltered = replace(request, query=tuple(part for part in request.query if part[0] != "state"))

        assert {row["state"] for row in good} == {"success"}
        assert len(good) < len(rows(server, name, unfiltered))


def test_nothing_was_changed_in_the_future(server: Server) -> None:
    for name, request in requests_of(Window(server.airflow.server_time() + timedelta(days=1), None)):
        assert rows(server, name, request) == []


def test_no_run_was_due_in_the_future_and_all_in_the_past(server: Server) -> None:
    window = everything(server)
    later = replace(window, run_after=window.since + AGES + timedelta(days=1))
    earlier = replace(window, run_after=window.since)
    for (name, all_), (_, none), (_, same) in zip(*map(requests_of, (window, later, earlier)), strict=True):
        assert rows(server, name, none) == []
        assert rows(server, name, same) == rows(server, name, all_) != []


def test_keyset_pages_are_the_whole_in_the_order_of_ids(server: Server) -> None:
    for name, request in requests_of(everything(server)):
        whole = rows(server, name, request)
        paged: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            answer = server.get(request, limit="2", cursor=cursor).json()
            paged += answer[name]
            cursor = answer["next_cursor"]

        assert paged == whole
        if name == "task_instances":
            ids = [row["id"] for row in whole]
            assert ids == sorted(set(ids))


def test_a_page_token_that_is_none_is_a_bad_request(server: Server) -> None:
    with pytest.raises(AirflowApiError, match="Invalid cursor token") as caught:
        server.airflow.list_successful_task_instances(everything(server), "garbage!")

    assert caught.value.status == 400


def test_every_row_can_be_read(server: Server) -> None:
    window = everything(server)
    for page in (
        server.airflow.list_successful_task_instances(window, None),
        server.airflow.list_successful_dag_runs(window, None),
    ):
        assert page.rows
        assert not page.bad_rows
        assert all(row.ended_at and row.started_at for row in page.rows)


def test_the_instances_of_a_task_are_those_of_that_task_and_run(server: Server) -> None:
    for row in server.airflow.list_successful_task_instances(everything(server), None).rows:
        pages = list(server.airflow.instances_of_task(row.dag_id, row.run_id, row.task_id))

        found = [one for page in pages for one in page.rows]
        assert row in found
        assert {(one.dag_id, one.run_id, one.task_id) for one in found} == {
            (row.dag_id, row.run_id, row.task_id)
        }
        assert len({one.map_index for one in found}) == len(found)
