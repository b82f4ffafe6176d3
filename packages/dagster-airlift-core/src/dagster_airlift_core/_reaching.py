"""How requests reach an Airflow instance: by a way of its backend's own, else by HTTP."""

from __future__ import annotations

import logging

from dagster_airlift_core._http import HttpClient
from dagster_airlift_core._transport import Transport
from dagster_airlift_core.arguments import expect
from dagster_airlift_core.auth import AirflowAuthBackend, CarriesRequests
from dagster_airlift_core.http_options import HttpOptions

_log = logging.getLogger(__name__)


def transport_of(auth: AirflowAuthBackend, whom: str, http: HttpOptions) -> Transport:
    """Return what carries requests to an Airflow instance.

    Args:
        auth: Its backend.
        whom: How errors call the instance.
        http: How HTTP gets there.

    Raises:
        TypeError: What is given is no backend, or no options.
        ValueError: What is chosen does not fit the URL.
    """
    expect("auth_backend", auth, AirflowAuthBackend, "an AirflowBasicAuthBackend or another backend")
    expect("http", http, HttpOptions, "an HttpOptions, such as HttpOptions(connections=4)")
    if isinstance(auth, CarriesRequests):
        return auth.transport(whom)
    http.check(auth.get_webserver_url())
    if http.verify is False:
        _log.warning(
            "%s does not check the certificate of %s: whoever answers gets the credentials. Name the authority's "
            "file instead, as `verify`.",
            whom,
            auth.get_webserver_url(),
        )
    return HttpClient(auth.get_webserver_url(), whom, http)
