"""From an Airflow connection of type `dagster` to a client that speaks to Dagster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from airflow.providers.common.compat.connection import (  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed
    get_async_connection,
    get_async_extra_dejson,
)
from airflow.providers.common.compat.sdk import BaseHook, Connection  # pyright: ignore[reportMissingTypeStubs] - the same

from airflow.providers.dagster import connection_form
from airflow.providers.dagster.async_client import AsyncDagsterClient
from airflow.providers.dagster.client import DagsterAddress, DagsterClient, is_loopback
from airflow.providers.dagster.credentials import credential_headers, secrets_of
from airflow.providers.dagster.exceptions import InvalidDagsterConnection
from airflow.providers.dagster.masking import mask, mask_async
from airflow.providers.dagster.model import CodeLocation

__all__ = ["DagsterHook"]

_WEB = frozenset({"http", "https"})
_EXAMPLE = "for example https://dagster.example.com or http://127.0.0.1:3000"


class DagsterHook(BaseHook):
    """Connects to the Dagster webserver that an Airflow connection names.

    Args:
        dagster_conn_id: The connection. Its host is the URL of the webserver (or host, port and schema), its
            password the API token, if Dagster wants one. Of its extra, `auth`, `headers`, `timeout`,
            `connect_timeout`, `ca_bundle`, `proxy` and `allow_http` are read, and nothing else.
    """

    conn_name_attr = "dagster_conn_id"
    default_conn_name = "dagster_default"
    conn_type = "dagster"
    hook_name = "Dagster"

    def __init__(self, dagster_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.dagster_conn_id = dagster_conn_id

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Describe the common fields of the connection form to Airflow before 3.2."""
        return connection_form.field_behaviour()

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Describe the fields of the connection form that are ours to Airflow before 3.2."""
        return connection_form.widgets()

    @cached_property
    def address(self) -> DagsterAddress:
        """Where Dagster is, read from the connection once.

        Raises:
            InvalidDagsterConnection: The connection does not say, or would send a token in the clear.
        """
        connection = self.get_connection(self.dagster_conn_id)
        address = self._read(connection, connection.extra_dejson)
        mask(secrets_of(address))
        return address

    def get_conn(self) -> DagsterClient:
        """Open a client; the caller closes it.

        Returns:
            A client of its own for each call, so that a signal handler does not share one with what it interrupts.

        Raises:
            InvalidDagsterConnection: The connection does not say where Dagster is, or how to trust it.
        """
        address = self.address
        try:
            return DagsterClient(address)
        except OSError as error:
            raise self._unreadable(address, error) from error

    async def get_async_conn(self) -> AsyncDagsterClient:
        """Open a client that does not block the event loop; the caller closes it.

        Returns:
            A client of its own for each call.

        Raises:
            InvalidDagsterConnection: The connection does not say where Dagster is, or how to trust it.
        """
        if "address" not in vars(self):
            connection = await get_async_connection(self.dagster_conn_id, self)
            self.address = self._read(connection, await get_async_extra_dejson(connection))
            await mask_async(secrets_of(self.address))
        address = self.address
        try:
            return await AsyncDagsterClient.open(address)
        except OSError as error:
            raise self._unreadable(address, error) from error

    def test_connection(self) -> tuple[bool, str]:
        """Ask Dagster for its version and its code locations.

        Returns:
            Whether Dagster answers, and what it says or the reason. Never raises.
        """
        try:
            client = self.get_conn()
            try:
                return (
                    True,
                    f"Dagster {client.version()} at {client.address.url}, {_listed(client.locations())}",
                )
            finally:
                client.close()
        except Exception as error:  # noqa: BLE001 - Airflow's contract for the button in the UI
            return False, str(error)

    def _read(self, connection: Connection, extra: Mapping[str, Any]) -> DagsterAddress:
        url = self._url(connection.host or "", connection.port, connection.schema or "")
        try:
            headers = credential_headers(connection.login or "", connection.password or "", extra)
        except ValueError as error:
            raise self._invalid(str(error)) from error
        if (
            headers
            and url.startswith("http:")
            and not is_loopback(url)
            and extra.get("allow_http") is not True
        ):
            raise self._invalid("it has an API token, but http:// would send it in the clear: use https://")
        return DagsterAddress(
            url=url,
            conn_id=self.dagster_conn_id,
            headers=headers,
            timeout=self._seconds(extra, "timeout", DagsterAddress.timeout),
            connect_timeout=self._seconds(extra, "connect_timeout", DagsterAddress.connect_timeout),
            ca_bundle=str(extra.get("ca_bundle") or ""),
            proxy=self._proxy(extra),
        )

    def _proxy(self, extra: Mapping[str, Any]) -> str:
        text = str(extra.get("proxy") or "")
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        if text and (parts.scheme not in _WEB or not parts.hostname):
            raise self._invalid(
                "its extra `proxy` is no URL: write for example http://proxy.example.com:3128"
            )
        return text

    def _url(self, host: str, port: int | None, schema: str) -> str:
        text = host.strip() if "://" in host else f"{schema or 'http'}://{host.strip()}"
        try:
            parts = urlsplit(text)
            written_port = parts.port
        except ValueError as error:
            raise self._invalid(f"its host {host!r} is no URL: write {_EXAMPLE}") from error
        if parts.scheme not in _WEB or not parts.hostname or parts.query or parts.fragment:
            raise self._invalid(f"its host {host!r} is no URL of a webserver: write {_EXAMPLE}")
        if parts.username or parts.password:
            raise self._invalid(
                "its host holds a user name: a token goes into the password of the connection"
            )
        netloc = parts.netloc if written_port or not port else f"{parts.netloc}:{port}"
        path = parts.path.rstrip("/").removesuffix("/graphql")
        return urlunsplit((parts.scheme, netloc, path, "", ""))

    def _seconds(self, extra: Mapping[str, Any], name: str, default: float) -> float:
        value = extra.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self._invalid(f"its extra `{name}` is {value!r}: write a positive number of seconds")
        return float(value)

    def _unreadable(self, address: DagsterAddress, error: OSError) -> InvalidDagsterConnection:
        return self._invalid(f"its extra `ca_bundle` {address.ca_bundle!r} cannot be read ({error})")

    def _invalid(self, problem: str) -> InvalidDagsterConnection:
        return InvalidDagsterConnection(
            f"Airflow connection {self.dagster_conn_id!r} cannot be used: {problem}."
        )


def _listed(locations: Sequence[CodeLocation]) -> str:
    if not locations:
        return "which has no code location"
    names = (f"{each.name} (not loaded: {each.problem})" if each.problem else each.name for each in locations)
    return f"code locations: {', '.join(names)}"
