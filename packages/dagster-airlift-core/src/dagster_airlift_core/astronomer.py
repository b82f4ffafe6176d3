"""Credentials for Airflow on Astronomer."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from dagster_airlift_core.auth import AirflowTokenAuthBackend

__all__ = ["AstronomerAuthBackend"]


class AstronomerAuthBackend(AirflowTokenAuthBackend):
    """An API token of an Astronomer deployment, workspace or organization.

    Args:
        webserver_url: URL of the deployment's Airflow UI, as the browser shows it.
        api_token: The token; it never shows in logs or in `repr`.
    """

    def __init__(self, webserver_url: str, api_token: str) -> None:
        parts = urlsplit(webserver_url)
        # The browser shows the page that is open, and whose organization it is.
        path = parts.path.removesuffix("/").removesuffix("/home")
        super().__init__(urlunsplit((parts.scheme, parts.netloc, path, "", "")), api_token)
