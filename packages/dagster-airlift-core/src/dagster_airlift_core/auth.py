"""Credentials: what a request to Airflow must carry, and how that is renewed."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

PostJson = Callable[[str, Mapping[str, str]], object]
"""Posts JSON to a path below the web server's URL and returns the parsed answer."""

TOKEN_PATH = "/auth/token"  # noqa: S105 - a path
REFRESH_AT = 0.8
"""Part of a token's life after which it is renewed."""


class AirflowAuthBackend(Protocol):
    """Where Airflow's web server is, and what proves to it who asks."""

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        ...

    def headers(self, post: PostJson) -> Mapping[str, str]:
        """Return the headers that carry the credentials.

        Args:
            post: Posts JSON to a path of the web server, without credentials, for those that log in.
        """
        ...

    def forget(self) -> None:
        """Drop what was handed out: Airflow has just refused it."""
        ...


class AirflowBasicAuthBackend:
    """Username and password, exchanged for a token that is renewed at 80 % of its life.

    Airflow's Viewer role is enough. Values can be shared between threads.

    Args:
        webserver_url: URL of Airflow's web server, such as `https://airflow.example.com`.
        username: User that may read DAGs, runs and task instances.
        password: Password of that user; it never shows in logs or in `repr`.
    """

    def __init__(self, webserver_url: str, username: str, password: str) -> None:
        self._webserver_url = webserver_url.rstrip("/")
        self._username = username
        self._password = password
        self._lock = threading.Lock()
        self._token: str | None = None
        self._renew_at = float("inf")

    def __repr__(self) -> str:
        """Show everything but the secrets."""
        return f"AirflowBasicAuthBackend({self._webserver_url!r}, username={self._username!r}, password=***)"

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        return self._webserver_url

    def headers(self, post: PostJson) -> Mapping[str, str]:
        """Return the bearer header, after logging in when there is no token or it is nearing its end.

        Args:
            post: Posts JSON to a path of the web server.

        Raises:
            AirflowUnauthorized: The username or the password is wrong.
        """
        with self._lock:
            if self._token is None or time.monotonic() >= self._renew_at:
                answer = post(TOKEN_PATH, {"username": self._username, "password": self._password})
                self._token = _access_token(answer)
                self._renew_at = time.monotonic() + REFRESH_AT * _life(self._token)
            return {"Authorization": f"Bearer {self._token}"}

    def forget(self) -> None:
        """Drop the token, so that the next request logs in again."""
        with self._lock:
            self._token = None


def _access_token(answer: object) -> str:
    token: object = answer.get("access_token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str):
        raise ValueError("it has no 'access_token'")  # noqa: TRY004 - a payload, not an argument
    return token


def _life(token: str) -> float:
    """Seconds between the `iat` and `exp` of a token; endless where it is not readable."""
    try:
        middle = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
        return float(claims["exp"]) - float(claims["iat"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return float("inf")
