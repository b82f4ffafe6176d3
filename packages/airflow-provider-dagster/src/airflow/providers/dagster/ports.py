"""What the provider needs from its surroundings: a clock to wait by and a log to write to."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

__all__ = ["AsyncClock", "Clock", "Log", "SystemClock"]


class Clock(Protocol):
    """Time as a value, so that waiting can be tested without waiting."""

    def now(self) -> float:
        """Seconds since the epoch: intents are compared across processes."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let this many seconds go by."""
        ...


class AsyncClock(Clock, Protocol):
    """A clock that also waits without blocking."""

    async def pause(self, seconds: float) -> None:
        """Let this many seconds go by, and others run meanwhile."""
        ...


class Log(Protocol):
    """The log of a task: the standard library's and structlog's both are one."""

    def info(self, msg: str, /, *args: object) -> object:
        """Say what happens."""
        ...

    def warning(self, msg: str, /, *args: object) -> object:
        """Say what does not happen as it should."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let this many seconds go by."""
        time.sleep(seconds)

    async def pause(self, seconds: float) -> None:
        """Let this many seconds go by, and others run meanwhile."""
        await asyncio.sleep(seconds)
