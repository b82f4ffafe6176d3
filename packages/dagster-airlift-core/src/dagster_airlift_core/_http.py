"""The one place that speaks HTTP: one session, time limits, retries of GET, a cap on answers."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from dagster_airlift_core._transport import Answer, Request, WebPage, date_of
from dagster_airlift_core.errors import AirflowPayloadError, AirflowUnreachable
from dagster_airlift_core.http_options import DEFAULT_OPTIONS, HttpOptions

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 25.0
"""No retry begins, and no answer is read on, after this long."""
MAX_BYTES = 16 * 1024 * 1024
ATTEMPTS = 3
CONNECTIONS = 8
"""As many questions are asked at a time at most; each has a connection that is kept open."""
_SENT_AGAIN = frozenset({"GET", "PATCH"})
"""Two of these do what one does."""
_RETRIED = frozenset({429, 500, 502, 503, 504})
_CHUNK = 64 * 1024
_TOO_MANY = 429
_GATEWAY_TIMEOUT = 504
_NO_ANSWER = (requests.RequestException, urllib3.exceptions.HTTPError)
_REFUSED = 400


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
        # One session for all threads: its pool of connections is locked, and without cookies and with
        # headers given per request nothing else in it changes.
        self._session = requests.Session()
        self._session.trust_env = False  # what it names is looked up once, in `_way`
        self._session.headers.update(options.headers)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))

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
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in (cookies or {}).items())}
        try:
            with self._open(method, path, sent if cookies else {}, deadline, form=form) as response:
                body = self._body(Request(method, path), response, deadline)
                given = {cookie.name: cookie.value or "" for cookie in response.cookies}
                location = response.headers.get("Location", "")
                return WebPage(response.status_code, body.decode(errors="replace"), location, given)
        except _NO_ANSWER as cause:
            raise self._unreachable(method, path, cause) from None

    def _open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        deadline: float,
        *,
        query: tuple[tuple[str, str], ...] = (),
        json: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> requests.Response:
        seconds = max(0.1, min(self._options.timeout_seconds, deadline - self._clock()))
        return self._session.request(
            method,
            f"{self.base_url}{path}",
            auth=_Bearer(headers),
            timeout=(CONNECT_SECONDS, seconds),
            allow_redirects=False,
            params=query,
            json=json,
            data=form,
            **self._way,
        )

    @cached_property
    def _way(self) -> dict[str, Any]:
        """The proxy, the certificates, and what the environment says of them; to ask it costs a fifth of a request."""
        options = self._options
        proxies = {"http": options.proxy, "https": options.proxy} if options.proxy else {}
        with requests.Session() as asked:
            asked.trust_env = options.trust_environment
            settings = asked.merge_environment_settings(
                self.base_url, proxies, stream=True, verify=options.verify, cert=options.client_certificate
            )
            return {**settings}

    def _attempt(self, request: Request, headers: Mapping[str, str], deadline: float) -> Answer | _Failure:
        sent = {"Accept": "application/json", **headers}
        try:
            with self._open(
                request.method, request.path, sent, deadline, query=request.query, json=request.body
            ) as response:
                if response.status_code in _RETRIED:
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

    def _later(self, request: Request, response: requests.Response) -> _Failure:
        status = response.status_code
        what = "is asked too often" if status == _TOO_MANY else "has a problem of its own"
        message = (
            f"{self.whom} at {self.base_url} {what}: {request.method} {request.path} answered HTTP {status}. "
            "Look at the log of Airflow's API server."
        )
        is_too_much = status == _GATEWAY_TIMEOUT
        error = AirflowUnreachable(
            message, method=request.method, url=response.url, status=status, is_too_much=is_too_much
        )
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
        date = date_of(response.headers.get("Date"))
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
        # Whatever has arrived, however little: waiting for a whole chunk, one would wait on a server that drips.
        while part := response.raw.read1(_CHUNK, decode_content=True):
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

    def _unexpected(
        self, request: Request, response: requests.Response, what: str, *, is_too_much: bool = False
    ) -> AirflowPayloadError:
        return AirflowPayloadError(
            f"{self.whom} at {self.base_url} {what}",
            method=request.method,
            url=response.url,
            status=response.status_code,
            is_too_much=is_too_much,
        )


@dataclass(frozen=True)
class _Failure:
    """An attempt that may be made again, after a pause when the server named one."""

    error: AirflowUnreachable
    pause: float | None = None


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
