"""Lists that come page by page, read to their ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dagster_airlift_core.errors import AirflowPayloadError
from dagster_airlift_core.model import BadRow, Page, Row


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


def whole(ask: Callable[[int], Page[Row]], whom: str, url: str) -> Page[Row]:
    """Return all pages of a list as one; the server caps a page as it likes, so only rows are counted.

    Args:
        ask: Asks for the rows after so many.
        whom: How errors call the server.
        url: URL of its web server.

    Raises:
        AirflowPayloadError: The same rows come again and again.
    """
    rows: list[Row] = []
    bad: list[BadRow] = []
    received = 0
    last: tuple[Row, ...] = ()
    while True:
        page = ask(received)
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
