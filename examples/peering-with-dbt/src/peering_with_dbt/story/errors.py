"""How the story can end badly."""

from __future__ import annotations

from pathlib import Path

_TAIL_LINES = 60


class StoryError(Exception):
    """A step did not hold.

    Args:
        message: What did not hold, and what was there instead.
        log: The log that tells more.
    """

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log

    def log_tail(self) -> tuple[str, ...]:
        """Return the last lines of the log, none where there is no log."""
        if self.log is None or not self.log.exists():
            return ()
        return tuple(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
