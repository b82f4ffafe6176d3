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
INSTANT = timedelta(microseconds=1)
"""Airflow keeps stamps to this precision, and both ends of a span are part of it."""
READINGS = 5
"""How often the rows of one instant are read at most, until two pages of them fit together."""


def page_of(
    between: Callable[[Query], Page[Row]],
    since: datetime,
    page: str | None,
    *,
    limit: int,
    name: Callable[[Row], str],
) -> Page[Row]:
    """Return the rows of the next span, sorted by name, for a page may be read more than once.

    Args:
        between: Asks for the rows between two stamps; its pages tell how many there are in all.
        since: Where the window begins.
        page: Where the span begins and how wide it is to be, None for the first one.
        limit: How many rows are asked for at a time.
        name: Names a row.

    Raises:
        UnknownPage: The token is none of ours, or the rows of one instant do not stand still.
    """
    begin, width = _parsed(page) if page is not None else (since, FIRST_WIDTH)
    if page is None or (between(_span(begin, None, 1)).total or 0) <= limit:
        rest = between(_span(begin, None, limit))
        if _is_whole(rest):
            return _sorted(rest, name, None)
    while True:
        found = between(_span(begin, begin + width, limit))
        if _is_whole(found):
            next_width = width * 2 if found.received <= limit // 2 else width
            return _sorted(
                found, name, _token(begin + width + INSTANT, max(INSTANT, min(next_width, WIDEST)))
            )
        if not width:
            found = _at_one_instant(between, begin, limit, name)
            return _sorted(found, name, _token(begin + INSTANT, FIRST_WIDTH))
        width //= 2


def _at_one_instant(
    between: Callable[[Query], Page[Row]], at: datetime, limit: int, name: Callable[[Row], str]
) -> Page[Row]:
    """Read the rows of one instant by offsets, each page beginning with the last row of the one before.

    A row leaves its instant when it is changed, and the others move up: then these two differ.
    """
    for _ in range(READINGS):
        found = between(_span(at, at, limit))
        while not _is_whole(found):
            more = between([*_span(at, at, limit), ("offset", str(found.received - 1))])
            if more.received <= 1 or not _fit(found, more, name):
                break
            rows = tuple({name(row): row for row in (*found.rows, *more.rows)}.values())
            received = found.received + more.received - 1
            found = Page(rows, (*found.bad_rows, *more.bad_rows), received, None, more.total)
        else:
            return found
    raise UnknownPage(f"the rows that Airflow stamped {at.isoformat()} change while they are read")


def _fit(found: Page[Row], more: Page[Row], name: Callable[[Row], str]) -> bool:
    """Tell whether the last row of a page is the first of the next; a row that has no name may be any."""
    if found.bad_rows or more.bad_rows:
        return True
    return name(found.rows[-1]) == name(more.rows[0])


def _is_whole(page: Page[Row]) -> bool:
    return page.received >= (page.total or 0)


def _span(begin: datetime, end: datetime | None, limit: int) -> Query:
    until = [("updated_at_lte", _text(end))] if end else []
    return [(LIMIT, str(limit)), ("updated_at_gte", _text(begin)), *until]


def _token(begin: datetime, width: timedelta) -> str:
    return f"{_text(begin)}/{width // INSTANT}"


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _sorted(page: Page[Row], name: Callable[[Row], str], next_page: str | None) -> Page[Row]:
    return Page(tuple(sorted(page.rows, key=name)), page.bad_rows, page.received, next_page)


def _parsed(page: str) -> tuple[datetime, timedelta]:
    begin, _, width = page.partition("/")
    try:
        instant = datetime.fromisoformat(begin).astimezone(UTC)
        return instant, max(timedelta(0), min(timedelta(microseconds=int(width)), WIDEST))
    except (ValueError, OverflowError) as error:
        raise UnknownPage(f"no page begins at {page!r}") from error
