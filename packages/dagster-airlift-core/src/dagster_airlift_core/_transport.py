"""What travels between us and Airflow, however it travels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

LIMIT = "limit"


@dataclass(frozen=True)
class Request:
    """A call: method, path below the base URL with its parts quoted, query and JSON body."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, object] | None = None

    @property
    def limit(self) -> int | None:
        """How many rows are asked for at most, None where the answer is no page of a list."""
        return next((int(value) for name, value in self.query if name == LIMIT), None)

    def of_at_most(self, rows: int) -> Request:
        """Return the same request for so many rows at most."""
        query = tuple((name, str(rows) if name == LIMIT else value) for name, value in self.query)
        return replace(self, query=query)


@dataclass(frozen=True)
class Answer:
    """What came back: status, the `Date` of the server, and the parsed JSON."""

    url: str
    status: int
    date: datetime | None
    payload: object


@dataclass(frozen=True)
class WebPage:
    """What the web pages around a login answer: status, text, where it leads, and the cookies it sets."""

    status: int
    text: str
    location: str
    cookies: Mapping[str, str] = field(repr=False)


class Transport(Protocol):
    """Carries requests to one Airflow; errors name the instance, the URL, the cause and the remedy."""

    @property
    def base_url(self) -> str:
        """URL of the web server, without the path of the API."""
        ...

    @property
    def whom(self) -> str:
        """How errors call the server, such as `Airflow instance 'prod'`."""
        ...

    def send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """Return the JSON answer of any status but those that say "later"; GET and PATCH are sent again.

        Args:
            request: The request.
            headers: Headers that carry the credentials.

        Raises:
            AirflowUnreachable: There was no answer in time.
            AirflowPayloadError: The answer is no JSON, or too large.
        """
        ...

    def browse(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> WebPage:
        """Return a web page as it is, without following where it leads.

        Args:
            method: HTTP method.
            path: Path below the base URL.
            form: Fields of a form.
            cookies: Cookies to send.

        Raises:
            AirflowUnreachable: There was no answer in time.
        """
        ...


def date_of(value: str | None) -> datetime | None:
    """Return the instant of a `Date` header, None when there is none that can be read."""
    if value is None:
        return None
    try:
        return parsedate_to_datetime(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
