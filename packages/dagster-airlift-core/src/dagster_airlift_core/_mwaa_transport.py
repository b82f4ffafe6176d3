"""Requests to Airflow that travel through AWS's `InvokeRestApi`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import unquote

from dagster_airlift_core._extras import extra
from dagster_airlift_core._transport import Answer, Request, WebPage, date_of
from dagster_airlift_core.errors import AirflowPayloadError, AirflowUnauthorized, AirflowUnreachable

_API_PARTS = 3
_FORBIDDEN = frozenset({"AccessDeniedException", "ResourceNotFoundException", "ExpiredTokenException"})


class InvokesRestApi(Protocol):
    """What we need of boto3's client for `mwaa`."""

    def invoke_rest_api(
        self,
        *,
        Name: str,  # noqa: N803 - AWS's names
        Path: str,  # noqa: N803
        Method: str,  # noqa: N803
        QueryParameters: Mapping[str, object],  # noqa: N803
    ) -> Mapping[str, Any]:
        """Return what Airflow answered.

        Args:
            Name: Name of the environment.
            Path: Path below that of the API.
            Method: HTTP method.
            QueryParameters: Query.
        """
        ...


class MwaaTransport:
    """Carries requests through AWS; it leaves out the path of the API, which AWS chooses.

    Args:
        client: A boto3 client for `mwaa`.
        environment: Name of the environment.
        base_url: URL of the web server, for errors.
        whom: How errors call the server.
    """

    def __init__(self, client: InvokesRestApi, environment: str, base_url: str, whom: str) -> None:
        self.base_url = base_url
        self.whom = whom
        self._client = client
        self._environment = environment
        self._errors = extra("mwaa", "botocore.exceptions")

    def send(self, request: Request, headers: Mapping[str, str]) -> Answer:  # noqa: ARG002 - AWS signs the calls
        """Return the JSON answer; AWS retries what is worth it."""
        try:
            given = self._client.invoke_rest_api(
                Name=self._environment,
                Path=unquote("/" + "/".join(request.path.split("/")[_API_PARTS:])),
                Method=request.method,
                QueryParameters=_query(request),
                **({} if request.body is None else {"Body": request.body}),
            )
        except self._errors.ClientError as error:
            return self._refused(request, error.response)
        except self._errors.BotoCoreError as error:
            raise self._unreachable(request, str(error)) from None
        return self._answer(request, given)

    def browse(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
    ) -> WebPage:
        """Refuse: AWS carries requests to the REST API only."""
        what = f"a page with {len(form or {}) + len(cookies or {})} values"
        message = f"{self.whom}: AWS carries {method} {path}, {what}, nowhere. Use MwaaSessionAuthBackend."
        raise AirflowUnreachable(message, method=method, url=self.base_url)

    def _answer(self, request: Request, given: Mapping[str, Any]) -> Answer:
        said = given.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        status: object = given.get("RestApiStatusCode")
        if not isinstance(status, int):
            message = f"{self.whom}: AWS answered {request.method} {request.path} without Airflow's status."
            raise AirflowPayloadError(message, method=request.method, url=self.base_url)
        return Answer(f"{self.base_url}{request.path}", status, date_of(said), given.get("RestApiResponse"))

    def _refused(self, request: Request, response: Mapping[str, Any]) -> Answer:
        """Return the refusal of Airflow, or raise that of AWS."""
        code: str = response["Error"]["Code"]
        if code == "RestApiClientException":
            return self._answer(request, response)
        if code in _FORBIDDEN:
            message = (
                f"{self.whom}: AWS refuses the environment {self._environment!r} ({code}). Check its name, its "
                "region, and that `airflow:InvokeRestApi` is allowed on the role Viewer of it."
            )
            raise AirflowUnauthorized(message, method=request.method, url=self.base_url)
        raise self._unreachable(request, f"{code}, {response['Error'].get('Message', 'no reason given')}")

    def _unreachable(self, request: Request, reason: str) -> AirflowUnreachable:
        message = (
            f"{self.whom} cannot be asked {request.method} {request.path} through AWS: {reason}. A path has 64 "
            "characters at most, a call 10 seconds and 6 MB: where that is too little, use MwaaSessionAuthBackend."
        )
        url = f"{self.base_url}{request.path}"
        return AirflowUnreachable(message, method=request.method, url=url, is_too_much=True)


def _query(request: Request) -> dict[str, object]:
    """Return the query as one JSON object; a parameter that is given more than once is a list."""
    found: dict[str, list[str]] = {}
    for name, value in request.query:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
