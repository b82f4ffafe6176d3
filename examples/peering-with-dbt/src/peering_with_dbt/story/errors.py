"""How the story can end badly."""

from __future__ import annotations

from pathlib import Path


class StoryError(Exception):
    """A step did not hold.

    Args:
        message: What did not hold, and what was there instead.
        log: The log that tells more.
    """

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log
