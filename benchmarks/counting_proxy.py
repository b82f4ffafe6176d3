"""A reverse proxy before a Dagster webserver, a process of its own: it tells what was asked, and what that cost the webserver.

python benchmarks/counting_proxy.py PORT PROCESS

It prints its URL when it answers. `GET /-/calls` tells the calls that were answered since the last time that it was
asked so, and how many are not answered yet; of the webserver and its code server the time of the processor is counted, by the id of the webserver's process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import sys
import time
from dataclasses import asdict, dataclass

import psutil

CONTROL = "/-/calls"
_LAUNCHES = (b"launchRun", b"launchPipelineExecution")
_NAME = re.compile(rb"(?:query|mutation) (\w+)")
_CHUNK = 65536


@dataclass
class Call:
    """One call of a client; moments are seconds since 1970.

    Args:
        operation: Its name, or what there is of its document.
        is_launch: Whether it orders a run.
        began: When it came in.
        request_bytes: How long it was, without its head.
        ended: When its answer was complete.
        answer_bytes: How long that was, with its head.
        cpu: Seconds of the processor that webserver and code server took meanwhile.
    """

    operation: str
    is_launch: bool
    began: float
    request_bytes: int
    ended: float = 0.0
    answer_bytes: int = 0
    cpu: float = 0.0


class Proxy:
    """Passes calls on, one connection for each.

    Args:
        port: Port of the webserver on this machine.
        webserver: Its process.
    """

    def __init__(self, port: int, webserver: psutil.Process) -> None:
        self._port = port
        self._webserver = webserver
        self._calls: list[Call] = []
        self._unanswered = 0
        self._held: set[asyncio.Task[None] | None] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection, also when nobody waits for the answer any more."""
        task = asyncio.current_task()
        self._held.add(task)  # asyncio itself holds it only weakly
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(f"GET {CONTROL} ".encode()):
                self._tell(writer)
            else:
                await self._pass_on(head, reader, writer)
            await writer.drain()
        writer.close()
        self._held.discard(task)

    async def _pass_on(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = head.decode("latin-1").split("\r\n")
        length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        named = _NAME.search(body)
        operation = named[1].decode() if named else body[:60].decode(errors="replace")
        call = Call(operation, any(name in body for name in _LAUNCHES), time.time(), length)
        cpu = self._cpu()
        self._unanswered += 1
        upstream, onward = await asyncio.open_connection("127.0.0.1", self._port)
        kept = [line for line in lines if line and not line.lower().startswith("connection:")]
        onward.write("\r\n".join([*kept, "Connection: close", "", ""]).encode("latin-1") + body)
        while chunk := await upstream.read(_CHUNK):
            call.answer_bytes += len(chunk)
            if not writer.is_closing():  # a client that has given up does not make the answer shorter
                writer.write(chunk)
        onward.close()
        call.ended, call.cpu = time.time(), self._cpu() - cpu
        self._calls.append(call)
        self._unanswered -= 1

    def _cpu(self) -> float:
        processes = [self._webserver, *self._webserver.children(recursive=True)]
        return sum(times.user + times.system for times in (process.cpu_times() for process in processes))

    def _tell(self, writer: asyncio.StreamWriter) -> None:
        calls, self._calls = self._calls, []
        told = {"calls": [asdict(call) for call in calls], "unanswered": self._unanswered}
        body = json.dumps(told).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


async def run(port: int, process: int) -> None:
    """Answer until the process is ended."""
    proxy = Proxy(port, psutil.Process(process))
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    sys.stdout.write(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await listening.serve_forever()


def main() -> None:
    """Serve what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("port", type=int)
    parser.add_argument("process", type=int)
    arguments = parser.parse_args()
    asyncio.run(run(arguments.port, arguments.process))


if __name__ == "__main__":
    main()
