"""A list that a server gives page by page, as one page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from dagster_airlift_core.model import BadRow, Page, Row

_AHEAD = 200
"""So many pages are asked for at most before the ones before them are in: a total may be anything."""


class SameRows(ValueError):
    """A page that repeats the one before it, wherever it is said to begin."""


def whole(ask: Callable[[int], Page[Row]], at_a_time: int) -> Page[Row]:
    """Return all pages of a list as one; the server caps a page as it likes, so only rows are counted.

    Args:
        ask: Asks for the page after so many rows.
        at_a_time: How many pages may be asked for at a time.

    Raises:
        SameRows: The server does not look at where a page begins.
    """
    rows: list[Row] = []
    bad: list[BadRow] = []
    received = 0
    last: tuple[Row, ...] = ()
    ahead = _ahead(ask, at_a_time)
    while True:
        page = ahead.get(received) or ask(received)
        if not page.received:
            return Page(tuple(rows), tuple(bad), received, None)
        if page.rows and page.rows == last:
            raise SameRows("Something before it drops or does not look at the query: let that pass.")
        last = page.rows
        received += page.received
        rows.extend(page.rows)
        bad.extend(page.bad_rows)


def _ahead(ask: Callable[[int], Page[Row]], at_a_time: int) -> Mapping[int, Page[Row]]:
    """Return the pages by where they begin, as far as the first one tells: if it says how many rows there are.

    Where another page is shorter than the first, those after it begin elsewhere, and are asked for again.
    """
    first = ask(0)
    begins = range(first.received, first.total or 0, first.received or 1)[:_AHEAD]
    if not begins:
        return {0: first}
    with ThreadPoolExecutor(at_a_time, "airlift") as threads:
        return {0: first, **dict(zip(begins, threads.map(ask, begins), strict=True))}
