"""Credentials: what a request to Airflow must carry, and how that is renewed."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast, runtime_checkable

from dagster_airlift_core._transport import Transport, WebPage

__all__ = [
    "AirflowAuthBackend",
    "AirflowServer",
    "AirflowTokenAuthBackend",
    "CarriesRequests",
    "Credentials",
    "RenewedAuthBackend",
    "WebPage",
]

REFRESH_AT = 0.8
"""Part of a token's life after which it is renewed."""
TOKEN_PATH = "/auth/token"  # noqa: S105 - a path


class AirflowServer(Protocol):
    """What a backend may do with a server before it has credentials for it."""

    @property
    def api(self) -> str:
        """Path of the REST API that the server has: `/api/v2`, or `/api/v1` for Airflow 2."""
        ...

    def post(self, path: str, body: Mapping[str, str]) -> object:
        """Post JSON to a path of the web server.

        Args:
            path: Path below the URL of the web server.
            body: The JSON object.

        Returns:
            The parsed answer.

        Raises:
            AirflowApiError: There was no good answer.
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
            path: Path below the URL of the web server.
            form: Fields of a form.
            cookies: Cookies to send.

        Raises:
            AirflowUnreachable: There was no answer.
        """
        ...

    def accepts(self, headers: Mapping[str, str]) -> bool:
        """Tell whether the REST API answers a request with these headers.

        Args:
            headers: Headers that carry credentials.
        """
        ...

    def refused(self, reason: str) -> Exception:
        """Return the error for credentials that the server does not accept.

        Args:
            reason: What the server did, and what would help; no secret.
        """
        ...


@runtime_checkable
class AirflowAuthBackend(Protocol):
    """Where Airflow's web server is, and what proves to it who asks."""

    @property
    def needs_login(self) -> bool:
        """Whether the credentials come from Airflow itself: then it is first asked for its version without any."""
        ...

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        ...

    def headers(self, server: AirflowServer) -> Mapping[str, str]:
        """Return the headers that carry the credentials.

        Args:
            server: The server, for those that log in.

        Raises:
            AirflowUnauthorized: It does not accept the credentials.
        """
        ...

    def forget(self, refused: Mapping[str, str]) -> None:
        """Drop what was handed out: Airflow has just refused it.

        Args:
            refused: The headers that were refused; by now another thread may have got new ones.
        """
        ...


@runtime_checkable
class CarriesRequests(Protocol):
    """A backend through which requests travel otherwise than over our own HTTP."""

    def transport(self, whom: str) -> Transport:
        """Return what carries the requests.

        Args:
            whom: How errors call the server, such as `Airflow instance 'prod'`.
        """
        ...


@dataclass(frozen=True)
class Credentials:
    """Headers, and for how many seconds they are good.

    Args:
        headers: The headers.
        life: Seconds; endless where nobody knows.
    """

    headers: Mapping[str, str] = field(repr=False)
    life: float = float("inf")

    @classmethod
    def of_token(cls, token: str) -> Credentials:
        """Return the header for a bearer token, whose life is read from it where it is a JWT."""
        token = token.strip()  # a file of one line ends with its end
        return cls({"Authorization": f"Bearer {token}"}, _life(token))


class RenewedAuthBackend(ABC):
    """Keeps credentials for 80 % of their life, for all threads, and gets new ones when they are refused."""

    needs_login = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: Mapping[str, str] | None = None
        self._renew_at = float("inf")

    @abstractmethod
    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""

    @abstractmethod
    def new_credentials(self, server: AirflowServer) -> Credentials:
        """Return fresh credentials; only one thread at a time asks for them.

        Args:
            server: The server.

        Raises:
            AirflowUnauthorized: It does not accept what one logs in with.
        """

    def headers(self, server: AirflowServer) -> Mapping[str, str]:
        """Return the headers that carry the credentials, renewed when they are nearing their end.

        Args:
            server: The server.
        """
        with self._lock:
            if self._held is None or time.monotonic() >= self._renew_at:
                fresh = self.new_credentials(server)
                self._held = fresh.headers
                self._renew_at = time.monotonic() + REFRESH_AT * fresh.life
            return self._held

    def forget(self, refused: Mapping[str, str]) -> None:
        """Drop the credentials if they still are the refused ones.

        Args:
            refused: The headers that were refused.
        """
        with self._lock:
            if self._held == refused:
                self._held = None


def given(owner: object, **fields: object) -> None:
    """Refuse fields that are None, as an environment variable is that is not set.

    Args:
        owner: What needs them.
        fields: The fields by name.

    Raises:
        ValueError: One of them is None.
    """
    for name, value in fields.items():
        if value is None:
            raise ValueError(
                f"{type(owner).__name__} has no {name}: it is None. Give one; if it is read from an environment "
                "variable, as by `{{ env.NAME }}` in YAML, set that variable where the code location loads."
            )


class AirflowTokenAuthBackend(RenewedAuthBackend):
    """A bearer token, or a function that returns one, for any server that takes them.

    The function is called when there is no token yet, at 80 % of the life of a token that is a JWT, and
    once when Airflow refuses one.

    Args:
        webserver_url: URL of Airflow's web server, such as `https://airflow.example.com`.
        token: The token, or what returns it; it never shows in logs or in `repr`.

    Raises:
        ValueError: One of them is None.
    """

    def __init__(self, webserver_url: str, token: str | Callable[[], str]) -> None:
        super().__init__()
        given(self, webserver_url=webserver_url, token=token)
        self._webserver_url = webserver_url.rstrip("/")
        self._token = token

    def __repr__(self) -> str:
        """Show everything but the secret."""
        return f"{type(self).__name__}({self._webserver_url!r}, token=***)"

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        return self._webserver_url

    def new_credentials(self, server: AirflowServer) -> Credentials:
        """Return the token.

        Args:
            server: The server, for the error.

        Raises:
            AirflowUnauthorized: There is none.
        """
        token = self._token if isinstance(self._token, str) else self._token()
        if not token or token.isspace():
            raise server.refused("the token is empty. Look where it is read")
        return Credentials.of_token(token)


class NoToken(ValueError):
    """An answer to a login in which there is no token."""


def access_token(answer: object) -> str:
    """Read the token from the answer to a login.

    Raises:
        NoToken: There is none.
    """
    token = cast("Mapping[str, object]", answer).get("access_token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str):
        raise NoToken("it has no 'access_token'")
    return token


def _life(token: str) -> float:
    """Seconds between the `iat` and `exp` of a token; endless where it is not readable."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(claims["exp"]) - float(claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError, OverflowError, binascii.Error):
        return float("inf")
