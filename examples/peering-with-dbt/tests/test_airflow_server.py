from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import Place
from peering_with_dbt.story.processes import Processes

LOCKED = (500, {"detail": {"reason": "Database error", "statement": "hidden"}})
STARTED = (200, {"dag_run_id": "run-1", "state": "queued"})
REFUSED = (404, {"detail": "The Dag with ID: 'gone' was not found"})


@contextmanager
def airflow_that_answers(*answers: tuple[int, object]) -> Iterator[tuple[int, list[str]]]:
    """Answer with one after another, the last one for ever; yields the port and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, payload = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(payload).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


def site(folder: Path, port: int) -> AirflowSite:
    return AirflowSite(Place(folder, port, 1, 2, "admin", "viewer", "secret"), Processes(folder))


def test_what_a_locked_database_refuses_is_asked_again(tmp_path: Path) -> None:
    with airflow_that_answers(LOCKED, LOCKED, STARTED) as (port, asked):
        run = site(tmp_path, port).trigger("etl")

    assert run.run_id == "run-1"
    assert asked == ["/api/v2/dags/etl/dagRuns"] * 3


@pytest.mark.parametrize(
    ("answer", "times"),
    [
        pytest.param(LOCKED, 10, id="locked for ever"),
        pytest.param(REFUSED, 1, id="refused"),
    ],
)
def test_an_error_tells_what_airflow_said(tmp_path: Path, answer: tuple[int, object], times: int) -> None:
    with (
        airflow_that_answers(answer) as (port, asked),
        pytest.raises(StoryError, match=f"Airflow answered {answer[0]} to POST"),
    ):
        site(tmp_path, port).trigger("gone")

    assert len(asked) == times
