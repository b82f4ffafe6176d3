"""How HTTP reaches an Airflow instance: its certificate, ours, a proxy, more headers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

MOST_CONNECTIONS = 64
"""More of them than that would be an attack on Airflow, and no help to us."""

_API_PATH = re.compile(r"/api(/v\d+)?/?$")


@dataclass(frozen=True)
class HttpOptions:
    """How HTTP reaches an Airflow instance; the environment of the process is read, never written.

    Args:
        verify: Whether the server's certificate is checked, or the file with the certificates of the
            authorities that it is checked against.
        client_certificate: Files with our certificate and its key, where the server wants one.
        proxy: URL of the proxy; None for those that the environment names.
        headers: Headers that each request carries.
        allow_http: Whether credentials may travel unencrypted to another machine.
        trust_environment: Whether proxies and certificate files of the environment count.
        timeout_seconds: How long an answer may keep silent.
        connections: How many questions are asked at a time at most; each has a connection that is kept open.

    Raises:
        ValueError: There is no connection, or a header that HTTP cannot carry.
    """

    verify: bool | str = True
    client_certificate: tuple[str, str] | None = None
    proxy: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    allow_http: bool = False
    trust_environment: bool = True
    timeout_seconds: float = 15.0
    connections: int = 16

    def __post_init__(self) -> None:
        """Refuse what could not be sent, before anything is."""
        if not 1 <= self.connections <= MOST_CONNECTIONS:
            raise ValueError(
                f"HttpOptions(connections={self.connections!r}) is out of range: give a number from 1 to {MOST_CONNECTIONS}."
            )
        for name, value in self.headers.items():
            if not (_is_sendable(name) and _is_sendable(value)):
                raise ValueError(
                    f"The header {name!r} of HttpOptions holds characters that HTTP cannot carry. "
                    "Look for a line break in it."
                )

    def check(self, url: str) -> None:
        """Refuse a URL over which credentials would travel unencrypted.

        Args:
            url: URL of Airflow's web server.

        Raises:
            ValueError: The URL is none, or that of the REST API, it holds a password, or it is one of `http` to another machine and
                that is not allowed.
        """
        parts = urlsplit(url)
        if parts.username or parts.password:
            raise ValueError(
                "There is a username or a password in the URL of Airflow's web server, and URLs show in links "
                "and errors. Give them to AirflowBasicAuthBackend instead."
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                f"{url!r} is no URL of a web server. Give one like 'https://airflow.example.com'."
            )
        if api := _API_PATH.search(parts.path):
            raise ValueError(
                f"{url!r} is the address of the REST API. Give that of the web server, without {api[0]!r}."
            )
        if parts.scheme == "http" and not self.allow_http and not _is_here(parts.hostname):
            raise ValueError(
                f"{url!r} is not encrypted: whoever listens on the way reads the credentials. Give an https URL, "
                "or say `http=HttpOptions(allow_http=True)` where the network in between is trusted."
            )


DEFAULT_OPTIONS = HttpOptions()
"""Certificates are checked, and credentials are encrypted."""


def _is_sendable(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
