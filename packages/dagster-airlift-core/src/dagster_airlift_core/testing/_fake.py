"""A fake Airflow on a free port of this machine."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ssl import SSLContext
from typing import Any, Self
from urllib.parse import unquote

from dagster_airlift_core.testing import _actions, _v1, _v2
from dagster_airlift_core.testing._gate import Gate
from dagster_airlift_core.testing._server import Received, Reply, Sent, Server
from dagster_airlift_core.testing._world import Row, World

_FORBIDDEN = 403
_LOST = "<h1>Airflow 404 = lots of circles</h1>"


class FakeAirflow(World):
    """Airflow's REST API in a thread, on a free port of the loopback interface; a context manager.

    It knows what our client asks of Airflow 3 (`/api/v2`) and of Airflow 2 (`/api/v1`, with the login form),
    with the filters, the pages, the silent page cap and the refusals of the real ones. Its clock stands still
    until it is moved.

    Args:
        users: Username to password.
        page_cap: `[api] maximum_page_limit`.
        version: Version that it is; one that begins with `2.` has the API of Airflow 2.
        now: Where its clock stands, in UTC.
        token_life: How long its tokens and sessions are good for.
        latency: Seconds that each answer takes.
        tls: Makes it speak HTTPS.
    """

    def __init__(
        self,
        *,
        users: Mapping[str, str] | None = None,
        page_cap: int = 100,
        version: str = "3.3.2",
        now: datetime = datetime(2026, 1, 15, 12, tzinfo=UTC),
        token_life: timedelta = timedelta(days=1),
        latency: float = 0.0,
        tls: SSLContext | None = None,
    ) -> None:
        super().__init__(now, page_cap)
        self.version = version
        is_v1 = version.startswith("2.")
        self.is_v1 = is_v1
        self.api = "/api/v1" if is_v1 else "/api/v2"
        self.gate = Gate(users or {"viewer": "viewer"}, token_life, is_v1=is_v1)
        self._routes = _v1.ROUTES if is_v1 else _v2.ROUTES
        self._scripted: list[tuple[str, str, Reply]] = []
        self._lost: list[str] = []
        self.sent: list[Sent] = []
        self._scheme = "https" if tls else "http"
        self._server = Server(self.answer, lambda: self.now, latency, tls)

    @property
    def url(self) -> str:
        """URL of the web server."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def connections(self) -> int:
        """How many connections were opened to it."""
        return self._server.connections

    @property
    def users(self) -> dict[str, str]:
        """Username to password."""
        return self.gate.users

    def __enter__(self) -> Self:
        """Begin to answer."""
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and close every connection."""
        self._server.shutdown()
        self._server.server_close()

    def reply(self, *replies: Reply, path: str = "", method: str = "") -> None:
        """Answer the next requests whose path matches a regular expression with these replies, in turn.

        Args:
            replies: The answers.
            path: Regular expression.
            method: HTTP method of the requests, whichever when it is empty.
        """
        self._scripted.extend((method, path, reply) for reply in replies)

    def loses_answer_to(self, method: str) -> None:
        """Do what the next request of a method asks for, and let the connection break instead of answering.

        Args:
            method: HTTP method.
        """
        self._lost.append(method)

    def forget_replies(self) -> None:
        """Answer from now on as Airflow would, whatever replies were still to be given."""
        self._scripted.clear()

    def revoke_tokens(self) -> None:
        """Make every token and session invalid that was given out."""
        self.gate.revoke()

    def answer(self, request: Received, sent: Sent) -> Reply:
        """Return what Airflow would answer.

        Args:
            request: The request.
            sent: Its headers and its body.
        """
        self.requests.append(request)
        self.sent.append(sent)
        for script in self._scripted:
            if script[0] in ("", request.method) and re.search(script[1], request.path):
                self._scripted.remove(script)
                return script[2]
        login = self.gate.login(request, sent, self.now)
        if login:
            return login
        if request.path == f"{self.api}/version":
            return Reply(200, {"version": self.version, "git_version": None})
        if not request.path.startswith(self.api):
            return (
                Reply(404, _LOST, "text/html")
                if self.api == "/api/v1"
                else Reply(404, {"detail": "Not Found"})
            )
        return self.gate.refusal(sent, self.now) or self._routed(request, sent)

    def _routed(self, request: Received, sent: Sent) -> Reply:
        if request.method != "GET":
            if self.gate.keeps_from_writing(sent):
                return self._problem(403, "Forbidden")
            return self._acted(request, sent)
        for pattern, route in self._routes:
            match = re.fullmatch(self.api + pattern, request.path)
            if match:
                return route(self, [unquote(part) for part in match.groups()], request.query)
        return Reply(404, {"detail": "Not Found", "title": "Not Found"})

    def _acted(self, request: Received, sent: Sent) -> Reply:
        for method, pattern, action in _actions.ACTIONS:
            match = re.fullmatch(self.api + pattern, request.path)
            if match and method == request.method:
                try:
                    row = action(self, [unquote(part) for part in match.groups()], json.loads(sent.body))
                except _actions.Refused as refusal:
                    return self._problem(refusal.status, str(refusal))
                done = Reply(200, self._shown(row))
                if method in self._lost:
                    self._lost.remove(method)
                    return replace(done, cut_after=1)
                return done
        return self._problem(404, "Not Found")

    def _problem(self, status: int, detail: str) -> Reply:
        if self.api == "/api/v1":
            return _v1.problem(status, detail, None if status == _FORBIDDEN else detail)
        return Reply(status, {"detail": detail})

    def _shown(self, row: Row) -> Mapping[str, Any]:
        return _v1.run_payload(row) if self.api == "/api/v1" else row.payload
