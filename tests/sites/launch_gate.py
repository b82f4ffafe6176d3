"""A door before Dagster that can hold one launch, so that a test knows the moment at which it kills the task."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import requests

from airflow.providers.dagster import wire

_DECISION_SECONDS = 300.0
_ANSWER_SECONDS = 300.0


class Moment(Enum):
    """What of a launch is held."""

    REQUEST = "before Dagster has seen it"
    ANSWER = "when Dagster has launched the run"


@dataclass
class Hold:
    """One launch that is held, or will be.

    Args:
        moment: What of it is held.
    """

    moment: Moment
    arrived: threading.Event = field(default_factory=threading.Event)
    _decided: threading.Event = field(default_factory=threading.Event)
    _goes_on: bool = False

    def let_go(self) -> None:
        """Let it go on its way, late."""
        self._goes_on = True
        self._decided.set()

    def lose(self) -> None:
        """Let it get lost."""
        self._decided.set()

    def goes_on(self) -> bool:
        """Wait for the decision."""
        self.arrived.set()
        self._decided.wait(_DECISION_SECONDS)
        return self._goes_on


class LaunchGate:
    """Hands everything on to Dagster; use it as a context manager.

    Args:
        dagster_url: Where Dagster is.
    """

    def __init__(self, dagster_url: str) -> None:
        self.dagster_url = dagster_url
        self._holds: dict[str, Hold] = {}
        handler = type("Handler", (_Handler,), {"gate": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        """Open it."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it, and lose what is still held."""
        for hold in self._holds.values():
            hold.lose()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port that was free."""
        return self._server.server_port

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
                f"{self.gate.dagster_url}{self.path}", data=body, headers=headers, timeout=_ANSWER_SECONDS
            )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Keep quiet."""
