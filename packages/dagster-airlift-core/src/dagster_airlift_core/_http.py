"""The one place that speaks HTTP: time limits, retries of GET, a cap on answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

import requests
import urllib3

from dagster_airlift_core._route import Query, Route
from dagster_airlift_core._transport import Answer, Request, WebPage, date_of
from dagster_airlift_core.errors import AirflowPayloadError, AirflowUnreachable
from dagster_airlift_core.http_options import DEFAULT_OPTIONS, HttpOptions

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 25.0
"""No retry begins, and no answer is read on, after this long."""
MAX_BYTES = 16 * 1024 * 1024
ATTEMPTS = 3
_SENT_AGAIN = frozenset({"GET", "PATCH"})
"""Two of these do what one does."""
_RETRIED = frozenset({429, 500, 502, 503, 504})
_CHUNK = 64 * 1024
_TOO_MANY = 429
_GATEWAY_TIMEOUT = 504
_NO_ANSWER = (requests.RequestException, urllib3.exceptions.HTTPError)
_REFUSED = 400


class HttpClient:
    """Sends requests below one base URL; errors name the instance, the URL, the cause and the remedy.

    Args:
        base_url: URL of Airflow's web server, without the path of the API.
        whom: How errors call the server, such as `Airflow instance 'prod'`.
        options: How HTTP gets there.
        sleep: Waits that many seconds between two attempts.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        base_url: str,
        whom: str,
        options: HttpOptions = DEFAULT_OPTIONS,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url
        self.whom = whom
        self._options = options
        self._sleep = sleep
        self._clock = clock

    def send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """Return the JSON answer of any status but those that say "later"; GET and PATCH are sent again."""
        deadline = self._clock() + TOTAL_SECONDS
        attempts = ATTEMPTS if request.method in _SENT_AGAIN else 1
        attempt = 0
        while True:
            attempt += 1
            outcome = self._attempt(request, headers, deadline)
            if isinstance(outcome, Answer):
                return outcome
            pause = max(outcome.pause or 0.0, 0.5 * 2 ** (attempt - 1))
            if attempt == attempts or self._clock() + pause > deadline:
                # Without its cause: Dagster shows the stack of each, and the sentence names the reason.
                raise outcome.error from None
            self._sleep(pause)

    def browse(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> WebPage:
        """Return a web page as it is, without following where it leads."""
        deadline = self._clock() + TOTAL_SECONDS
        headers = (
            {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
        )
        body = urlencode(form).encode() if form is not None else None
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            with self._open(method, path, headers, deadline, body=body) as response:
                text = self._body(Request(method, path), response, deadline).decode(errors="replace")
                location = response.headers.get("Location", "")
                return WebPage(response.status, text, location, _cookies(response))
        except _NO_ANSWER as cause:
            raise self._unreachable(method, path, cause) from None

    def _open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        deadline: float,
        *,
        query: Query = (),
        body: bytes | None = None,
    ) -> AbstractContextManager[urllib3.BaseHTTPResponse]:
        seconds = max(0.1, min(self._options.timeout_seconds, deadline - self._clock()))
        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds)
        return self._route.open(method, path, headers, timeout, query=query, body=body)

    @cached_property
    def _route(self) -> Route:
        return Route.to(self.base_url, self._options)

    def _attempt(self, request: Request, headers: Mapping[str, str], deadline: float) -> Answer | _Failure:
        sent = {"Accept": "application/json", **headers}
        body = None
        if request.body is not None:
            body = json.dumps(request.body).encode()
            sent["Content-Type"] = "application/json"
        try:
            with self._open(
                request.method, request.path, sent, deadline, query=request.query, body=body
            ) as response:
                if response.status in _RETRIED:
                    return self._later(request, response)
                return self._answer(request, response, deadline)
        except _NO_ANSWER as cause:
            return _Failure(self._unreachable(request.method, request.path, cause))

    def _unreachable(self, method: str, path: str, cause: Exception) -> AirflowUnreachable:
        url = f"{self.base_url}{path}"
        message = (
            f"{self.whom} at {self.base_url} cannot be reached: {_reason(cause)}. "
            "Check the URL, that Airflow's API server runs, and that this machine may connect to it."
        )
        is_slow = isinstance(cause, (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError))
        return AirflowUnreachable(message, method=method, url=url, is_too_much=is_slow)

    def _later(self, request: Request, response: urllib3.BaseHTTPResponse) -> _Failure:
        status = response.status
        what = "is asked too often" if status == _TOO_MANY else "has a problem of its own"
        message = (
            f"{self.whom} at {self.base_url} {what}: {request.method} {request.path} answered HTTP {status}. "
            "Look at the log of Airflow's API server."
        )
        is_too_much = status == _GATEWAY_TIMEOUT
        error = AirflowUnreachable(
            message, method=request.method, url=self._url(request), status=status, is_too_much=is_too_much
        )
        return _Failure(error, pause=_retry_after(response.headers.get("Retry-After")))

    def _answer(self, request: Request, response: urllib3.BaseHTTPResponse, deadline: float) -> Answer:
        if response.get_redirect_location():
            target = response.headers.get("Location", "").partition("?")[0]
            raise self._unexpected(
                request,
                response,
                f"redirects {request.method} {request.path} to {target!r}. Redirects are not followed, they "
                "would carry the credentials elsewhere: give the final URL of Airflow's web server, or, if "
                "that is a login page, a way in for programs.",
            )
        kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
        date = date_of(response.headers.get("Date"))
        if kind != "application/json" and not kind.endswith("+json"):
            if response.status >= _REFUSED:
                return Answer(self._url(request), response.status, date, {"detail": f"a page of {kind}"})
            raise self._unexpected(
                request,
                response,
                f"answered {request.method} {request.path} with {kind} instead of JSON, likely a login page "
                "or a proxy. Give the URL under which Airflow's own REST API answers.",
            )
        return Answer(self._url(request), response.status, date, self._json(request, response, deadline))

    def _json(self, request: Request, response: urllib3.BaseHTTPResponse, deadline: float) -> object:
        body = self._body(request, response, deadline)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._unexpected(
                request,
                response,
                f"answered {request.method} {request.path} with broken JSON of {len(body)} bytes. "
                "Something between here and Airflow cuts answers short.",
            ) from error

    def _body(self, request: Request, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        # Whatever has arrived, however little: waiting for a whole chunk, one would wait on a server that drips.
        while part := response.read1(_CHUNK, decode_content=True):
            size += len(part)
            parts.append(part)
            if size > MAX_BYTES:
                raise self._unexpected(
                    request,
                    response,
                    f"answered {request.method} {request.path} with more than {MAX_BYTES // 1024 // 1024} MB. "
                    "Lower `[api] maximum_page_limit` in Airflow.",
                    is_too_much=True,
                )
            if self._clock() > deadline:
                raise requests.ReadTimeout(f"the answer took more than {TOTAL_SECONDS:.0f} s")
        return b"".join(parts)

    def _url(self, request: Request) -> str:
        return f"{self.base_url}{request.path}"

    def _unexpected(
        self, request: Request, response: urllib3.BaseHTTPResponse, what: str, *, is_too_much: bool = False
    ) -> AirflowPayloadError:
        return AirflowPayloadError(
            f"{self.whom} at {self.base_url} {what}",
            method=request.method,
            url=self._url(request),
            status=response.status,
            is_too_much=is_too_much,
        )


@dataclass(frozen=True)
class _Failure:
    """An attempt that may be made again, after a pause when the server named one."""

    error: AirflowUnreachable
    pause: float | None = None


def _cookies(response: urllib3.BaseHTTPResponse) -> Mapping[str, str]:
    """Return the cookies that an answer sets, by name, as they are to be sent back."""
    pairs = (header.partition(";")[0].partition("=") for header in response.headers.getlist("Set-Cookie"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _reason(cause: Exception) -> str:
    """Say in one clause why there was no answer; the innermost error is the one that knows."""
    inner: BaseException = cause
    while inner.args and isinstance(inner.args[0], BaseException):
        inner = inner.args[0]
    reason = getattr(inner, "reason", None)
    text = str(reason if isinstance(reason, BaseException) else inner)
    return text.rpartition(": ")[2].rstrip(".") or type(cause).__name__


def _retry_after(value: str | None) -> float | None:
    """Seconds of a `Retry-After` header; its rare form with a date counts as absent."""
    return float(value) if value and value.isdecimal() else None
