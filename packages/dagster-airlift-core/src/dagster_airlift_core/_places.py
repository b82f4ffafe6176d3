"""Where an error of somebody else's comes from."""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb


def place_of(error: Exception) -> str:
    """Name the function in which an error left our own code, with its file and line.

    Args:
        error: The error, raised before.
    """
    frames = extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if Path(frame.filename).parent != Path(__file__).parent]
    frame = (theirs or frames)[0 if theirs else -1]
    return f"{frame.name} ({Path(frame.filename).name}, line {frame.lineno})"
