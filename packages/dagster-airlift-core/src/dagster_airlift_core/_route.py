"""The way to one server: its connections, the proxy and the certificates, found out once and not for each request."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import default_headers

from dagster_airlift_core.http_options import HttpOptions

_ONCE = urllib3.Retry(0, read=False)
"""Who asks again, and when, is for the client to decide."""
Query = tuple[tuple[str, str], ...]


class _Adapter(HTTPAdapter):
    """Lets requests choose proxy and certificates, as its users know it."""

    def pool_for(self, url: str, chosen: Mapping[str, Any]) -> tuple[urllib3.HTTPConnectionPool, str]:
        """Return the connections to a server, and the URL by which they know it: a proxy wants the whole.

        Args:
            url: URL of the server.
            chosen: Proxies and certificates, as a session of requests would send them on.
        """
        request = requests.Request("GET", url).prepare()
        verify, certificate, proxies = chosen["verify"], chosen["cert"], chosen["proxies"]
        pool = self.get_connection_with_tls_context(request, verify, proxies, certificate)
        self.cert_verify(pool, request.url, verify, certificate)
        return cast("urllib3.HTTPConnectionPool", pool), self.request_url(request, proxies).rstrip("/")


@dataclass(frozen=True)
class Route:
    """The connections to one server, for all threads.

    To let a session of requests prepare and send each request costs more than the request itself.

    Args:
        pool: The connections; each is kept open.
        prefix: What stands before the path of a request.
        headers: Headers that each request carries.
    """

    pool: urllib3.HTTPConnectionPool
    prefix: str
    headers: Mapping[str, str]

    @classmethod
    def to(cls, url: str, options: HttpOptions) -> Self:
        """Find the way to a server, where requests would go: the environment may name proxy and certificates.

        Args:
            url: URL of the server.
            options: How HTTP gets there.

        Raises:
            requests.RequestException: The URL of the proxy is none.
            OSError: There is no such file of certificates.
        """
        named = {"http": options.proxy, "https": options.proxy} if options.proxy else {}
        with requests.Session() as asked:
            asked.trust_env = options.trust_environment
            chosen = asked.merge_environment_settings(
                url, named, stream=True, verify=options.verify, cert=options.client_certificate
            )
        adapter = _Adapter(
            pool_maxsize=options.connections, pool_block=True
        )  # who finds none free waits for one
        pool, prefix = adapter.pool_for(url, {**chosen})
        return cls(pool, prefix, {**default_headers(), **options.headers})

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        timeout: urllib3.Timeout,
        *,
        query: Query = (),
        body: bytes | None = None,
    ) -> Generator[urllib3.BaseHTTPResponse]:
        """Send a request and give its answer, of which nothing but the head has been read.

        The connection is free again afterwards, and closed where not all of the answer was read.

        Args:
            method: HTTP method.
            path: Path below the URL of the server, its parts quoted.
            headers: Headers, beside those that each request carries.
            timeout: How long to wait.
            query: Query.
            body: Body.

        Raises:
            urllib3.exceptions.HTTPError: There was no answer.
        """
        sent = CaseInsensitiveDict(self.headers)
        sent.update(headers)
        response = self.pool.urlopen(
            method,
            f"{self.prefix}{path}?{urlencode(query)}" if query else f"{self.prefix}{path}",
            body=body,
            headers=sent,
            retries=_ONCE,
            redirect=False,
            assert_same_host=False,
            timeout=timeout,
            preload_content=False,
        )
        try:
            yield response
        finally:
            response.close()
            response.release_conn()
