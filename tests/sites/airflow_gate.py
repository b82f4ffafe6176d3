"""A door before Airflow that can hold one question of Dagster, so that a test knows the moment at which it kills the daemon."""

from __future__ import annotations

import contextlib
import re
from http.server import BaseHTTPRequestHandler

import requests

from sites.door import Door, Hold, Moment

_ANSWER_SECONDS = 60.0
_KEPT = ("Authorization", "Cookie", "Content-Type", "Accept")
_RETURNED = ("Content-Type", "Date", "Set-Cookie", "Location")


class AirflowGate(Door):
    """Hands everything on to Airflow; use it as a context manager.

    Args:
        airflow_url: Where Airflow is.
    """

    def __init__(self, airflow_url: str) -> None:
        super().__init__(airflow_url, _Handler)

    @property
    def url(self) -> str:
        """Where Dagster is to ask."""
        return f"http://127.0.0.1:{self.port}"

    def hold(self, path: str) -> Hold:
        """Hold the next answer to a question whose path matches.

        Args:
            path: A regular expression.

        Returns:
            The hold, by which one hears of the question and lets its answer go.
        """
        hold = Hold(Moment.ANSWER)
        self._holds[path] = hold
        return hold

    def take(self, path: str) -> Hold | None:
        """Take the hold that a question falls under."""
        found = next((pattern for pattern in self._holds if re.search(pattern, path)), None)
        return self._holds.pop(found) if found else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gate: AirflowGate

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        hold = self.gate.take(self.path)
        with contextlib.suppress(ConnectionError):  # who asked is dead
            try:
                answer = self._hand_on(body)
            except requests.RequestException:
                self.send_error(502)
                return
            if hold is not None:
                hold.goes_on()
            self._give(answer)

    def _give(self, answer: requests.Response) -> None:
        self.send_response_only(answer.status_code)
        for name in _RETURNED:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def _hand_on(self, body: bytes) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                self.command,
                f"{self.gate.behind}{self.path}",
                data=body,
                headers={name: self.headers[name] for name in _KEPT if name in self.headers},
                timeout=_ANSWER_SECONDS,
                allow_redirects=False,
            )

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Keep quiet."""
