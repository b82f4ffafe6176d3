"""Cursors with which Dagster pages partition keys: written so that it begins at a moment, or at a key."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

__all__ = ["keys_after", "window_end", "window_start", "windows_between", "windows_from", "windows_until"]

_FOREVER = 10**12
"""Seconds since the epoch, later than any partition."""


def windows_until(moment: int) -> str:
    """Write the cursor with which Dagster lists the windows that end at a moment or earlier, newest first."""
    return _window_cursor(-_FOREVER, moment)


def windows_from(moment: int) -> str:
    """Write the cursor with which Dagster lists the windows that start at a moment or later, oldest first."""
    return _window_cursor(moment, _FOREVER)


def windows_between(start: int, end: int) -> str:
    """Write the cursor with which Dagster lists the windows within these moments, oldest first."""
    return _window_cursor(start, end)


def window_start(cursor: str) -> int:
    """Read where the last window of a page starts that was listed newest first, in seconds since the epoch."""
    return int(json.loads(base64.b64decode(cursor))["end_timestamp"])


def window_end(cursor: str) -> int:
    """Read where the last window of a page ends that was listed oldest first, in seconds since the epoch."""
    return int(json.loads(base64.b64decode(cursor))["start_timestamp"])


def keys_after(key: str) -> str:
    """Write the cursor with which Dagster lists the keys after a static one, or all when there is no such key."""
    return _cursor({"__class__": "ValueIndexCursor", "value": key})


def _window_cursor(start: int, end: int) -> str:
    # The count keeps Dagster from adding windows of the future, which an `end_offset` allows.
    fields = {"start_timestamp": start, "end_timestamp": end, "offset_partition_count": _FOREVER}
    return _cursor({"__class__": "TimeWindowCursor", **fields})


def _cursor(fields: Mapping[str, object]) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode()
