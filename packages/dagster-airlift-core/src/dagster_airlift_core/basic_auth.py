"""Username and password: a token of Airflow 3, a session of Airflow 2, or the plain header where there is no login."""

from __future__ import annotations

import base64
import re

from dagster_airlift_core.auth import (
    TOKEN_PATH,
    AirflowServer,
    Credentials,
    RenewedAuthBackend,
    access_token,
    given,
)

LOGIN_PATH = "/login/"
_CSRF_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
_REDIRECTS = (302, 303)
_OK = 200


class AirflowBasicAuthBackend(RenewedAuthBackend):
    """Username and password, exchanged for what Airflow checks fastest.

    Airflow 3 gives a token for them, renewed at 80 % of its life. Airflow 2 gives a session, by the login
    form that people use: a password in each request costs it some 200 ms. Where that form is not there, or
    the API does not take sessions, each request carries the password. Airflow's Viewer role is enough.
    Values can be shared between threads.

    Args:
        webserver_url: URL of Airflow's web server, such as `https://airflow.example.com`.
        username: User that may read DAGs, runs and task instances.
        password: Password of that user; it never shows in logs or in `repr`.

    Raises:
        ValueError: One of them is None.
    """

    needs_login = True

    def __init__(self, webserver_url: str, username: str, password: str) -> None:
        super().__init__()
        given(self, webserver_url=webserver_url, username=username, password=password)
        self._webserver_url = webserver_url.rstrip("/")
        self._username = username
        self._password = password

    def __repr__(self) -> str:
        """Show everything but the secret."""
        return f"AirflowBasicAuthBackend({self._webserver_url!r}, username={self._username!r}, password=***)"

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        return self._webserver_url

    def new_credentials(self, server: AirflowServer) -> Credentials:
        """Log in.

        Args:
            server: The server.

        Raises:
            AirflowUnauthorized: The username or the password is wrong.
        """
        if server.api == "/api/v2":
            body = {"username": self._username, "password": self._password}
            return Credentials.of_token(access_token(server.post(TOKEN_PATH, body)))
        return self._session(server) or self._plain()

    def _session(self, server: AirflowServer) -> Credentials | None:
        """Log in as people do; None where there is no such form, or the API does not take the session."""
        page = server.browse("GET", LOGIN_PATH)
        token = _CSRF_TOKEN.search(page.text)
        if page.status != _OK or token is None:
            return None
        form = {"username": self._username, "password": self._password, "csrf_token": token[1]}
        answer = server.browse("POST", LOGIN_PATH, form=form, cookies=page.cookies)
        if answer.status not in _REDIRECTS:
            return None
        if "/login" in answer.location:
            raise server.refused("the login form leads back to itself. Check username and password")
        cookie = "; ".join(f"{name}={value}" for name, value in answer.cookies.items())
        session = Credentials({"Cookie": cookie})
        return session if server.accepts(session.headers) else None

    def _plain(self) -> Credentials:
        text = f"{self._username}:{self._password}".encode()
        return Credentials({"Authorization": f"Basic {base64.b64encode(text).decode()}"})
