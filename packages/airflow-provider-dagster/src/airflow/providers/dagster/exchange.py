"""One exchange with Dagster without the wire: what is sent, and what to make of what comes back."""

from __future__ import annotations

import ipaddress
import json
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar, cast
from urllib.parse import quote, urlsplit

import httpx

from airflow.providers.dagster import __version__
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterRunDeleted
from airflow.providers.dagster.model import Refusal

__all__ = ["Call", "DagsterAddress", "Exchange", "is_loopback"]

T = TypeVar("T")

CONNECT_SECONDS = 10.0
MAX_BYTES = 16 * 1024 * 1024
_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, 500
_BODY_SHOWN = 300
_VARIABLE = re.compile(r"Variable '\$\w+' (got invalid value|of required type|of non-null type|has invalid)")
"""How GraphQL begins to say that a variable does not fit, before it does anything."""


@dataclass(frozen=True)
class DagsterAddress:
    """Where Dagster is and how to get in.

    Args:
        url: Address of the webserver, without a slash at its end.
        conn_id: The Airflow connection that says so, for messages.
        headers: What gets in, such as an API token; none for a Dagster that asks for nothing.
        timeout: Seconds to wait for an answer; a launch can take half a minute on a busy machine.
        connect_timeout: Seconds to wait for a connection.
        ca_bundle: File with the certificates to trust, empty for those of the system.
        proxy: Address of an HTTP proxy, empty for that of the environment, if there is one.
    """

    url: str
    conn_id: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    timeout: float = 60.0
    connect_timeout: float = CONNECT_SECONDS
    ca_bundle: str = ""
    proxy: str = field(default="", repr=False)

    def run_url(self, run_id: str) -> str:
        """Address of the page of one run."""
        return f"{self.url}/runs/{quote(run_id, safe='')}"

    def runs_url(self, tag: str, value: str) -> str:
        """Address of the list of all runs with one tag."""
        return f"{self.url}/runs?q[0]={quote(f'tag:{tag}={value}', safe='')}"


@dataclass(frozen=True)
class Call(Generic[T]):
    """A question to Dagster, or an order, as a value; whoever has a client can make it.

    Args:
        document: GraphQL document.
        variables: Its variables.
        parse: Takes the answer out of the data that Dagster sends.
        run_id: The run that it is about, when that has to exist.
    """

    document: str
    variables: Mapping[str, Any]
    parse: Callable[[Mapping[str, Any]], T | Refusal]
    run_id: str = ""

    @property
    def payload(self) -> dict[str, Any]:
        """What to post."""
        return {"query": self.document, "variables": self.variables}


class Exchange:
    """What both clients have to know of HTTP and GraphQL, whether they wait or not.

    Args:
        address: Where Dagster is.
    """

    def __init__(self, address: DagsterAddress) -> None:
        self.address = address
        self.endpoint = f"{address.url}/graphql"

    @property
    def options(self) -> dict[str, Any]:
        """Arguments for a client of httpx; reads the certificates to trust.

        Raises:
            OSError: The bundle of certificates cannot be read.
        """
        address = self.address
        agent = {"User-Agent": f"apache-airflow-providers-dagster/{__version__}"}
        return {
            "headers": {**agent, **address.headers},
            "timeout": httpx.Timeout(address.timeout, connect=address.connect_timeout),
            "proxy": address.proxy or None,
            "verify": ssl.create_default_context(cafile=address.ca_bundle) if address.ca_bundle else True,
            "follow_redirects": False,
            # A proxy of the environment has no business with this machine itself.
            "trust_env": not is_loopback(address.url),
        }

    def collect(self, body: bytearray, chunk: bytes, response: httpx.Response) -> None:
        """Append a piece of an answer.

        Raises:
            DagsterApiError: The answer is too large.
        """
        body += chunk
        if len(body) > MAX_BYTES:
            raise self._error(f"sent more than {MAX_BYTES:,} bytes", status=response.status_code)

    def broke_off(self, error: httpx.TransportError) -> NoReturn:
        """Say what it means that there is no answer.

        Raises:
            DagsterApiError: Always.
        """
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            raise self._error(
                f"cannot be reached ({error}). Start it, or correct the host of the connection",
                transient=True,
                delivered=False,
            ) from error
        raise self._error(f"broke off ({type(error).__name__}: {error})", transient=True) from error

    def answer(self, call: Call[T], response: httpx.Response, body: bytes) -> T | Refusal:
        """Read what Dagster answers to a call, which may be a refusal.

        Raises:
            DagsterApiError: It is not an answer to the call.
        """
        self._check_status(response, body)
        data = self._data(self._json(response, body), response.status_code)
        try:
            return call.parse(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._error(f"answered in a form that this provider does not know ({error!r})") from error

    def granted(self, call: Call[T], answer: T | Refusal) -> T:
        """Hand on an answer that is no refusal.

        Raises:
            DagsterRunDeleted: The run that the call is about is gone.
            DagsterApiError: Dagster refuses.
        """
        if not isinstance(answer, Refusal):
            return answer
        if call.run_id and answer.type_name == "RunNotFoundError":
            raise DagsterRunDeleted(
                f"Dagster at {self.address.url} has no run {call.run_id!r} any more: it was deleted while Airflow "
                "waited for it. Clear the task to launch a new run."
            )
        transient = answer.type_name == "PythonError"
        raise self._error(f"answered {answer.type_name}: {answer.message}", transient=transient)

    def _check_status(self, response: httpx.Response, body: bytes) -> None:
        status = response.status_code
        if response.is_success:
            return
        if response.is_redirect:
            problem = (
                "answered with a redirect, likely to a login page. Give the connection the final address"
            )
        elif status in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}:
            problem = f"answered HTTP {status}. Check the API token, the password of the connection"
        else:
            problem = f"answered HTTP {status}: {_excerpt(body)}"
        is_declined = _is_declined(body)
        transient = status == _TOO_MANY_REQUESTS or (status >= _SERVER_ERRORS and not is_declined)
        seconds = response.headers.get("Retry-After", "")
        raise self._error(
            problem,
            status=status,
            transient=transient,
            delivered=status >= _SERVER_ERRORS and not is_declined,
            retry_after=float(seconds) if seconds.isdecimal() else 0.0,
        )

    def _json(self, response: httpx.Response, body: bytes) -> object:
        content_type = response.headers.get("Content-Type", "")
        if "json" not in content_type:
            raise self._error(
                f"answered {content_type or 'nothing'!r} instead of JSON, likely a login page or another server. "
                "Check the host and the API token of the connection",
                status=response.status_code,
            )
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self._error("answered JSON that cannot be read", status=200, transient=True) from error

    def _data(self, payload: object, status: int) -> Mapping[str, Any]:
        answer = payload if isinstance(payload, dict) else {}
        data = answer.get("data")
        if answer.get("errors") or not isinstance(data, dict):
            errors = json.dumps(answer.get("errors", "no data"))
            problem = f"answered with errors: {_excerpt(errors.encode())}"
            raise self._error(problem, status=status, transient=True)
        return data

    def _error(
        self,
        problem: str,
        *,
        status: int | None = None,
        transient: bool = False,
        delivered: bool = True,
        retry_after: float = 0.0,
    ) -> DagsterApiError:
        message = f"Dagster at {self.address.url} (Airflow connection {self.address.conn_id!r}) {problem}."
        return DagsterApiError(
            message,
            url=self.endpoint,
            status=status,
            transient=transient,
            delivered=delivered,
            retry_after=retry_after,
        )


def is_loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_declined(body: bytes) -> bool:
    """Whether GraphQL did not take the variables of a request, so that nothing of it was done."""
    try:
        answer: object = json.loads(body)
    except (ValueError, RecursionError):
        return False
    fields = cast("Mapping[str, object]", answer if isinstance(answer, dict) else {})
    errors = cast("Sequence[object]", fields.get("errors") or ())
    return fields.get("data") is None and bool(errors) and all(map(_is_about_variable, errors))


def _is_about_variable(error: object) -> bool:
    fields = cast("Mapping[str, object]", error if isinstance(error, dict) else {})
    # What goes wrong in the doing has a path; this comes before.
    return not fields.get("path") and bool(_VARIABLE.match(str(fields.get("message"))))


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:_BODY_SHOWN].decode(errors="replace").split())
    return text or "no text"
