"""How a conversation with an Airflow instance begins: through HTTP, or through what its credentials bring along."""

from __future__ import annotations

import logging

from dagster_airlift_core._conversation import Conversation
from dagster_airlift_core._http import HttpClient
from dagster_airlift_core._transport import Transport
from dagster_airlift_core.auth import AirflowAuthBackend, CarriesRequests
from dagster_airlift_core.http_options import HttpOptions

_log = logging.getLogger(__name__)


def conversation(auth: AirflowAuthBackend, whom: str, http: HttpOptions) -> Conversation:
    """Return a conversation; nothing is sent yet.

    Args:
        auth: Where Airflow is, and the credentials.
        whom: How errors call it.
        http: How HTTP gets there.
    """
    return Conversation(_transport(auth, whom, http), auth)


def _transport(auth: AirflowAuthBackend, whom: str, http: HttpOptions) -> Transport:
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
