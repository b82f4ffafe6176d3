"""Questions to one Airflow instance with its credentials, and the errors that its refusals stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from dagster_airlift_core import _dialect
from dagster_airlift_core._dialect import reading
from dagster_airlift_core._http import Answer, HttpClient, Request
from dagster_airlift_core.auth import AirflowAuthBackend
from dagster_airlift_core.errors import (
    AirflowApiError,
    AirflowNotFound,
    AirflowPayloadError,
    AirflowUnauthorized,
)

Value = TypeVar("Value")


class Conversation:
    """Asks one Airflow instance; credentials are renewed once when it refuses them.

    Args:
        http: Sends requests to it.
        auth: The credentials.
    """

    def __init__(self, http: HttpClient, auth: AirflowAuthBackend) -> None:
        self._http = http
        self._auth = auth
        self._is_known = False

    @property
    def base_url(self) -> str:
        """URL of the web server."""
        return self._http.base_url

    def version(self) -> str:
        """Return the version of Airflow."""
        return self._read(reading.version, self._handshake())

    def server_time(self) -> datetime:
        """Return the time of the server, in UTC."""
        answer = self._handshake()
        if answer.date is None:
            raise AirflowPayloadError(
                f"{self._where} answered without a usable `Date` header, and only the server's own clock "
                "tells how far it was read. Let the proxy in front of it pass that header on.",
                method="GET",
                url=answer.url,
                status=answer.status,
            )
        return answer.date

    def ask(self, request: Request, read: Callable[[object], Value]) -> Value:
        """Send a request and return what its answer says.

        Args:
            request: The request.
            read: Reads the JSON of the answer; a ValueError says that it has another form.

        Raises:
            AirflowApiError: There was no good answer.
        """
        return self._read(read, self._get(request))

    @property
    def _where(self) -> str:
        return f"{self._http.whom} at {self._http.base_url}"

    def _handshake(self) -> Answer:
        answer = self._http.send(_dialect.VERSION, {})
        if answer.status == 404:  # noqa: PLR2004
            raise AirflowNotFound(
                f"{self._where} has no {_dialect.VERSION.path}: it is no Airflow 3, or the URL is not that of "
                "its web server. Airflow 2 is not supported yet.",
                method="GET",
                url=answer.url,
                status=answer.status,
            )
        self._is_known = True
        return self._accept(_dialect.VERSION, answer)

    def _login(self, path: str, body: Mapping[str, str]) -> object:
        request = Request("POST", path, body=body)
        return self._accept(request, self._http.send(request, {})).payload

    def _headers(self) -> Mapping[str, str]:
        try:
            return self._auth.headers(self._login)
        except ValueError as error:
            raise AirflowPayloadError(
                f"{self._where} answered the login in a form that is not understood: {error}.",
                method="POST",
                url=self._http.base_url,
            ) from error

    def _get(self, request: Request) -> Answer:
        if not self._is_known:
            self._handshake()
        answer = self._http.send(request, self._headers())
        if _dialect.token_is_refused(answer):
            self._auth.forget()
            answer = self._http.send(request, self._headers())
        return self._accept(request, answer)

    def _accept(self, request: Request, answer: Answer) -> Answer:
        """Return an answer with a good status; raise the error that says what the other one means."""
        if answer.status < 400:  # noqa: PLR2004
            return answer
        said = f"{request.method} {request.path} answered HTTP {answer.status}: {_dialect.detail(answer)}"
        kinds = {
            401: (AirflowUnauthorized, "does not accept the credentials", "Check username and password."),
            403: (AirflowUnauthorized, "does not let this user read that", "Give the user the role Viewer."),
            404: (AirflowNotFound, "does not have that", "Look for what was renamed or deleted in Airflow."),
        }
        otherwise = (AirflowApiError, "does not understand the request", "Check that it is an Airflow 3.3.")
        kind, what, remedy = kinds.get(answer.status, otherwise)
        message = f"{self._where} {what} ({said}). {remedy}"
        raise kind(message, method=request.method, url=answer.url, status=answer.status)

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
