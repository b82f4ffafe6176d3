"""A door before Dagster that can hold one launch, so that a test knows the moment at which it kills the task."""

from __future__ import annotations

import contextlib
import json
from http.server import BaseHTTPRequestHandler

import requests

from airflow.providers.dagster import wire
from sites.door import Door, Hold, Moment

_ANSWER_SECONDS = 300.0


class LaunchGate(Door):
    """Hands everything on to Dagster; use it as a context manager.

    Args:
        dagster_url: Where Dagster is.
    """

    def __init__(self, dagster_url: str) -> None:
        super().__init__(dagster_url, _Handler)

    def hold(self, dag_id: str, moment: Moment) -> Hold:
        """Hold the next launch for a DAG.

        Args:
            dag_id: The DAG.
            moment: What of the launch to hold.

        Returns:
            The hold, by which one hears of the launch and lets it go.
        """
        hold = Hold(moment)
        self._holds[dag_id] = hold
        return hold

    def take(self, body: bytes) -> Hold | None:
        """Take the hold that a call falls under."""
        payload = json.loads(body)
        if "launchRun" not in payload["query"]:
            return None
        tags = payload["variables"]["params"]["executionMetadata"]["tags"]
        dag_id = next(tag["value"] for tag in tags if tag["key"] == wire.DAG_ID_TAG)
        return self._holds.pop(dag_id, None)


class _Handler(BaseHTTPRequestHandler):
    gate: LaunchGate

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hold = self.gate.take(body)
        if hold is not None and hold.moment is Moment.REQUEST and not hold.goes_on():
            self.close_connection = True
            return
        try:
            answer = self._hand_on(body)
        except requests.RequestException:
            self.send_error(502)
            return
        if hold is not None and hold.moment is Moment.ANSWER:
            hold.goes_on()
        with contextlib.suppress(ConnectionError):  # who asked is dead
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    def _hand_on(self, body: bytes) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"Content-Type": "application/json"}
            return session.post(
                f"{self.gate.behind}{self.path}", data=body, headers=headers, timeout=_ANSWER_SECONDS
            )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Keep quiet."""
