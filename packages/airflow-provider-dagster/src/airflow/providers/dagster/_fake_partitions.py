"""Partitions of the fake Dagster's assets, which page their keys with Dagster's own cursors."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

__all__ = ["FakeDays", "FakeDimensions", "FakeKeys", "FakePartitions"]

_DAY = 86_400
_FOREVER = 10**12


class FakePartitions(Protocol):
    """How a fake asset is partitioned."""

    @property
    def definition(self) -> dict[str, Any]:
        """What GraphQL says about it."""
        ...

    @property
    def dimensions(self) -> list[dict[str, Any]]:
        """The keys of each dimension."""
        ...

    def page(self, limit: int, *, ascending: bool, cursor: str | None) -> dict[str, Any]:
        """Give some keys; a ValueError refuses the cursor of another kind of partitions."""
        ...


@dataclass(frozen=True)
class FakeKeys:
    """Static keys, or dynamic ones.

    Args:
        keys: The keys.
        kind: `STATIC` or `DYNAMIC`.
    """

    keys: Sequence[str]
    kind: str = "STATIC"

    @property
    def definition(self) -> dict[str, Any]:
        """What GraphQL says about it."""
        return {"type": self.kind, "fmt": None, "dimensionTypes": [{"name": "default"}]}

    @property
    def dimensions(self) -> list[dict[str, Any]]:
        """The keys of each dimension."""
        return [{"name": "default", "partitionKeys": list(self.keys)}]

    def page(self, limit: int, *, ascending: bool, cursor: str | None) -> dict[str, Any]:
        """Give the keys after that of the cursor; all of them when there is no such key."""
        keys = list(self.keys) if ascending else list(reversed(self.keys))
        last = self._last(cursor) if cursor else None
        left = keys[keys.index(last) + 1 :] if last in keys else keys
        results = left[:limit]
        return _page(
            results,
            {"__class__": "ValueIndexCursor", "value": results[-1] if results else last},
            has_more=len(left) > limit,
        )

    def _last(self, cursor: str) -> str | None:
        try:
            return str(_read(cursor, "ValueIndexCursor")["value"])
        except ValueError:
            if self.kind == "DYNAMIC":  # Dagster begins anew
                return None
            raise


@dataclass(frozen=True)
class FakeDays:
    """Days in UTC.

    Args:
        first: The first day, such as `2026-01-01`.
        count: How many there are.
    """

    first: str
    count: int

    @property
    def definition(self) -> dict[str, Any]:
        """What GraphQL says about it."""
        return {"type": "TIME_WINDOW", "fmt": "%Y-%m-%d", "dimensionTypes": [{"name": "default"}]}

    @property
    def dimensions(self) -> list[dict[str, Any]]:
        """The keys of each dimension."""
        return [{"name": "default", "partitionKeys": [_name(day) for day in self._days]}]

    def page(self, limit: int, *, ascending: bool, cursor: str | None) -> dict[str, Any]:
        """Give the days between the moments of the cursor, be they defined or not, as Dagster does."""
        days = (
            self._between(_read(cursor, "TimeWindowCursor"), ascending=ascending, limit=limit)
            if cursor
            else self._days
        )
        found = list(days) if ascending else list(reversed(days))
        results = found[:limit]
        start = (results[-1] + 1) * _DAY if ascending and results else self._days.start * _DAY
        end = _FOREVER if ascending or not results else results[-1] * _DAY
        return _page(
            [_name(day) for day in results],
            {"__class__": "TimeWindowCursor", "start_timestamp": start, "end_timestamp": end},
            has_more=len(found) > limit,
        )

    @property
    def _days(self) -> range:
        first = int(datetime.fromisoformat(self.first).replace(tzinfo=UTC).timestamp()) // _DAY
        return range(first, first + self.count)

    def _between(self, moments: Mapping[str, int], *, ascending: bool, limit: int) -> range:
        first, last = -(-moments["start_timestamp"] // _DAY), moments["end_timestamp"] // _DAY
        return range(first, min(last, first + limit + 1)) if ascending else range(last - limit - 1, last)


@dataclass(frozen=True)
class FakeDimensions:
    """Several dimensions.

    Args:
        keys: The keys of each.
    """

    keys: Mapping[str, Sequence[str]]

    @property
    def definition(self) -> dict[str, Any]:
        """What GraphQL says about it."""
        names = [{"name": name} for name in self.keys]
        return {"type": "MULTIPARTITIONED", "fmt": None, "dimensionTypes": names}

    @property
    def dimensions(self) -> list[dict[str, Any]]:
        """The keys of each dimension."""
        return [{"name": name, "partitionKeys": list(keys)} for name, keys in self.keys.items()]

    def page(self, limit: int, *, ascending: bool, cursor: str | None) -> dict[str, Any]:
        """Give the first or the last keys; nobody should read the whole product of the dimensions."""
        if cursor:
            raise ValueError(cursor)
        product = ["|".join(parts) for parts in itertools.product(*self.keys.values())]
        return _page((product if ascending else product[::-1])[:limit], {}, has_more=len(product) > limit)


def _name(day: int) -> str:
    return datetime.fromtimestamp(day * _DAY, UTC).strftime("%Y-%m-%d")


def _read(cursor: str, kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(base64.b64decode(cursor))
    if fields["__class__"] != kind:
        raise ValueError(cursor)
    return fields


def _page(results: Sequence[str], cursor: Mapping[str, object], *, has_more: bool) -> dict[str, Any]:
    text = base64.b64encode(json.dumps(cursor).encode()).decode()
    return {"results": list(results), "cursor": text, "hasMore": has_more}
