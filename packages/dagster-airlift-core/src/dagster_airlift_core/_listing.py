"""Lists that come page by page, read to their ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from dagster_airlift_core.errors import AirflowPayloadError
from dagster_airlift_core.model import BadRow, Page, Row

_AHEAD = 200
"""So many pages are asked for at most before the ones before them are in: a total may be anything."""


def pages(ask: Callable[[str | None], Page[Row]]) -> Iterator[Page[Row]]:
    """Yield the pages of a list that gives tokens.

    Args:
        ask: Asks for the page of a token, for the first one without.
    """
    token: str | None = None
    while True:
        page = ask(token)
        yield page
        token = page.next_page
        if token is None:
            return


def whole(ask: Callable[[int], Page[Row]], whom: str, url: str, *, at_a_time: int = 1) -> Page[Row]:
    """Return all pages of a list as one; the server caps a page as it likes, so only rows are counted.

    Args:
        ask: Asks for the page after so many rows.
        whom: How errors call the server.
        url: URL of its web server.
        at_a_time: How many pages may be asked for at a time.

    Raises:
        AirflowPayloadError: The same rows come again and again.
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
            message = (
                f"{whom} at {url} gives the same rows again and again, whatever page is asked for. Something before "
                "it drops or does not look at the query: let that pass."
            )
            raise AirflowPayloadError(message, method="GET", url=url)
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
