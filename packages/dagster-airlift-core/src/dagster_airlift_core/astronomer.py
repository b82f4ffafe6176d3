"""Credentials for Airflow on Astronomer."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from dagster_airlift_core.auth import AirflowTokenAuthBackend, given

__all__ = ["AstronomerAuthBackend"]


class AstronomerAuthBackend(AirflowTokenAuthBackend):
    """An API token of an Astronomer deployment, workspace or organization.

    Args:
        webserver_url: URL of the deployment's Airflow UI, as the browser shows it.
        api_token: The token; it never shows in logs or in `repr`.

    Raises:
        ValueError: One of them is None.
    """

    def __init__(self, webserver_url: str, api_token: str) -> None:
        given(self, webserver_url=webserver_url, api_token=api_token)
        parts = urlsplit(webserver_url)
        # The browser shows the page that is open, and whose organization it is.
        path = parts.path.removesuffix("/").removesuffix("/home")
        super().__init__(urlunsplit((parts.scheme, parts.netloc, path, "", "")), api_token)
