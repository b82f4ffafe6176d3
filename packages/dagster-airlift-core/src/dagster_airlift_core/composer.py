"""Credentials for Airflow on Google Cloud Composer; needs the extra `composer`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol, cast

from dagster_airlift_core._extras import extra
from dagster_airlift_core.auth import AirflowServer, Credentials, RenewedAuthBackend

__all__ = ["ComposerAuthBackend", "GoogleCredentials"]

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class GoogleCredentials(Protocol):
    """What we need of the credentials of `google.auth`."""

    token: str | None
    expiry: datetime | None

    def refresh(self, request: object) -> None:
        """Get a new token.

        Args:
            request: Speaks HTTP for `google.auth`.
        """
        ...


class ComposerAuthBackend(RenewedAuthBackend):
    """Google credentials, for an environment of Cloud Composer 2 or 3.

    Composer registers an unknown API user with the role Op: give it Viewer, or set
    `[api] composer_auth_user_registration_role`.

    Args:
        webserver_url: URL of the environment's Airflow web server.
        credentials: Credentials of `google.auth`; None for those of the place where this runs.
    """

    def __init__(self, webserver_url: str, credentials: GoogleCredentials | None = None) -> None:
        super().__init__()
        self._google = extra("composer", "google.auth")
        self._requests = extra("composer", "google.auth.transport.requests")
        self._webserver_url = webserver_url.rstrip("/")
        self._credentials = credentials

    def __repr__(self) -> str:
        """Show everything but the secrets."""
        return f"ComposerAuthBackend({self._webserver_url!r})"

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        return self._webserver_url

    def new_credentials(self, server: AirflowServer) -> Credentials:
        """Return a fresh access token.

        Args:
            server: The server.

        Raises:
            AirflowUnauthorized: Google gives no token.
        """
        try:
            credentials = self._credentials or self._default()
            credentials.refresh(self._requests.Request())
        except self._google.exceptions.GoogleAuthError as error:
            # Its own text may hold what the token endpoint was sent and said.
            raise server.refused(
                f"Google gives no access token ({type(error).__name__}). Check the application's credentials"
            ) from None
        self._credentials = credentials
        life = float("inf")
        if credentials.expiry is not None:
            life = (credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        return Credentials({"Authorization": f"Bearer {credentials.token}"}, life)

    def _default(self) -> GoogleCredentials:
        found, _ = self._google.default(scopes=[_SCOPE])
        return cast("GoogleCredentials", found)
