"""How far an Airflow instance was read, kept by Dagster between two ticks as versioned JSON.

Only the clock of Airflow's server appears in it, and its watermark never goes back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias, cast, get_args

from dagster_airlift_core.model import Window

VERSION = 1
OVERLAP = timedelta(minutes=10)
"""A row may become visible this long after Airflow stamped it."""
OVERLAP_EVERY = timedelta(minutes=5)
"""How often the whole overlap is read again; where Airflow is busy, that is many pages."""
BRIEF_OVERLAP = timedelta(minutes=1)
"""What is read again by the passes in between, for hardly a row comes later than this."""
_NOTICED = timedelta(seconds=2)
"""The server's time is known to the second; only by more than this it has gone back."""
SWEEP_EVERY = timedelta(hours=1)
SWEEP_SPAN = timedelta(hours=48)
LATE = timedelta(hours=12)
"""A pass over so much reads the rest of a sweep as well, for then nothing is gained by being first."""
HORIZON = timedelta(days=7)
"""Between two sweeps, only runs due within this time before the window are read, unless older ones have changed."""

Stream: TypeAlias = Literal["tasks", "runs", "assets"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
"""In this order."""
Kind: TypeAlias = Literal["recent", "sweep"]


class CursorError(ValueError):
    """A cursor that this version did not write, or not for this Airflow instance."""


@dataclass(frozen=True)
class Scan:
    """One pass over what changed: task instances, DAG runs, events of assets; it may take several ticks.

    Args:
        window: Filters of the pass, the same for all of its pages.
        as_of: Server time when the pass began.
        stream: What is being read.
        page: Page token, None for the first page.
        after: The last row of that page that is dealt with, None for none.
        order: Order and filters that the page token belongs to.
    """

    window: Window
    as_of: datetime
    stream: Stream = "tasks"
    page: str | None = None
    after: str | None = None
    order: str = ""

    def is_same_page(self, other: Scan) -> bool:
        """Whether it asks Airflow for the same rows as another one, however many of them are dealt with."""
        return self == replace(other, as_of=self.as_of, after=self.after)

    @property
    def is_wide(self) -> bool:
        """Whether it leaves out no DAG run, however long ago that was due."""
        return self.window.run_after is None

    def past_row(self, row: str) -> Scan:
        """Return the pass with one more row of its page dealt with."""
        return replace(self, after=row)

    def past_page(self, next_page: str | None) -> Scan | None:
        """Return the pass at its next page, None when that was the last one of all."""
        if next_page is not None:
            return replace(self, page=next_page, after=None)
        later = STREAMS[STREAMS.index(self.stream) + 1 :]
        return replace(self, stream=later[0], page=None, after=None) if later else None

    def restarted(self) -> Scan:
        """Return the pass at the first page of what it is reading."""
        return replace(self, page=None, after=None)

    def in_order(self, order: str) -> Scan:
        """Return the pass as it is if its page token belongs to this order, at the first page if to another."""
        return self if self.order == order else replace(self.restarted(), order=order)


@dataclass(frozen=True)
class Cursor:
    """How far an Airflow instance was read.

    Args:
        instance: Name of the Airflow instance.
        watermark: Server time up to which recent changes were read completely, None before the first time.
        overlapped_at: Server time at which the last pass over recent changes began that read the whole overlap
            and came to its end, None where only the watermark is known.
        swept_at: Server time at which the last sweep began that came to its end.
        recent: The pass over recent changes that is under way.
        sweep: The pass over the last two days that is under way.
        mapping: Fingerprint of the mapping that the last sweep was begun with.
    """

    instance: str
    watermark: datetime | None = None
    swept_at: datetime | None = None
    recent: Scan | None = None
    sweep: Scan | None = None
    mapping: str = ""
    overlapped_at: datetime | None = None

    def is_under_way(self, mapping: str) -> bool:
        """Whether the next tick reads on where this one stopped, so that it need not know what time it is."""
        return self.recent is not None and mapping == self.mapping

    def begun(self, now: datetime, mapping: str, order: str) -> Cursor:
        """Return the cursor with those passes begun that are due at this server time.

        A new mapping is a reason to sweep at once: what ran before it existed was passed over. After a long
        time, and the first time, one wide pass does what both would do, and so every row is read once.
        Of the passes over recent changes, those that read the whole overlap miss nothing, each beginning where
        the last one of them did; the brief ones in between only make it soon.

        Args:
            now: Server time.
            mapping: Fingerprint of the mapping of now.
            order: Order and filters that page tokens of now belong to.
        """
        known = _reached(self.overlapped_at or self.watermark, now) - OVERLAP
        is_new = mapping != self.mapping
        is_due = is_new or self.swept_at is None or now - self.swept_at >= SWEEP_EVERY
        is_late = self.watermark is None or now - known >= LATE
        if is_due and is_late and self.recent is None:
            wide = Scan(Window(min(known, now - SWEEP_SPAN), None), now).in_order(order)
            return replace(self, recent=wide, sweep=None, mapping=mapping)
        recent = self.recent or Scan(Window(self._since(now, known), known - HORIZON), now)
        under_way = None if is_new else self.sweep
        is_due = is_due and (is_new or not recent.is_wide)
        sweep = under_way or (Scan(Window(now - SWEEP_SPAN, None), now) if is_due else None)
        return replace(self, recent=recent, sweep=sweep, mapping=mapping).in_order(order)

    def _since(self, now: datetime, known: datetime) -> datetime:
        """Return where a pass over recent changes is to begin: with the whole overlap if that is due."""
        if self.watermark is None or self.overlapped_at is None:
            return known
        is_brief = -_NOTICED <= now - self.overlapped_at < OVERLAP_EVERY
        return max(known, _reached(self.watermark, now) - BRIEF_OVERLAP) if is_brief else known

    def in_order(self, order: str) -> Cursor:
        """Return the cursor with the page tokens of its passes dropped that belong to another order."""
        recent = self.recent.in_order(order) if self.recent else None
        return replace(self, recent=recent, sweep=self.sweep.in_order(order) if self.sweep else None)

    def lag(self, now: datetime) -> timedelta:
        """Return how long ago that moment was up to which all is read; none when the last reading came to its end.

        Args:
            now: Server time.
        """
        if self.recent is None:
            return timedelta(0)
        return max(timedelta(0), now - (self.watermark or self.recent.window.since))

    def scan(self, kind: Kind) -> Scan | None:
        """Return a pass that is under way."""
        return self.recent if kind == "recent" else self.sweep

    def with_scan(self, kind: Kind, scan: Scan | None) -> Cursor:
        """Return the cursor with one pass moved on, or ended when it is None."""
        if kind == "sweep":
            ended = self.sweep.as_of if self.sweep and scan is None else None
            return replace(self, sweep=scan, swept_at=_later(self.swept_at, ended))
        ended = self.recent if scan is None else None
        swept = ended.as_of if ended and ended.is_wide else None
        overlapped = ended.as_of if ended and self.reads_whole_overlap else None
        return replace(
            self,
            recent=scan,
            watermark=_later(self.watermark, ended.as_of if ended else None),
            swept_at=_later(self.swept_at, swept),
            overlapped_at=_later(self.overlapped_at, overlapped),
        )

    @property
    def reads_whole_overlap(self) -> bool:
        """Whether the pass over recent changes that is under way is not a brief one."""
        reached = self.overlapped_at or self.watermark
        return bool(self.recent and (reached is None or self.recent.window.since <= reached - OVERLAP))

    def due_since(self, run_after: datetime) -> Cursor:
        """Return the cursor with its pass over recent changes reading DAG runs that were due at an instant or later."""
        if self.recent is None:
            return self
        window = replace(self.recent.window, run_after=run_after)
        return replace(self, recent=replace(self.recent, window=window))

    def to_json(self) -> str:
        """Return the text that Dagster keeps."""
        return json.dumps(
            {
                "v": VERSION,
                "instance": self.instance,
                "watermark": _text(self.watermark),
                **({"overlapped_at": _text(self.overlapped_at)} if self.overlapped_at else {}),
                "swept_at": _text(self.swept_at),
                "recent": _scan_json(self.recent),
                "sweep": _scan_json(self.sweep),
                "mapping": self.mapping,
            }
        )

    @classmethod
    def from_json(cls, text: str, instance: str) -> Cursor:
        """Return what Dagster kept.

        Args:
            text: The cursor.
            instance: Name of the Airflow instance that it must belong to.

        Raises:
            CursorError: Another version, another instance, or no such thing.
        """
        try:
            fields: Any = json.loads(text)
            if fields["v"] != VERSION or fields["instance"] != instance:
                raise CursorError(f"it is of version {fields['v']!r} and instance {fields['instance']!r}")
            return cls(
                instance=instance,
                watermark=_instant(fields["watermark"]),
                overlapped_at=_instant(fields.get("overlapped_at")),
                swept_at=_instant(fields["swept_at"]),
                recent=_scan(fields["recent"]),
                sweep=_scan(fields["sweep"]),
                mapping=_optional(fields["mapping"]) or "",
            )
        except (LookupError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
            raise CursorError(str(error)) from error


def _reached(stamp: datetime | None, now: datetime) -> datetime:
    """Return how far was read: no further than now, although the server's clock may have gone back."""
    return now if stamp is None or stamp - now > _NOTICED else stamp


def _later(old: datetime | None, new: datetime | None) -> datetime | None:
    return max(old, new) if old and new else old or new


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _instant(text: object) -> datetime | None:
    if text is None:
        return None
    return datetime.fromisoformat(cast("str", text)).astimezone(UTC)


def _known(text: object) -> datetime:
    instant = _instant(text)
    if instant is None:
        raise ValueError("an instant is missing")
    return instant


def _scan_json(scan: Scan | None) -> Mapping[str, object] | None:
    if scan is None:
        return None
    return {
        "since": _text(scan.window.since),
        "run_after": _text(scan.window.run_after),
        **({"until": _text(scan.window.until)} if scan.window.until else {}),
        "as_of": _text(scan.as_of),
        "stream": scan.stream,
        "page": scan.page,
        "after": scan.after,
        "order": scan.order,
    }


def _scan(fields: Any) -> Scan | None:  # noqa: ANN401 - JSON of a cursor, checked field by field
    if fields is None:
        return None
    stream: object = fields["stream"]
    if stream not in STREAMS:
        raise ValueError(f"stream is {stream!r}")
    window = Window(_known(fields["since"]), _instant(fields["run_after"]), _instant(fields.get("until")))
    scan = Scan(window, _known(fields["as_of"]), stream)
    order = _optional(fields["order"]) or ""
    return replace(scan, page=_optional(fields["page"]), after=_optional(fields["after"]), order=order)


def _optional(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"expected a text, found {value!r}")
    return value
