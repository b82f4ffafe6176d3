"""What to ask of partitions together with the assets, so that the answer nearly always decides the partition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow.providers.dagster import partition_cursors

__all__ = ["NO_PARTITION", "SPANS", "WIDEST_OFFSET", "PartitionQuestion", "moment_near"]

_HOUR, _DAY = 3600, 86_400
SPANS = {"hours": _HOUR + 300, "days": 26 * _HOUR, "months": 32 * _DAY}
"""How far to each side of a moment to list windows, in seconds: a bit more than the usual windows are long."""
WIDEST_OFFSET = 26 * _HOUR
"""Seconds; no zone is as far from UTC, even where the clocks change."""

_NEWEST = 25
_WINDOWS_PER_SPAN = 8
_WINDOWS_NEAR_KEY = 64
_UNTIL_AFTER_KEY = 33 * _DAY
_FORMATS = ("%Y-%m-%d-%H:%M", "%Y-%m-%d-%H:%M%z", "%Y-%m-%d", "%Y-%m")
"""How Dagster writes the keys of time windows, unless it is told otherwise."""


@dataclass(frozen=True)
class PartitionQuestion:
    """Which partition is looked for: that which holds a moment, else that of a key, else none.

    Args:
        moment: Seconds since the epoch.
        key: A partition key; it counts only without a moment.
    """

    moment: int | None = None
    key: str = ""

    @property
    def key_start(self) -> int | None:
        """From which moment on to list windows to find that of the key; None when it does not read like one."""
        near = moment_near(self.key, *_FORMATS)
        return None if near is None else near - WIDEST_OFFSET

    @property
    def is_asked(self) -> bool:
        """Whether there is something to ask."""
        return self.moment is not None or self._is_by_key

    @property
    def _is_by_key(self) -> bool:
        # A key of several dimensions has to be asked for by dimension.
        return self.moment is None and bool(self.key) and "|" not in self.key

    @property
    def variables(self) -> dict[str, Any]:
        """Variables of MAPPED_ASSETS."""
        return {
            "withPartitions": self.is_asked,
            "newestLimit": _NEWEST,
            "atMoment": self.moment is not None,
            "span": _WINDOWS_PER_SPAN,
            "nearKey": self._is_by_key,
            "nearLimit": 1 if self.key_start is None else _WINDOWS_NEAR_KEY,
            **self._cursors(),
        }

    def _cursors(self) -> dict[str, str]:
        if self.moment is not None:
            return {
                "before": partition_cursors.windows_until(self.moment),
                "at": partition_cursors.windows_from(self.moment),
                "after": partition_cursors.windows_from(self.moment + 1),
                **{
                    name: partition_cursors.windows_between(self.moment - span, self.moment + span)
                    for name, span in SPANS.items()
                },
            }
        start = self.key_start
        if start is None:
            return {"near": partition_cursors.keys_after(self.key)}
        return {"near": partition_cursors.windows_between(start, start + WIDEST_OFFSET + _UNTIL_AFTER_KEY)}


NO_PARTITION = PartitionQuestion()
"""Asks for no partition."""


def moment_near(key: str, *formats: str) -> int | None:
    """Guess where the window of a key is, within `WIDEST_OFFSET`; only Dagster knows in which zone a key is written."""
    for form in formats:
        try:
            return int(datetime.strptime(key, form).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    return None
