"""HTTP on a free port of the loopback interface, in threads."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs, urlsplit

Query: TypeAlias = Mapping[str, list[str]]


@dataclass(frozen=True)
class Reply:
    """An answer of the fake.

    Args:
        status: HTTP status.
        payload: JSON value, or a text that is sent as it is.
        content_type: Content type.
        headers: More headers.
        delay: Seconds before the answer begins.
        cut_after: Bytes after which the connection is closed in the middle of the body, None for all.
        stall: Seconds of silence in the middle of a body, before the connection is closed.
    """

    status: int
    payload: object
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    cut_after: int | None = None
    stall: float = 0.0


@dataclass(frozen=True)
class Received:
    """A request that the fake was sent, without its headers."""

    method: str
    path: str
    query: Query


@dataclass(frozen=True)
class Sent:
    """What else came with a request: its headers, and its body."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


Answer: TypeAlias = Callable[[Received, Sent], Reply]


class Server(ThreadingHTTPServer):
    """Hands each request to a function, one at a time, and stamps the answer with a clock of its own.

    Args:
        answer: Answers a request.
        now: The time for the `Date` header.
        latency: Seconds that each answer takes, several of them at a time.
        tls: Makes it speak HTTPS.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self, answer: Answer, now: Callable[[], datetime], latency: float, tls: SSLContext | None
    ) -> None:
        self.answer = answer
        self.now = now
        self.latency = latency
        self.lock = threading.Lock()
        self.connections = 0
        self._open: set[Any] = set()
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's types
        """Remember the connection."""
        self._open.add(request)
        self.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's types
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's types
        """Stay silent when a client goes away in the middle of an answer."""

    def server_close(self) -> None:
        """Close the port and every connection."""
        super().server_close()
        for request in list(self._open):
            self.shutdown_request(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:  # type: ignore[override]
        """Stay silent."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def _serve(self) -> None:
        server = cast("Server", self.server)
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        received = Received(self.command, url.path, parse_qs(url.query, keep_blank_values=True))
        with server.lock:
            reply = server.answer(received, Sent(dict(self.headers.items()), body))
            date = format_datetime(server.now(), usegmt=True)
        if server.latency or reply.delay:
            time.sleep(server.latency + reply.delay)
        text = reply.payload if isinstance(reply.payload, str) else json.dumps(reply.payload)
        content = text.encode()
        self.send_response_only(reply.status)
        headers = {"Date": date, "Content-Type": reply.content_type, "Content-Length": str(len(content))}
        for name, value in {**headers, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: reply.cut_after])
        self.wfile.flush()
        if reply.cut_after is not None:
            time.sleep(reply.stall)
            self.close_connection = True
