"""Who may ask the fake Airflow: tokens of Airflow 3, sessions and passwords of Airflow 2."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from dagster_airlift_core.testing._server import Received, Reply, Sent
from dagster_airlift_core.testing._v1 import problem

_FORM = '<form><input id="csrf_token" name="csrf_token" type="hidden" value="csrf-1"></form>'


class Gate:
    """Lets users in, for as long as a token or a session lives.

    Args:
        users: Username to password.
        life: How long a token or a session is good for.
        is_v1: Whether it is that of Airflow 2.
    """

    def __init__(self, users: Mapping[str, str], life: timedelta, *, is_v1: bool) -> None:
        self.users = dict(users)
        self.readers = {"viewer"}
        self.life = life
        self.has_form = True
        self.takes_sessions = True
        self._is_v1 = is_v1
        self._given: dict[str, datetime] = {}
        self._whose: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def revoke(self) -> None:
        """Make everything invalid that was given out."""
        self._given.clear()

    def login(self, request: Received, sent: Sent, now: datetime) -> Reply | None:
        """Answer a request to log in, None to any other."""
        if not self._is_v1 and (request.method, request.path) == ("POST", "/auth/token"):
            given: dict[str, str] = json.loads(sent.body)
            if not self._knows(given["username"], given["password"]):
                return Reply(401, {"detail": "Invalid credentials"})
            return Reply(201, {"access_token": self._token(given["username"], now)})
        if self._is_v1 and self.has_form and request.path == "/login/":
            return self._form(request, sent, now)
        return None

    def refusal(self, sent: Sent, now: datetime) -> Reply | None:
        """Return why a request is not let in, None when it is."""
        if self._is_v1:
            return (
                None
                if self._has_session(sent, now) or self._has_password(sent)
                else problem(403, "Forbidden")
            )
        token = sent.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return Reply(401, {"detail": "Not authenticated"})
        if token not in self._given:
            return Reply(403, {"detail": "Invalid JWT token"})
        return Reply(401, {"detail": "Token Expired"}) if self._given[token] <= now else None

    def keeps_from_writing(self, sent: Sent) -> bool:
        """Tell whether a request comes from a user with the role Viewer."""
        kind, _, text = sent.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            return base64.b64decode(text).decode().partition(":")[0] in self.readers
        session = SimpleCookie(sent.headers.get("Cookie", "")).get("session")
        return self._whose.get(session.value if session else text) in self.readers

    def admit(self, token: str, now: datetime) -> None:
        """Let a token in that was given out elsewhere, as identity providers do."""
        self._given[token] = now + self.life

    def _knows(self, username: str, password: str) -> bool:
        return self.users.get(username) == password

    def _token(self, username: str, now: datetime) -> str:
        end = now + self.life
        claims = {"iat": now.timestamp(), "exp": end.timestamp(), "jti": next(self._numbers)}
        parts = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)
        ]
        token = ".".join([*parts, "signature"])
        self._given[token] = end
        self._whose[token] = username
        return token

    def _form(self, request: Received, sent: Sent, now: datetime) -> Reply:
        if request.method == "GET":
            return Reply(200, _FORM, "text/html", {"Set-Cookie": "session=anonymous; HttpOnly; Path=/"})
        given = {name: values[0] for name, values in parse_qs(sent.body.decode()).items()}
        if given.get("csrf_token") != "csrf-1" or "session=anonymous" not in sent.headers.get("Cookie", ""):
            return Reply(400, "<h1>Bad Request</h1>The CSRF session token is missing.", "text/html")
        if not self._knows(given["username"], given["password"]):
            again = {"Location": "/login/?next=/home", "Set-Cookie": "session=anonymous; HttpOnly; Path=/"}
            return Reply(302, "", "text/html", again)
        session = f"session-{next(self._numbers)}"
        self._given[session] = now + self.life
        self._whose[session] = given["username"]
        return Reply(302, "", "text/html", {"Location": "/home", "Set-Cookie": f"session={session}; Path=/"})

    def _has_session(self, sent: Sent, now: datetime) -> bool:
        session = SimpleCookie(sent.headers.get("Cookie", "")).get("session")
        end = self._given.get(session.value) if session else None
        return self.takes_sessions and end is not None and end > now

    def _has_password(self, sent: Sent) -> bool:
        kind, _, text = sent.headers.get("Authorization", "").partition(" ")
        if kind != "Basic":
            return kind == "Bearer" and text in self._given
        try:
            return self._knows(*base64.b64decode(text).decode().split(":", 1))
        except (binascii.Error, TypeError):
            return False
