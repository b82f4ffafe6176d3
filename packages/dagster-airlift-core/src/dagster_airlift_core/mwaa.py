"""Credentials for Airflow on Amazon MWAA; needs the extra `mwaa`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, cast
from urllib.parse import urlsplit

from dagster_airlift_core._extras import extra
from dagster_airlift_core._mwaa_transport import InvokesRestApi, MwaaTransport
from dagster_airlift_core._transport import Transport, WebPage
from dagster_airlift_core.auth import AirflowServer, Credentials, RenewedAuthBackend
from dagster_airlift_core.errors import AirflowUnreachable
from dagster_airlift_core.http_options import MOST_CONNECTIONS

__all__ = ["MwaaClient", "MwaaRestApiAuthBackend", "MwaaSessionAuthBackend"]

SESSION_SECONDS = 3600.0
"""MWAA does not say how long a session lives; the token that opens it lives for a minute."""
_LOGIN_PATHS = ("/pluginsv2/aws_mwaa/login", "/aws_mwaa/login")
"""That of Airflow 3, and that of Airflow 2."""


class MwaaClient(InvokesRestApi, Protocol):
    """What we need of boto3's client for `mwaa`."""

    def create_web_login_token(self, *, Name: str) -> Mapping[str, object]:  # noqa: N803 - AWS's name
        """Return a token that opens a session.

        Args:
            Name: Name of the environment.
        """
        ...


class MwaaSessionAuthBackend(RenewedAuthBackend):
    """A session of MWAA's web server, opened with a web login token; needs `airflow:CreateWebLoginToken`.

    Args:
        webserver_url: URL of the environment's Airflow UI.
        environment_name: Name of the environment.
        region_name: Its region, None for that of the AWS configuration.
        client: A boto3 client for `mwaa`, None for one with the credentials of the place where this runs.
    """

    def __init__(
        self,
        webserver_url: str,
        environment_name: str,
        *,
        region_name: str | None = None,
        client: MwaaClient | None = None,
    ) -> None:
        super().__init__()
        self._webserver_url = webserver_url.rstrip("/")
        self._environment_name = environment_name
        self._client = client or _boto_client(region_name)
        self._errors = extra("mwaa", "botocore.exceptions")

    def __repr__(self) -> str:
        """Show where it is."""
        return f"MwaaSessionAuthBackend({self._webserver_url!r}, {self._environment_name!r})"

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        return self._webserver_url

    def new_credentials(self, server: AirflowServer) -> Credentials:
        """Open a session.

        Args:
            server: The server.

        Raises:
            AirflowUnauthorized: AWS gives no token, or the web server gives no session for it.
        """
        token = self._web_token(server)
        for path in _LOGIN_PATHS:
            page = server.browse("POST", path, form={"token": token})
            credentials = _of_session(page)
            if credentials:
                return credentials
        raise server.refused("MWAA's web server opens no session for the web login token")

    def _web_token(self, server: AirflowServer) -> str:
        name = self._environment_name
        try:
            given = self._client.create_web_login_token(Name=name)
        except self._errors.ClientError as error:
            code = error.response["Error"]["Code"]
            raise server.refused(
                f"AWS gives no web login token for the environment {name!r} ({code}). Check its name, its "
                "region, and that `airflow:CreateWebLoginToken` is allowed on the role Viewer of it"
            ) from None
        except self._errors.BotoCoreError as error:
            message = f"AWS cannot be asked for a web login token of the environment {name!r}: {error}"
            raise AirflowUnreachable(message, method="POST", url=self._webserver_url) from None
        if given["WebServerHostname"] != urlsplit(self._webserver_url).hostname:
            raise server.refused(
                f"the web server of the environment {name!r} is {given['WebServerHostname']}, and its token "
                "is sent nowhere else. Give that URL"
            )
        return str(given["WebToken"])


class MwaaRestApiAuthBackend:
    """AWS's own `InvokeRestApi`, which needs no way to the web server, only `airflow:InvokeRestApi` on role Viewer.

    AWS ends a call after 10 seconds or 6 MB, and takes paths of 64 characters: an instance with long DAG ids
    or many mapped tasks is better asked by a session.

    Args:
        webserver_url: URL of the environment's Airflow UI, for links.
        environment_name: Name of the environment.
        region_name: Its region, None for that of the AWS configuration.
        client: A boto3 client for `mwaa`, None for one with the credentials of the place where this runs.
    """

    needs_login = False

    def __init__(
        self,
        webserver_url: str,
        environment_name: str,
        *,
        region_name: str | None = None,
        client: InvokesRestApi | None = None,
    ) -> None:
        self._webserver_url = webserver_url.rstrip("/")
        self._environment_name = environment_name
        self._client = client or _boto_client(region_name)

    def __repr__(self) -> str:
        """Show where it is."""
        return f"MwaaRestApiAuthBackend({self._webserver_url!r}, {self._environment_name!r})"

    def get_webserver_url(self) -> str:
        """Return the URL of the web server, without a slash at its end."""
        return self._webserver_url

    def transport(self, whom: str) -> Transport:
        """Return what carries the requests.

        Args:
            whom: How errors call the server.
        """
        return MwaaTransport(self._client, self._environment_name, self._webserver_url, whom)

    def headers(self, server: AirflowServer) -> Mapping[str, str]:  # noqa: ARG002 - AWS signs the calls
        """Return nothing: AWS signs the calls, and renews what it signs with.

        Args:
            server: Not asked.
        """
        return {}

    def forget(self, refused: Mapping[str, str]) -> None:
        """Keep nothing, so drop nothing.

        Args:
            refused: Nothing.
        """


def _boto_client(region_name: str | None) -> MwaaClient:
    config = extra("mwaa", "botocore.config").Config(max_pool_connections=MOST_CONNECTIONS)
    return cast("MwaaClient", extra("mwaa", "boto3").client("mwaa", region_name=region_name, config=config))


def _of_session(page: WebPage) -> Credentials | None:
    """Return what the cookies of a login are worth: a token of Airflow 3, or a session of Airflow 2."""
    if "_token" in page.cookies:
        return Credentials.of_token(page.cookies["_token"])
    if "session" in page.cookies:
        return Credentials({"Cookie": f"session={page.cookies['session']}"}, SESSION_SECONDS)
    return None
