"""Questions to one Airflow instance with its credentials, and the errors that its refusals stand for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import datetime

from dagster_airlift_core._dialect import V1, V2, Dialect, UnknownPage, reading, refusals
from dagster_airlift_core._dialect.port import Value
from dagster_airlift_core._places import place_of
from dagster_airlift_core._transport import Answer, Request, Transport, WebPage
from dagster_airlift_core.auth import AirflowAuthBackend, NoToken
from dagster_airlift_core.errors import (
    AirflowApiError,
    AirflowNotFound,
    AirflowPayloadError,
    AirflowUnauthorized,
    AirflowUnreachable,
    AirliftError,
)

_log = logging.getLogger(__name__)

IN_VAIN_SECONDS = 60.0
"""For so long no new credentials are got when something is forbidden, after new ones were forbidden it too."""
FEWEST = 5
"""A page of so few rows that is still too large, or still takes too long, is given up."""
_NOT_FOUND = 404
_UNAUTHORISED = 401
_FORBIDDEN = 403
_REFUSED = 400
_TOO_LARGE = 413


class Conversation:
    """Asks one Airflow instance; which version it speaks is found out once.

    Args:
        transport: Carries requests to it.
        auth: The credentials.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self, transport: Transport, auth: AirflowAuthBackend, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._transport = transport
        self._auth = auth
        self._clock = clock
        self._lock = threading.Lock()
        self._dialect: Dialect | None = None
        self._renewed_in_vain_at = float("-inf")
        self._at_most: int | None = None
        self.heard_at: datetime | None = None

    @property
    def whom(self) -> str:
        """How errors call the instance."""
        return self._transport.whom

    @property
    def base_url(self) -> str:
        """URL of the web server."""
        return self._transport.base_url

    @property
    def speaks_v1(self) -> bool:
        """Whether it is known to be an Airflow 2."""
        return self._dialect is V1

    @property
    def dialect(self) -> Dialect:
        """The version of the REST API that the server speaks; asked once."""
        with self._lock:
            if self._dialect is None:
                self._handshake()
            return self._dialect or V2

    @property
    def api(self) -> str:
        """Path of the REST API."""
        return (self._dialect or V2).api

    def version(self) -> str:
        """Return the version of Airflow."""
        return self._read(reading.version, self._hello())

    def server_time(self) -> datetime:
        """Return the time of the server, in UTC."""
        answer = self._hello()
        if answer.date is None:
            raise AirflowPayloadError(
                f"{self._where} answered without a usable `Date` header, and only the server's own clock "
                "tells how far it was read. Let the proxy in front of it pass that header on.",
                method="GET",
                url=answer.url,
                status=answer.status,
            )
        return answer.date

    def ask(self, request: Request, read: Callable[[object], Value], /) -> Value:
        """Send a request and return what its answer says; a page that is too much is asked for in parts.

        Args:
            request: The request.
            read: Reads the JSON of the answer; a ValueError says that it has another form.

        Raises:
            AirflowApiError: There was no good answer.
        """
        is_slow = False
        while True:
            limit = request.limit
            if limit and self._at_most:
                request = request.of_at_most(min(limit, self._at_most))
            try:
                return self._read(read, self._get(request))
            except AirflowApiError as error:
                limit = request.limit or 0
                if not error.is_too_much or limit <= FEWEST or is_slow:
                    raise
                # Each attempt at a slow answer takes the whole time allowed: one more, and the next time fewer.
                is_slow = isinstance(error, AirflowUnreachable)
                self._at_most = max(FEWEST, limit // 2)
                _log.warning("%s Asking for %d rows at a time from now on.", error, self._at_most)

    @contextmanager
    def knowing_pages(self) -> Generator[None]:
        """Say of a page token that means nothing what the server would say of one, with the same status.

        Raises:
            AirflowApiError: There is no such page.
        """
        try:
            yield
        except UnknownPage as error:
            message = f"{self._where} has no such page ({error}). Begin with the first one."
            url = self._transport.base_url
            raise AirflowApiError(message, method="GET", url=url, status=_REFUSED) from error

    @property
    def _where(self) -> str:
        return f"{self._transport.whom} at {self._transport.base_url}"

    def post(self, path: str, body: Mapping[str, str]) -> object:
        """Post JSON to a path of the web server, without credentials, and return the parsed answer."""
        request = Request("POST", path, body=body)
        return self._accept(request, self._transport.send(request, {})).payload

    def browse(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> WebPage:
        """Return a web page as it is, without following where it leads."""
        return self._transport.browse(method, path, form=form, cookies=cookies)

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the REST API answers a request with these headers."""
        request = Request("GET", f"{self.api}/dags", (("limit", "1"),))
        return self._transport.send(request, headers).status < _REFUSED

    def refused(self, reason: str) -> AirflowUnauthorized:
        """Return the error for credentials that the server does not accept."""
        message = f"{self._where} does not accept the credentials: {reason}."
        return AirflowUnauthorized(message, method="POST", url=self._transport.base_url)

    def _hello(self) -> Answer:
        """Ask for the version, which also tells the time."""
        if self._dialect is None:
            with self._lock:
                return self._handshake()
        request = Request("GET", f"{self.api}/version")
        return self._accept(request, self._first(request))

    def _handshake(self) -> Answer:
        request = Request("GET", f"{V2.api}/version")
        answer = self._first(request)
        if answer.status == _NOT_FOUND:
            request = Request("GET", f"{V1.api}/version")
            answer = self._first(request)
        if answer.status != _NOT_FOUND:
            # The number decides, not the path: a managed service may choose the path itself.
            number = self._read(reading.version, self._accept(request, answer))
            self._dialect = V1 if number.startswith("2.") else V2
            return answer
        raise AirflowNotFound(
            f"{self._where} has neither {V2.api}/version nor {V1.api}/version: it is no Airflow 2.11 or 3, "
            "or the URL is not that of its web server.",
            method="GET",
            url=answer.url,
            status=answer.status,
        )

    def _first(self, request: Request) -> Answer:
        """Send a request that needs no credentials of Airflow, yet perhaps those of what stands before it."""
        return self._transport.send(request, {}) if self._auth.needs_login else self._authorised(request)

    def _get(self, request: Request) -> Answer:
        return self._accept(request, self._authorised(request))

    def _authorised(self, request: Request) -> Answer:
        """Send a request with credentials, and once more with new ones when these were refused."""
        headers = self._headers()
        answer = self._transport.send(request, headers)
        if not self._may_be_expired(answer):
            return answer
        self._auth.forget(headers)
        renewed = self._headers()
        if renewed == headers:
            return answer
        answer = self._transport.send(request, renewed)
        if answer.status == _FORBIDDEN:
            self._renewed_in_vain_at = self._clock()
        return answer

    def _may_be_expired(self, answer: Answer) -> bool:
        if answer.status == _FORBIDDEN and self._clock() - self._renewed_in_vain_at < IN_VAIN_SECONDS:
            return False
        return (self._dialect or V2).may_be_expired(answer)

    def _headers(self) -> Mapping[str, str]:
        try:
            headers = self._auth.headers(self)
        except AirliftError:
            raise
        except NoToken as error:
            raise AirflowPayloadError(
                f"{self._where} answered the login in a form that is not understood: {error}.",
                method="POST",
                url=self._transport.base_url,
            ) from error
        except Exception as error:  # noqa: BLE001 - a function of the user may raise anything
            # Without its text and its cause: they may hold what the function was about to return.
            message = (
                f"There are no credentials for {self._where}: {type(error).__name__} was raised in "
                f"{place_of(error)}. Call that by itself to see all of it; here it could show a secret."
            )
            raise AirflowUnauthorized(message, method="GET", url=self._transport.base_url) from None
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise self.refused("no HTTP header takes all of their characters. Look for a line break in them")
        return headers

    def _accept(self, request: Request, answer: Answer) -> Answer:
        """Return an answer with a good status; raise the error that says what the other one means."""
        if answer.status < _REFUSED:
            self.heard_at = answer.date or self.heard_at
            return answer
        said = f"{request.method} {request.path} answered HTTP {answer.status}: {refusals.detail(answer)}"
        kind, what, remedy = self._meaning(request, answer)
        message = f"{self._where} {what} ({said}). {remedy}"
        is_too_much = answer.status == _TOO_LARGE
        raise kind(
            message, method=request.method, url=answer.url, status=answer.status, is_too_much=is_too_much
        )

    def _meaning(self, request: Request, answer: Answer) -> tuple[type[AirflowApiError], str, str]:
        """Return which error an answer stands for, what it means, and what to do about it."""
        status = answer.status
        if status == _UNAUTHORISED or (not self.speaks_v1 and V2.may_be_expired(answer)):
            is_login = request.method == "POST"
            remedy = "Check username and password." if is_login else "They may have expired or been revoked."
            return AirflowUnauthorized, "does not accept the credentials", remedy
        deed = "read" if request.method == "GET" else "do"
        if status == _FORBIDDEN and self.speaks_v1:
            what = f"does not accept the credentials, or does not let this user {deed} that"
            return AirflowUnauthorized, what, f"Check them. {refusals.missing_right(request)}"
        if status == _FORBIDDEN:
            return AirflowUnauthorized, f"does not let this user {deed} that", refusals.missing_right(request)
        if status == _NOT_FOUND:
            return AirflowNotFound, "does not have that", "Look for what was renamed or deleted in Airflow."
        if status == _TOO_LARGE:
            return AirflowApiError, "has too much to say at once", "Raise the limit of the proxy before it."
        is_read = request.method == "GET"
        what = "does not understand the request" if is_read else "refuses that"
        remedy = "Check that it is an Airflow 2.11 or 3.3." if is_read else "Change what is asked for."
        return AirflowApiError, what, remedy

    def _read(self, read: Callable[[object], Value], answer: Answer) -> Value:
        try:
            return read(answer.payload)
        except ValueError as error:
            raise AirflowPayloadError(
                f"{self._where} answered in a form that is not understood: {error}. "
                "Check that the URL is that of Airflow's own web server.",
                method="GET",
                url=answer.url,
                status=answer.status,
            ) from error
