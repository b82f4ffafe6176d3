"""Pages of a list that has neither keyset nor order: spans of time that are narrowed until one fits a page.

A row that Airflow changes meanwhile gets a later stamp. So it moves into a span that is yet to be read, or
behind the last one, where the next pass begins: nothing falls between two pages, as it would with offsets.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dagster_airlift_core._dialect.asking import Query
from dagster_airlift_core._dialect.port import UnknownPage
from dagster_airlift_core._transport import LIMIT
from dagster_airlift_core.model import Page, Row

FIRST_WIDTH = timedelta(hours=1)
WIDEST = timedelta(days=30)
DOUBTFUL = timedelta(days=1)
"""So long a span without rows may be one after the last row, if some were deleted since they were counted."""
INSTANT = timedelta(microseconds=1)
"""Airflow keeps stamps to this precision, and both ends of a span are part of it."""
READINGS = 5
"""How often the rows of one instant are read at most."""


def page_of(
    between: Callable[[Query], Page[Row]],
    since: datetime,
    page: str | None,
    *,
    limit: int,
    name: Callable[[Row], str],
    stamp: str = "updated_at",
    until: datetime | None = None,
) -> Page[Row]:
    """Return the rows of the next span, sorted by name, for a page may be read more than once.

    Args:
        between: Asks for the rows between two stamps; its pages tell how many there are in all.
        since: Where the window begins.
        page: Where the span begins, how wide it is to be, and how many rows are left, None for the first one.
        limit: How many rows are asked for at a time.
        name: Names a row.
        stamp: What Airflow calls the stamp.
        until: Where the window ends, None for nowhere.

    Raises:
        UnknownPage: The token is none of ours, or the rows of one instant do not stand still.
    """
    begin, width, left = _parsed(page) if page is not None else (since, FIRST_WIDTH, 0)
    if left is None:
        left = between(_span(stamp, begin, until, 1)).total or 0
    if left <= limit:
        rest = between(_span(stamp, begin, until, limit))
        if _is_whole(rest):
            return _sorted(rest, name, None)
        left = rest.total or 0
    crowded: datetime | None = None
    while True:
        end = min(begin + width, until or begin + width)
        found = between(_span(stamp, begin, end, limit))
        if not _is_whole(found):
            if not width:
                found = _at_one_instant(between, _span(stamp, begin, begin, limit), name)
                return _sorted(found, name, _token(begin + INSTANT, FIRST_WIDTH, None))
            crowded, width = end, min(width // 2, _filled(width, found.received, found.total or 1))
        elif not found.received and crowded and end < crowded:
            begin, width = end + INSTANT, (crowded - end) // 2
        else:
            return _sorted(found, name, _after(begin + width, width, left, limit, found.received))


def _after(end: datetime, width: timedelta, left: int, limit: int, received: int) -> str:
    """Return the token of the span after one of so many rows; after a day without any it is not known what is left."""
    next_width = min(width * 2, _filled(width, limit, received)) if received else width * 2
    rest = max(0, left - received) if received or width < DOUBTFUL else None
    return _token(end + INSTANT, max(INSTANT, min(next_width, WIDEST)), rest)


def _filled(width: timedelta, limit: int, rows: int) -> timedelta:
    """Return how wide a span with most of a page's rows is, if they come as evenly as these."""
    return width * (limit * 4) // (rows * 5)


def _at_one_instant(
    between: Callable[[Query], Page[Row]], instant: Query, name: Callable[[Row], str]
) -> Page[Row]:
    """Read the rows of one instant by offsets, until two readings agree.

    A row leaves its instant when it is changed, and the others move up: then one of them may be passed over.
    """
    before: frozenset[str] | None = None
    for _ in range(READINGS):
        found = _by_offsets(between, instant)
        names = frozenset(name(row) for row in found.rows)
        if names == before and _is_whole(found):
            return found
        before = names
    raise UnknownPage(f"the rows that Airflow stamped {instant[-1][1]} change while they are read")


def all_of(between: Callable[[Query], Page[Row]], query: Query, *, name: Callable[[Row], str]) -> Page[Row]:
    """Read a whole list that has no order by offsets, until each of its rows was there in one reading.

    Args:
        between: Asks for rows; its pages tell how many there are in all.
        query: Filters and the number of rows at a time.
        name: Names a row.

    Raises:
        UnknownPage: The rows do not stand still.
    """
    for _ in range(READINGS):
        found = _by_offsets(between, query)
        if len({name(row) for row in found.rows}) + len(found.bad_rows) >= (found.total or 0):
            return _sorted(found, name, None)
    raise UnknownPage("the rows of the list change while they are read")


def _by_offsets(between: Callable[[Query], Page[Row]], span: Query) -> Page[Row]:
    whole = Page[Row]((), (), 0, None, None)
    while True:
        page = between([*span, ("offset", str(whole.received))])
        whole = Page(
            rows=(*whole.rows, *page.rows),
            bad_rows=(*whole.bad_rows, *page.bad_rows),
            received=whole.received + page.received,
            next_page=None,
            total=page.total,
        )
        if not page.received or _is_whole(whole):
            return whole


def _is_whole(page: Page[Row]) -> bool:
    return page.received >= (page.total or 0)


def _span(stamp: str, begin: datetime, end: datetime | None, limit: int) -> Query:
    until = [(f"{stamp}_lte", _text(end))] if end else []
    return [(LIMIT, str(limit)), (f"{stamp}_gte", _text(begin)), *until]


def _token(begin: datetime, width: timedelta, left: int | None) -> str:
    return f"{_text(begin)}/{width // INSTANT}" + ("" if left is None else f"/{left}")


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _sorted(page: Page[Row], name: Callable[[Row], str], next_page: str | None) -> Page[Row]:
    return Page(tuple(sorted(page.rows, key=name)), page.bad_rows, page.received, next_page)


def _parsed(page: str) -> tuple[datetime, timedelta, int | None]:
    """Return where a span begins, how wide it is to be, and how many rows there were from there on, if known."""
    begin, _, rest = page.partition("/")
    width, _, left = rest.partition("/")
    try:
        instant = datetime.fromisoformat(begin).astimezone(UTC)
        span = max(timedelta(0), min(timedelta(microseconds=int(width)), WIDEST))
        return instant, span, int(left) if left else None
    except (ValueError, OverflowError) as error:
        raise UnknownPage(f"no page begins at {page!r}") from error


def counted(page: Page[Row]) -> Page[Row]:
    """Return a page that tells how many rows there are in all.

    Args:
        page: A page.

    Raises:
        ValueError: It does not tell.
    """
    if page.total is None:
        raise ValueError("it has no number 'total_entries'")
    return page
