"""The one place that speaks HTTP to Dagster: a GraphQL call in, a frozen value out."""

from __future__ import annotations

import ipaddress
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from airflow.providers.dagster import __version__, graphql
from airflow.providers.dagster.exceptions import (
    DagsterApiError,
    DagsterLaunchRefused,
    DagsterRunDeleted,
)
from airflow.providers.dagster.model import CodeLocation, EventPage, MappedAsset, Refusal, Run

__all__ = ["DagsterAddress", "DagsterClient", "is_loopback"]

T = TypeVar("T")

CONNECT_SECONDS = 10.0
MAX_BYTES = 16 * 1024 * 1024
_FAILURE_PAGES, _EVENTS_PER_PAGE = 20, 1000
_RUNS_PER_KEY = 100
_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, 500
_BODY_SHOWN = 300


@dataclass(frozen=True)
class DagsterAddress:
    """Where Dagster is and how to get in.

    Args:
        url: Address of the webserver, without a slash at its end.
        conn_id: The Airflow connection that says so, for messages.
        token: API token of Dagster+, empty for a Dagster that asks for none.
        timeout: Seconds to wait for an answer; a launch can take half a minute on a busy machine.
        ca_bundle: File with the certificates to trust, empty for those of the system.
    """

    url: str
    conn_id: str
    token: str = field(default="", repr=False)
    timeout: float = 60.0
    ca_bundle: str = ""

    def run_url(self, run_id: str) -> str:
        """Address of the page of one run."""
        return f"{self.url}/runs/{quote(run_id, safe='')}"

    def runs_url(self, tag: str, value: str) -> str:
        """Address of the list of all runs with one tag."""
        return f"{self.url}/runs?q[0]={quote(f'tag:{tag}={value}', safe='')}"


class DagsterClient:
    """Asks one Dagster instance questions and gives it orders; every call is made once.

    Args:
        address: Where Dagster is.
    """

    def __init__(self, address: DagsterAddress) -> None:
        self.address = address
        self._endpoint = f"{address.url}/graphql"
        headers = {"User-Agent": f"apache-airflow-providers-dagster/{__version__}"}
        if address.token:
            headers["Dagster-Cloud-Api-Token"] = address.token
        self._http = httpx.Client(
            headers=headers,
            timeout=httpx.Timeout(address.timeout, connect=CONNECT_SECONDS),
            verify=ssl.create_default_context(cafile=address.ca_bundle) if address.ca_bundle else True,
            follow_redirects=False,
            # A proxy of the environment has no business with this machine itself.
            trust_env=not is_loopback(address.url),
        )

    def close(self) -> None:
        """Give the sockets back."""
        self._http.close()

    def version(self) -> str:
        """Ask for Dagster's version, the cheapest question there is."""
        return self._ask(graphql.VERSION, {}, lambda data: str(data["version"]))

    def mapped_assets(self) -> tuple[MappedAsset, ...]:
        """Ask for all assets that are mapped to an Airflow task."""
        return self._ask(graphql.ASSETS, {}, graphql.parse_assets)

    def broken_locations(self) -> tuple[CodeLocation, ...]:
        """Ask for the code locations that are not loaded."""
        return self._ask(graphql.LOCATIONS, {}, graphql.parse_locations)

    def runs(self, tags: Mapping[str, str]) -> tuple[Run, ...]:
        """Ask for the runs, oldest first, that carry all of these tags."""
        variables = graphql.runs_variables(tags, limit=_RUNS_PER_KEY)
        return self._granted(self._ask(graphql.RUNS, variables, graphql.parse_runs))[::-1]

    def run(self, run_id: str) -> Run:
        """Ask for one run.

        Raises:
            DagsterRunDeleted: There is no such run.
        """
        return self._found(run_id, self._ask(graphql.RUN, {"runId": run_id}, graphql.parse_run))

    def materialized(self, run_id: str) -> tuple[str, ...]:
        """Ask for the keys of the assets that a run has materialized."""
        answer = self._ask(graphql.RUN_ASSETS, {"runId": run_id}, graphql.parse_run_assets)
        return self._found(run_id, answer)

    def failure(self, run_id: str) -> str:
        """Ask why a run failed: its failed steps with their errors, else what ended the run."""
        cursor, reason = None, ""
        for _ in range(_FAILURE_PAGES):
            variables = {"runId": run_id, "cursor": cursor, "limit": _EVENTS_PER_PAGE}
            page: EventPage = self._found(run_id, self._ask(graphql.EVENTS, variables, graphql.parse_events))
            if page.step_failures:
                return "; ".join(page.step_failures)
            reason = page.run_failure or reason
            cursor = page.cursor
            if not page.has_more:
                break
        return reason or "Dagster gives no reason"

    def launch(self, assets: tuple[MappedAsset, ...], tags: Mapping[str, str]) -> Run:
        """Launch one run for assets of one code location. Not idempotent: never call it twice unthinkingly.

        Raises:
            DagsterLaunchRefused: Dagster said no; there is no run.
            DagsterApiError: There may be a run, unless `delivered` is false.
        """
        variables = graphql.launch_variables(assets[0], [asset.key for asset in assets], tags)
        answer = self._ask(graphql.LAUNCH, variables, graphql.parse_launch)
        if isinstance(answer, Refusal):
            if answer.type_name == "PythonError":  # Dagster stumbled, perhaps after it had stored the run
                return self._granted(answer)
            names = ", ".join(asset.name for asset in assets)
            raise DagsterLaunchRefused(
                f"Dagster at {self.address.url} does not launch a run of {names} in code location "
                f"{assets[0].location!r}: {answer.message} ({answer.type_name})."
            )
        return answer

    def terminate(self, run_id: str) -> None:
        """Terminate a run; one that has ended already is as good as terminated."""
        answer = self._ask(graphql.TERMINATE, {"runId": run_id}, graphql.parse_terminate)
        if answer is not None and answer.type_name not in {"TerminateRunFailure", "RunNotFoundError"}:
            self._granted(answer)

    def _found(self, run_id: str, answer: T | Refusal) -> T:
        if isinstance(answer, Refusal) and answer.type_name == "RunNotFoundError":
            raise DagsterRunDeleted(
                f"Dagster at {self.address.url} has no run {run_id!r} any more: it was deleted while Airflow "
                "waited for it. Clear the task to launch a new run."
            )
        return self._granted(answer)

    def _granted(self, answer: T | Refusal) -> T:
        if isinstance(answer, Refusal):
            transient = answer.type_name == "PythonError"
            raise self._error(f"answered {answer.type_name}: {answer.message}", transient=transient)
        return answer

    def _ask(self, document: str, variables: Mapping[str, Any], parse: Callable[[Mapping[str, Any]], T]) -> T:
        data = self._data(self._send(document, variables))
        try:
            return parse(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise self._error(f"answered in a form that this provider does not know ({error!r})") from error

    def _send(self, document: str, variables: Mapping[str, Any]) -> object:
        payload = {"query": document, "variables": variables}
        try:
            with self._http.stream("POST", self._endpoint, json=payload) as response:
                body = self._body(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise self._error(
                f"cannot be reached ({error}). Start it, or correct the host of the connection",
                transient=True,
                delivered=False,
            ) from error
        except httpx.TransportError as error:
            raise self._error(f"broke off ({type(error).__name__}: {error})", transient=True) from error
        self._check_status(response, body)
        return self._json(response, body)

    def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise self._error(f"sent more than {MAX_BYTES:,} bytes", status=response.status_code)
        return bytes(body)

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
        transient = status == _TOO_MANY_REQUESTS or status >= _SERVER_ERRORS
        seconds = response.headers.get("Retry-After", "")
        raise self._error(
            problem,
            status=status,
            transient=transient,
            delivered=status >= _SERVER_ERRORS,
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

    def _data(self, payload: object) -> Mapping[str, Any]:
        answer = payload if isinstance(payload, dict) else {}
        data = answer.get("data")
        if answer.get("errors") or not isinstance(data, dict):
            errors = json.dumps(answer.get("errors", "no data"))
            raise self._error(f"answered with errors: {_excerpt(errors.encode())}", transient=True)
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
            url=self._endpoint,
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


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:_BODY_SHOWN].decode(errors="replace").split())
    return text or "no text"
