"""A door before a server on a free port of this machine, at which a test can hold what passes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_DECISION_SECONDS = 300.0


class Moment(Enum):
    """What of a call is held."""

    REQUEST = "before the server has seen it"
    ANSWER = "when the server has answered"


@dataclass
class Hold:
    """One call that is held, or will be.

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


class Door:
    """Answers on a free port with a handler, and knows what is to be held; a context manager.

    Args:
        url: What is behind it.
        handler: Passes calls on; it gets the door as `gate`.
    """

    def __init__(self, url: str, handler: type[BaseHTTPRequestHandler]) -> None:
        self.behind = url
        self._holds: dict[str, Hold] = {}
        bound = type("Handler", (handler,), {"gate": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
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
