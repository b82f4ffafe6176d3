"""The processes of a benchmark: programs that print their results, and servers that print their URL."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from urllib.request import urlopen

HERE = Path(__file__).parent
_STOP_SECONDS = 60.0


def end_orderly() -> None:
    """Let the order to end this process stop the servers that it has started."""
    signal.signal(signal.SIGTERM, _exit)


def _exit(signal_number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + signal_number)


def program(script: str, *arguments: object) -> list[str]:
    """Return the command line of one of the programs beside this file."""
    return [sys.executable, str(HERE / script), *map(str, arguments)]


def result(command: list[str], *, seconds: float, env: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run a program to its end and return the JSON object in its last line.

    Raises:
        subprocess.CalledProcessError: The program failed; it has said why on our standard error.
    """
    done = subprocess.run(command, stdout=subprocess.PIPE, timeout=seconds, check=True, env=env)  # noqa: S603 - ours
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def serving(command: list[str], env: Mapping[str, str] | None = None) -> Generator[str]:
    """Start a server that prints its URL, and stop it by its id."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as server:  # noqa: S603 - ours
        try:
            url = server.stdout.readline().strip() if server.stdout else ""
            if not url:
                raise RuntimeError(
                    f"{command[1]} has ended before it served. It has said why on standard error."
                )
            yield url
        finally:
            stop(server)


def stop(server: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Stop a server by its id, with force if it does not stop by itself."""
    server.terminate()
    try:
        server.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def ask(url: str) -> dict[str, Any]:
    """Return what a server of ours answers to a question about itself."""
    with urlopen(url, timeout=30) as answer:  # noqa: S310 - an address of this machine
        return json.loads(answer.read())
