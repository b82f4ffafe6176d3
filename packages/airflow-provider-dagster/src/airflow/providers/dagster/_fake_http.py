"""The HTTP half of the fake Dagster: a server on a free loopback port that can be told to go wrong."""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from airflow.providers.dagster import graphql

__all__ = ["Fake", "Fault", "GraphQLServer", "Request"]

_OPERATION = re.compile(r"(?:query|mutation) (\w+)")


@dataclass(frozen=True)
class Fault:
    """How one call goes wrong.

    Args:
        acts: Whether Dagster does what was asked before the answer goes wrong.
        delay: Seconds before the answer.
        drop: Whether the connection is closed without an answer.
        status: HTTP status of the answer.
        body: Text of the answer.
        content_type: Its type.
        headers: Further headers.
    """

    acts: bool = False
    delay: float = 0.0
    drop: bool = False
    status: int = 502
    body: str = "<html>Bad gateway</html>"
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Request:
    """A call that arrived."""

    operation: str
    variables: dict[str, Any]
    headers: dict[str, str]


class Fake(Protocol):
    """What answers."""

    requests: list[Request]
    bytes_sent: int

    def next_fault(self, operation: str) -> Fault | None:
        """Take the next fault of an operation."""
        ...

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Do what an operation asks for and give the data of the answer, with its errors if there are some."""
        ...


class GraphQLServer:
    """Serves a fake until it is stopped.

    Args:
        fake: What answers.
    """

    def __init__(self, fake: Fake) -> None:
        handler = type("Handler", (_Handler,), {"fake": fake})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def port(self) -> int:
        """The port that was free."""
        return self._server.server_port

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    fake: Fake

    def do_POST(self) -> None:
        payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match = _OPERATION.match(payload["query"])
        if self.path != "/graphql" or match is None or payload["query"] not in graphql.DOCUMENTS:
            self._reply(400, "unknown query", "text/plain", {})
            return
        request = Request(match[1], payload["variables"], dict(self.headers))
        self.fake.requests.append(request)
        fault = self.fake.next_fault(request.operation)
        if fault is not None:
            self._go_wrong(fault, request)
            return
        data = self.fake.answer(request.operation, request.variables)
        errors = {"errors": data.pop("errors")} if "errors" in data else {}
        # So Dagster answers when a part of a question goes wrong.
        self._reply(500 if errors else 200, json.dumps({"data": data, **errors}), "application/json", {})

    def _go_wrong(self, fault: Fault, request: Request) -> None:
        if fault.acts:
            self.fake.answer(request.operation, request.variables)
        time.sleep(fault.delay)
        if fault.drop:
            self.close_connection = True
            return
        self._reply(fault.status, fault.body, fault.content_type, fault.headers)

    def _reply(self, status: int, body: str, content_type: str, headers: Mapping[str, str]) -> None:
        content = body.encode()
        self.fake.bytes_sent += len(content)
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": len(content), **headers}.items():
            self.send_header(name, str(value))
        with contextlib.suppress(ConnectionError):  # the client has given up
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Keep quiet."""
