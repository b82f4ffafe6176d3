"""All pages of a list as one."""

from __future__ import annotations

from collections.abc import Callable

from dagster_airlift_core.errors import AirflowPayloadError
from dagster_airlift_core.model import BadRow, Page, Row


def whole_list(ask: Callable[[int], Page[Row]], url: str) -> Page[Row]:
    """Return all pages of a list as one; the server caps a page as it likes, so only rows are counted.

    Args:
        ask: Asks for the page after so many rows.
        url: Whom it asks.

    Raises:
        AirflowPayloadError: The server gives the same page again and again.
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
                f"The Airflow at {url} gives the same rows again and again, whatever page is asked for. Something "
                "before it drops or does not look at the query: let that pass."
            )
            raise AirflowPayloadError(message, method="GET", url=url)
        last = page.rows
        received += page.received
        rows.extend(page.rows)
        bad.extend(page.bad_rows)
