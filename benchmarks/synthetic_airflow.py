"""A synthetic Airflow, a process of its own: it answers from rendered bytes, waits as told, and counts what it is asked.

python benchmarks/synthetic_airflow.py v1|v2 DAGS

It prints its URL when it answers. `GET /-/counts` tells what it has sent since the last time that it was asked so;
`GET /-/latency/MS` sets how long every other answer waits; `GET /-/finish/RUNS/SECONDS` lets runs succeed, spread evenly
over so many seconds until now.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import sys
from dataclasses import asdict, dataclass
from email.utils import formatdate
from functools import cache
from typing import cast
from urllib.parse import parse_qs, unquote, urlsplit

from synthetic_history import PAGE_CAP, History, Query
from synthetic_payloads import DAGS_PER_ASSET, TASKS, Payloads, dag_id

CONTROL = "/-/"
_LOGIN_PAGE = b'<form><input id="csrf_token" name="csrf_token" type="hidden" value="synthetic"></form>'


@dataclass
class Counts:
    """What was asked and sent; bytes are those of whole answers, as they go over the wire."""

    requests: int = 0
    connections: int = 0
    bytes_sent: int = 0
    waiting: int = 0
    most_waiting: int = 0


@dataclass(frozen=True)
class Reply:
    """An answer but for its date."""

    status: str
    body: bytes
    content_type: str = "application/json"
    headers: tuple[str, ...] = ()


class Site:
    """What one synthetic Airflow answers, each answer rendered once.

    Args:
        api: `v1` or `v2`.
        dags: How many DAGs it has.
    """

    def __init__(self, api: str, dags: int) -> None:
        self._api = api
        payloads = Payloads(api)
        self._dags = [self._json(payloads.dag(number)) for number in range(dags)]
        self._assets = [self._json(payloads.asset(number)) for number in range(0, dags - 1, DAGS_PER_ASSET)]
        self._tasks = self._listed(
            "tasks", [self._json(payloads.task(number)) for number in range(TASKS)], TASKS
        )
        self._known = {dag_id(number) for number in range(dags)}
        self._kept = cache(self._reply)
        self.history = History(api, dags)

    def reply(self, method: str, target: str, body: bytes, *, is_zipped: bool) -> Reply:
        """Return an answer; what never changes is rendered once."""
        if "/dagRuns" in target or "/events" in target:
            return self._reply(method, target, is_zipped=is_zipped, body=body)
        return self._kept(method, target, is_zipped=is_zipped)

    def _reply(self, method: str, target: str, *, is_zipped: bool, body: bytes = b"") -> Reply:
        reply = self._plain(method, target, body)
        if not is_zipped or self._api == "v1" or not reply.body:  # Airflow 2.11 does not compress
            return reply
        body = gzip.compress(reply.body, compresslevel=5)
        return Reply(reply.status, body, reply.content_type, (*reply.headers, "Content-Encoding: gzip"))

    def _plain(self, method: str, target: str, body: bytes) -> Reply:
        url = urlsplit(target)
        query = parse_qs(url.query)
        if url.path == "/auth/token" and self._api == "v2":
            return Reply("201 Created", self._json({"access_token": "synthetic"}))
        if url.path == "/login/" and self._api == "v1":
            return self._login(method)
        parts = url.path.strip("/").split("/")
        if parts[:2] != ["api", self._api]:
            return Reply("404 Not Found", self._json({"detail": "Not Found"}))
        parts = [unquote(part) for part in parts[2:]]
        listed = self.history.answer(parts, query, body) or self._listing(parts, query)
        return (
            Reply("200 OK", listed) if listed else Reply("404 Not Found", self._json({"detail": "Not Found"}))
        )

    def _login(self, method: str) -> Reply:
        cookie = "Set-Cookie: session=synthetic; Path=/; HttpOnly"
        if method == "POST":
            return Reply("302 Found", b"", "text/html", (cookie, "Location: /home"))
        return Reply("200 OK", _LOGIN_PAGE, "text/html", (cookie,))

    def _listing(self, parts: list[str], query: Query) -> bytes:
        start = int(query.get("offset", ["0"])[0])
        end = start + min(int(query.get("limit", ["50"])[0]), PAGE_CAP)
        body = b""
        match parts:
            case ["version"]:
                body = self._json({"version": "2.11.2" if self._api == "v1" else "3.3.2", "git_version": ""})
            case ["dags"]:
                body = self._listed("dags", self._dags[start:end], len(self._dags))
            case ["dags", known, "tasks"] if known in self._known:
                body = self._tasks
            case [("datasets" | "assets") as name]:
                body = self._listed(name, self._assets[start:end], len(self._assets))
            case [("dagSources" | "dagSource"), _]:
                body = self._json({"content": "from airflow import DAG\n" * 50})
            case ["importErrors"]:
                body = self._listed("import_errors", [], 0)
            case _:
                pass
        return body

    def _listed(self, name: str, rows: list[bytes], total: int) -> bytes:
        return b'{"%s": [%s], "total_entries": %d}' % (name.encode(), b", ".join(rows), total)

    def _json(self, value: object) -> bytes:
        """Write JSON as Airflow does: 2.11 indents it."""
        if self._api == "v1":
            return json.dumps(value, indent=2).encode()
        return json.dumps(value, separators=(",", ":")).encode()


class Server:
    """One site, its latency, and what was counted.

    Args:
        site: What is answered.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._latency = 0.0
        self.counts = Counts()

    def answer(
        self, transport: asyncio.Transport, method: str, target: str, body: bytes, *, is_zipped: bool
    ) -> None:
        """Answer a request, now or after the latency."""
        if target.startswith(CONTROL):
            transport.write(_rendered(Reply("200 OK", self._control(target))))
            return
        reply = self._site.reply(method, target, body, is_zipped=is_zipped)
        self.counts.requests += 1
        self.counts.waiting += 1
        self.counts.most_waiting = max(self.counts.most_waiting, self.counts.waiting)
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._send, transport, reply)
        else:
            self._send(transport, reply)

    def _send(self, transport: asyncio.Transport, reply: Reply) -> None:
        data = _rendered(reply)
        self.counts.waiting -= 1
        self.counts.bytes_sent += len(data)
        if not transport.is_closing():
            transport.write(data)

    def _control(self, target: str) -> bytes:
        if target.startswith(f"{CONTROL}latency/"):
            self._latency = int(target.rpartition("/")[2]) / 1000
        if target.startswith(f"{CONTROL}finish/"):
            runs, seconds = target.split("/")[-2:]
            self._site.history.finish(int(runs), float(seconds))
        counts, self.counts = self.counts, Counts()
        return json.dumps(asdict(counts)).encode()


class Connection(asyncio.Protocol):
    """One connection, kept alive; requests on it come one after the other.

    Args:
        server: Who answers.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back; the first request tells whether the connection counts."""
        self._transport = cast("asyncio.Transport", transport)
        self._is_counted = False

    def data_received(self, data: bytes) -> None:
        """Answer when a whole request is in."""
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        lines = head.decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        length = int(fields.get("content-length", "0"))
        if len(rest) < length:
            return
        body, self._buffer = rest[:length], rest[length:]
        method, target, _ = lines[0].split(" ")
        if not self._is_counted and not target.startswith(CONTROL):
            self._is_counted = True
            self._server.counts.connections += 1
        is_zipped = "gzip" in fields.get("accept-encoding", "")
        self._server.answer(self._transport, method, target, body, is_zipped=is_zipped)


def _rendered(reply: Reply) -> bytes:
    head = (
        f"HTTP/1.1 {reply.status}",
        f"Date: {formatdate(usegmt=True)}",
        f"Content-Type: {reply.content_type}",
        f"Content-Length: {len(reply.body)}",
        *reply.headers,
    )
    return "\r\n".join(head).encode() + b"\r\n\r\n" + reply.body


async def serve(site: Site) -> None:
    """Answer until the process is ended."""
    server = Server(site)
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await listening.serve_forever()


def main() -> None:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("api", choices=["v1", "v2"])
    parser.add_argument("dags", type=int)
    arguments = parser.parse_args()
    asyncio.run(serve(Site(arguments.api, arguments.dags)))


if __name__ == "__main__":
    main()
