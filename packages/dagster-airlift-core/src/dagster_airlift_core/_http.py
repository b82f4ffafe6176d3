"""The one place that speaks HTTP: one session, time limits, retries of GET, a cap on answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from dagster_airlift_core.errors import AirflowPayloadError, AirflowUnreachable

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
TOTAL_SECONDS = 25.0
"""No retry begins, and no answer is read on, after this long."""
MAX_BYTES = 16 * 1024 * 1024
ATTEMPTS = 3
CONNECTIONS = 8
"""As many questions are asked at a time at most; each has a connection that is kept open."""
_RETRIED = frozenset({429, 500, 502, 503, 504})
_CHUNK = 64 * 1024
_TOO_MANY = 429
_REFUSED = 400


@dataclass(frozen=True)
class Request:
    """A call: method, path below the base URL with its parts quoted, query and JSON body."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Answer:
    """What came back: status, the `Date` of the server, and the parsed JSON."""

    url: str
    status: int
    date: datetime | None
    payload: object


class _Bearer(AuthBase):
    """Sets our headers; its presence keeps requests from reading a .netrc file instead."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers.update(self._headers)
        return r


class HttpClient:
    """Sends requests below one base URL; errors name the instance, the URL, the cause and the remedy.

    Args:
        base_url: URL of Airflow's web server, without the path of the API.
        whom: How errors call the server, such as `Airflow instance 'prod'`.
        sleep: Waits that many seconds between two attempts.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        base_url: str,
        whom: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url
        self.whom = whom
        self._sleep = sleep
        self._clock = clock
        # One session for all threads: its pool of connections is locked, and without cookies and with
        # headers given per request nothing else in it changes.
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def send(self, request: Request, headers: Mapping[str, str]) -> Answer:
        """Return the JSON answer of any status but those that say "later"; only GET is sent again."""
        deadline = self._clock() + TOTAL_SECONDS
        attempts = ATTEMPTS if request.method == "GET" else 1
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

    def _attempt(self, request: Request, headers: Mapping[str, str], deadline: float) -> Answer | _Failure:
        url = f"{self.base_url}{request.path}"
        try:
            with self._session.request(
                request.method,
                url,
                params=request.query,
                json=request.body,
                auth=_Bearer({"Accept": "application/json", **headers}),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code in _RETRIED:
                    return self._later(request, response)
                return self._answer(request, response, deadline)
        except requests.RequestException as cause:
            message = (
                f"{self.whom} at {self.base_url} cannot be reached: {_reason(cause)}. "
                "Check the URL, that Airflow's API server runs, and that this machine may connect to it."
            )
            return _Failure(AirflowUnreachable(message, method=request.method, url=url))

    def _later(self, request: Request, response: requests.Response) -> _Failure:
        status = response.status_code
        what = "is asked too often" if status == _TOO_MANY else "has a problem of its own"
        message = (
            f"{self.whom} at {self.base_url} {what}: {request.method} {request.path} answered HTTP {status}. "
            "Look at the log of Airflow's API server."
        )
        error = AirflowUnreachable(message, method=request.method, url=response.url, status=status)
        return _Failure(error, pause=_retry_after(response.headers.get("Retry-After")))

    def _answer(self, request: Request, response: requests.Response, deadline: float) -> Answer:
        if response.is_redirect:
            target = response.headers.get("Location", "").partition("?")[0]
            raise self._unexpected(
                request,
                response,
                f"redirects {request.method} {request.path} to {target!r}. Redirects are not followed, they "
                "would carry the credentials elsewhere: give the final URL of Airflow's web server, or, if "
                "that is a login page, a way in for programs.",
            )
        kind = response.headers.get("Content-Type", "no content type").partition(";")[0]
        date = _date(response.headers.get("Date"))
        if kind != "application/json" and not kind.endswith("+json"):
            if response.status_code >= _REFUSED:
                return Answer(response.url, response.status_code, date, {"detail": f"a page of {kind}"})
            raise self._unexpected(
                request,
                response,
                f"answered {request.method} {request.path} with {kind} instead of JSON, likely a login page "
                "or a proxy. Give the URL under which Airflow's own REST API answers.",
            )
        return Answer(response.url, response.status_code, date, self._json(request, response, deadline))

    def _json(self, request: Request, response: requests.Response, deadline: float) -> object:
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

    def _body(self, request: Request, response: requests.Response, deadline: float) -> bytes:
        parts: list[bytes] = []
        size = 0
        for part in response.iter_content(_CHUNK):
            size += len(part)
            parts.append(part)
            if size > MAX_BYTES:
                raise self._unexpected(
                    request,
                    response,
                    f"answered {request.method} {request.path} with more than {MAX_BYTES // 1024 // 1024} MB. "
                    "Lower `[api] maximum_page_limit` in Airflow.",
                )
            if self._clock() > deadline:
                raise requests.Timeout(f"the answer took more than {TOTAL_SECONDS:.0f} s")
        return b"".join(parts)

    def _unexpected(self, request: Request, response: requests.Response, what: str) -> AirflowPayloadError:
        return AirflowPayloadError(
            f"{self.whom} at {self.base_url} {what}",
            method=request.method,
            url=response.url,
            status=response.status_code,
        )


@dataclass(frozen=True)
class _Failure:
    """An attempt that may be made again, after a pause when the server named one."""

    error: AirflowUnreachable
    pause: float | None = None


def _reason(cause: requests.RequestException) -> str:
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


def _date(value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return parsedate_to_datetime(value).astimezone(UTC)
    except ValueError:
        return None
