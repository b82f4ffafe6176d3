"""Having Dagster name the partition that holds a moment, and say whether a partition key exists."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from airflow.providers.dagster import calls
from airflow.providers.dagster.assets import KeyInPartitions, MappedAsset, MomentInPartitions, PartitionKeys
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import InvalidPartition
from airflow.providers.dagster.partition_cursors import keys_after, window_end, window_start, windows_from
from airflow.providers.dagster.partition_questions import WIDEST_OFFSET, moment_near
from airflow.providers.dagster.patience import Patience

__all__ = ["PartitionCheck"]

Key = tuple[str, ...]
T = TypeVar("T")

_NEWEST = 25
_PAGE = 1000
_FEW, _MANY = 64, 4096


@dataclass(frozen=True)
class PartitionCheck:
    """Asks Dagster about partitions, without reading all keys of an asset.

    Dagster writes a key in the zone and the format of the partitions definition and knows where its windows are; here
    a key is never read, only compared. What was asked together with the assets nearly always decides; the rest costs
    a question more.

    Args:
        dagster: The Dagster instance.
        patience: How long to ask it.
    """

    dagster: DagsterClient
    patience: Patience

    def keys_at(self, assets: Sequence[MappedAsset], moment: int, source: str) -> Mapping[Key, str]:
        """Name the partitions whose time windows hold a moment.

        Args:
            assets: Assets that are partitioned by time.
            moment: Seconds since the epoch; the one that they were asked for with, if they were.
            source: Where the moment comes from, for messages.

        Returns:
            The partition key of each asset.

        Raises:
            InvalidPartition: An asset has no such partition.
        """
        found: dict[Key, str] = {}
        for asset, known in self._around(assets, moment):
            key = self._window_at(asset, known, moment)
            if key is None or not _exists(key, moment, known):
                raise _no_partition(asset, f"for {source} {_iso(moment)}", _neighbours(moment, known))
            found[asset.key] = key
        return found

    def keys_ended_at(self, assets: Sequence[MappedAsset], moment: int, source: str) -> Mapping[Key, str]:
        """Name the last partitions whose time windows have ended at a moment.

        Args:
            assets: Assets that are partitioned by time.
            moment: Seconds since the epoch; the one that they were asked for with, if they were.
            source: Where the moment comes from, for messages.

        Returns:
            The partition key of each asset.

        Raises:
            InvalidPartition: An asset has no such partition.
        """
        found: dict[Key, str] = {}
        for asset, known in self._around(assets, moment):
            ended = known.before
            if not ended.results or not self._has_ended(asset, known):
                what = f"that has just ended at {source} {_iso(moment)}"
                raise _no_partition(asset, what, _neighbours(moment, known))
            found[asset.key] = ended.results[0]
        return found

    def given(self, assets: Iterable[MappedAsset], key: str) -> Mapping[Key, str]:
        """Make sure that a partition exists.

        Args:
            assets: Partitioned assets.
            key: Its key; the one that they were asked for with, if they were.

        Returns:
            The key, for each asset.

        Raises:
            InvalidPartition: An asset has no such partition.
        """
        checks = {"TIME_WINDOW": self._check_window, "MULTIPARTITIONED": self._check_dimensions}
        for asset in assets:
            kind = asset.partitions.kind if asset.partitions else ""
            if asset.at_key and _is_known(key, kind, asset.at_key):
                continue
            checks.get(kind, self._check_listed)(asset, key)
        return {asset.key: key for asset in assets}

    def _around(
        self, assets: Sequence[MappedAsset], moment: int
    ) -> Iterator[tuple[MappedAsset, MomentInPartitions]]:
        """Give what is known about each asset's partitions around a moment, and ask where it was not told."""
        unknown = [asset for asset in assets if asset.at_moment is None]
        asked: Mapping[Key, MomentInPartitions] = self._ask_moment(unknown, moment) if unknown else {}
        for asset in assets:
            yield asset, asset.at_moment or asked[asset.key]

    def _window_at(self, asset: MappedAsset, known: MomentInPartitions, moment: int) -> str | None:
        """Find the window that holds the moment: it starts there, or it is the one after the last that has ended."""
        starting, later = known.at.results[:1], known.after.results[:1]
        if starting != later:
            return starting[0]
        if not known.before.results:
            return None
        for span, windows in known.around.items():
            following = _following(known.before, windows, moment - span)
            if following not in {None, *later}:
                return following
        page = self._page(asset, limit=2, cursor=windows_from(window_start(known.before.cursor)))
        holding = page.results[1:2]
        return None if not holding or holding == later else holding[0]

    def _has_ended(self, asset: MappedAsset, known: MomentInPartitions) -> bool:
        """Whether the definition has the last window that has ended: newest first, Dagster lists some beyond its end."""
        key, start = known.before.results[0], window_start(known.before.cursor)
        if not _exists(key, start, known):
            return False
        if any(key in windows for windows in known.around.values()):
            return True
        return self._page(asset, limit=1, cursor=windows_from(start)).results == (key,)

    def _check_window(self, asset: MappedAsset, key: str) -> None:
        form = asset.partitions.key_format if asset.partitions else ""
        hint = moment_near(key, form, f"{form}%z")
        known = self._ask_moment([asset], hint or 0)[asset.key]
        if key in {*known.oldest.results, *known.newest.results}:
            return
        if hint is None or not self._is_between(asset, key, hint, known):
            near = _near(key, (*known.newest.results, *known.oldest.results))
            raise _no_partition(asset, repr(key), near if hint is None else _neighbours(hint, known))

    def _is_between(self, asset: MappedAsset, key: str, hint: int, known: MomentInPartitions) -> bool:
        """Whether a window of this name, from near the hint, lies between the oldest and the newest."""
        start = windows_from(hint - WIDEST_OFFSET)
        for limit in (_FEW, _MANY):
            results = self._page(asset, limit=limit, cursor=start).results
            if key in results:
                upto = self._page(asset, limit=results.index(key) + 1, cursor=start)
                end = window_end(upto.cursor)
                return window_end(known.oldest.cursor) < end <= window_start(known.newest.cursor)
        return False

    def _check_listed(self, asset: MappedAsset, key: str) -> None:
        """Look for a static or dynamic key; where Dagster can begin after a key, it lists others than from the start."""
        first = page = self._page(asset, limit=_PAGE)
        if asset.partitions and asset.partitions.kind == "STATIC" and first.has_more:
            page = self._page(asset, limit=1, cursor=keys_after(key))
            if key in first.results or page.results[:1] != first.results[:1]:
                return
        while key not in page.results:
            if not page.has_more or asset.partitions is None or asset.partitions.kind == "STATIC":
                raise _no_partition(asset, repr(key), _near(key, first.results))
            page = self._page(asset, limit=_PAGE, cursor=page.cursor)

    def _check_dimensions(self, asset: MappedAsset, key: str) -> None:
        names = asset.partitions.dimensions if asset.partitions else ()
        answer = self.patience.ask(lambda: self.dagster.ask(calls.partition_dimensions([asset.key])))
        dimensions = _of(answer, asset)
        parts = key.split("|")
        if len(parts) != len(dimensions):
            raise _no_partition(asset, repr(key), (f"a key of the form {'|'.join(names)}",))
        for name, part, keys in zip(names, parts, dimensions, strict=True):
            if part not in keys:
                raise _no_partition(asset, f"{key!r}, for {name} has no {part!r}", _near(part, keys))

    def _ask_moment(self, assets: Sequence[MappedAsset], moment: int) -> Mapping[Key, MomentInPartitions]:
        keys = [asset.key for asset in assets]
        answer = self.patience.ask(lambda: self.dagster.ask(calls.partition_at(keys, moment, newest=_NEWEST)))
        return {asset.key: _of(answer, asset) for asset in assets}

    def _page(self, asset: MappedAsset, *, limit: int, cursor: str | None = None) -> PartitionKeys:
        call = calls.partition_keys([asset.key], limit=limit, cursor=cursor)
        return _of(self.patience.ask(lambda: self.dagster.ask(call)), asset)


def _of(answer: Mapping[Key, T], asset: MappedAsset) -> T:
    if asset.key not in answer:
        raise InvalidPartition(f"Dagster has lost its asset {asset.name} while its partition was looked up.")
    return answer[asset.key]


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def _exists(key: str, moment: int, known: MomentInPartitions) -> bool:
    """Whether the definition has the window that holds a moment: cursors of our own lead beyond its ends."""
    if key in {*known.oldest.results, *known.newest.results}:
        return True
    return bool(known.oldest.results) and (
        window_end(known.oldest.cursor) <= moment < window_start(known.newest.cursor)
    )


def _following(before: PartitionKeys, windows: Sequence[str], start: int) -> str | None:
    """Find the window after a known one among those that start at a moment or later, None when it is not listed."""
    if window_start(before.cursor) < start:
        return next(iter(windows), None)
    if before.results[0] not in windows:
        return None
    return next(iter(windows[windows.index(before.results[0]) + 1 :]), None)


def _is_known(key: str, kind: str, known: KeyInPartitions) -> bool:
    """Whether what was asked together with the asset shows that it has the key; otherwise nothing is known."""
    if key in {*known.oldest.results, *known.newest.results}:
        return True
    if kind == "STATIC":
        return known.start is None and known.near.results[:1] != known.oldest.results[:1]
    return kind == "TIME_WINDOW" and known.start is not None and _is_within(key, known, known.start)


def _is_within(key: str, known: KeyInPartitions, start: int) -> bool:
    """Whether a window of this name is listed and lies between the oldest and the newest: cursors lead beyond them."""
    listed = known.near.results
    if key not in listed or not known.oldest.results:
        return False
    place, first, last = listed.index(key), known.oldest.results[0], known.newest.results[-1]
    is_late = place >= listed.index(first) if first in listed else window_end(known.oldest.cursor) <= start
    is_early = (
        place <= listed.index(last)
        if last in listed
        else window_end(known.near.cursor) <= window_start(known.newest.cursor)
    )
    return is_late and is_early


def _neighbours(moment: int, known: MomentInPartitions) -> tuple[str, ...]:
    if not known.oldest.results or moment < window_end(known.oldest.cursor):
        return known.oldest.results
    if moment >= window_start(known.newest.cursor):
        return known.newest.results[:2]
    return (*known.before.results, *known.after.results)


def _near(key: str, keys: Sequence[str]) -> tuple[str, ...]:
    return tuple(difflib.get_close_matches(key, keys, n=3)) or tuple(keys[:3])


def _no_partition(asset: MappedAsset, what: str, near: Sequence[str]) -> InvalidPartition:
    instead = f"The nearest: {', '.join(near)}." if near else "It has no partition yet."
    return InvalidPartition(f"Dagster's asset {asset.name} has no partition {what}. {instead}")
