"""How a connection gets in: which headers its login, its password and its extra come to."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from airflow.providers.dagster.exchange import DagsterAddress

__all__ = ["credential_headers", "secrets_of"]

_TOKEN_HEADER = "Dagster-Cloud-Api-Token"  # noqa: S105 - the name of a header
_SCHEMES = ("token", "bearer", "basic")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e]*")


def credential_headers(login: str, password: str, extra: Mapping[str, Any]) -> Mapping[str, str]:
    """Write the headers with which a connection gets in.

    Args:
        login: Login of the connection.
        password: Its password: an API token, unless there is a login.
        extra: Its extra, of which `auth` and `headers` are read.

    Returns:
        The headers; none for a Dagster that asks for nothing.

    Raises:
        ValueError: What is wrong, in half a sentence that holds no secret.
    """
    scheme = extra.get("auth") or ("basic" if login else "token")
    if scheme not in _SCHEMES:
        raise ValueError(f"its extra `auth` is {scheme!r}: write one of {', '.join(_SCHEMES)}")
    headers = dict(_custom(extra.get("headers")))
    if scheme == "basic":
        encoded = base64.b64encode(f"{login}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {encoded}"
    elif password:
        value = password if scheme == "token" else f"Bearer {password}"
        headers[_TOKEN_HEADER if scheme == "token" else "Authorization"] = value
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} has a character that no header may have")
    return headers


def secrets_of(address: DagsterAddress) -> tuple[str, ...]:
    """Give what no log may show of an address.

    Args:
        address: Where Dagster is and how to get in.

    Returns:
        Each value of a header, what follows the name of a scheme in it, and the password of the proxy.
    """
    values = address.headers.values()
    parts = (*values, *(value.split(" ", 1)[-1] for value in values), urlsplit(address.proxy).password)
    return tuple(dict.fromkeys(part for part in parts if part))


def _custom(value: object) -> Mapping[str, str]:
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            value = None
        if value is None:
            raise ValueError('its extra `headers` is no JSON: write it like {"X-Team": "sales"}')
    if not value:
        return {}
    items = cast("Mapping[object, object]", value).items() if isinstance(value, Mapping) else ()
    headers = {name: text for name, text in items if isinstance(name, str) and isinstance(text, str) and name}
    if not items or len(headers) != len(items):
        raise ValueError('its extra `headers` does not map names to texts: write it like {"X-Team": "sales"}')
    return headers
