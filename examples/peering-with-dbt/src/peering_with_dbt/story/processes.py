"""Starts processes, and leaves none behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import psutil

from peering_with_dbt.story.errors import StoryError

MARKER = "PEERING_WITH_DBT_RUN"
"""Environment variable of every process of a run; what has left its server's session is found by it."""
_PR_SET_PDEATHSIG = 1
_GRACE_SECONDS = 20.0
_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Server:
    """A process that is meant to stay.

    Args:
        name: What it is called in messages.
        process: The process.
        log: Its output.
    """

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Processes:
    """All processes of one run; on leaving the context none of them is alive.

    Args:
        logs: Folder of the logs.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._marker = uuid.uuid4().hex
        self._servers: list[Server] = []
        self._sessions: set[int] = set()

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop everything, also after an error or a signal."""
        self.stop()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Server:
        """Start a server in a session of its own, with a log.

        Args:
            name: Name of the server and of its log.
            command: Program and arguments.
            environment: The whole environment.

        Returns:
            The server.
        """
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  # our own commands
                command,
                env={**environment, MARKER: self._marker},
                cwd=self._logs.parent,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509  # one thread only, at this moment
            )
        server = Server(name, process, log)
        self._servers.append(server)
        self._sessions.add(process.pid)
        return server

    def finish(self, server: Server, seconds: float) -> None:
        """Wait for a command that is meant to end.

        Args:
            server: The command.
            seconds: How long it may take.

        Raises:
            StoryError: It failed, or took too long.
        """
        try:
            code = server.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise StoryError(f"{server.name} did not end within {seconds:.0f} s.", server.log) from error
        self._servers.remove(server)
        if code:
            raise StoryError(f"{server.name} ended with exit code {code}.", server.log)

    def kill(self, server: Server) -> None:
        """End a server and all that it has started without a word, as a machine that fails would.

        Args:
            server: The server.
        """
        self._servers.remove(server)
        for process in psutil.process_iter():
            if _session(process) == server.process.pid:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        server.process.wait()

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float, log: Path) -> None:
        """Poll a condition while all servers live.

        Args:
            condition: The condition.
            what: The condition in words, for the message.
            seconds: How long it may take.
            log: The log that would tell why not.

        Raises:
            StoryError: It did not come true, or a server ended.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            self._check_servers()
            if time.monotonic() > deadline:
                raise StoryError(f"Not so after {seconds:.0f} s: {what}.", log)
            time.sleep(_POLL_SECONDS)

    def watch(self) -> NoReturn:
        """Stay until a server ends by itself.

        Raises:
            StoryError: One did.
        """
        while True:
            self._check_servers()
            time.sleep(_POLL_SECONDS)

    def _check_servers(self) -> None:
        for server in self._servers:
            if (code := server.process.poll()) is not None:
                raise StoryError(f"{server.name} ended with exit code {code}.", server.log)

    def stop(self) -> None:
        """Ask every server to end, wait, and end by force what is left, in whatever session it is."""
        for server in reversed(self._servers):
            if server.process.poll() is None:
                server.process.terminate()
        deadline = time.monotonic() + _GRACE_SECONDS
        for server in self._servers:
            try:
                server.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                server.process.kill()
                server.process.wait()
        self._servers.clear()
        while left := self._left():
            for process in left:
                process.kill()
            psutil.wait_procs(left, timeout=5)

    def _left(self) -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process: psutil.Process) -> bool:
        """Tell ours by session, and by the marker: Airflow's workers overwrite their environment with a title."""
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            return _session(process) in self._sessions or process.environ().get(MARKER) == self._marker
        except psutil.Error:
            return False


def _session(process: psutil.Process) -> int:
    """Tell in which session a process is, 0 when it is gone or not ours to ask about."""
    try:
        return os.getsid(process.pid)
    except (ProcessLookupError, PermissionError):
        return 0


def end_with_parent() -> None:
    """Have the kernel end this process when its parent is gone, however the parent went (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
