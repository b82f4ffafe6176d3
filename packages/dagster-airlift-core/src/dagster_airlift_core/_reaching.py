"""Chooses what carries requests to an Airflow instance."""

from __future__ import annotations

import logging

from dagster_airlift_core._http import HttpClient
from dagster_airlift_core._transport import Transport
from dagster_airlift_core.auth import AirflowAuthBackend, CarriesRequests
from dagster_airlift_core.http_options import HttpOptions

_log = logging.getLogger(__name__)


def transport_for(auth: AirflowAuthBackend, whom: str, http: HttpOptions) -> Transport:
    """Return what carries requests: a service of the credentials' own, or HTTP.

    Args:
        auth: The credentials.
        whom: Who is asked, in messages.
        http: How HTTP gets there.
    """
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
