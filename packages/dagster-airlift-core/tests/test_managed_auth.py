"""Managed Airflows: AWS is stubbed by botocore, Google's token endpoint and the web servers answer HTTP."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber
from google.oauth2.credentials import Credentials

from dagster_airlift_core import (
    AirflowApiError,
    AirflowInstance,
    AirflowNotFound,
    AirflowPayloadError,
    AirflowTokenAuthBackend,
    AirflowUnauthorized,
    AirflowUnreachable,
)
from dagster_airlift_core._extras import extra
from dagster_airlift_core.astronomer import AstronomerAuthBackend
from dagster_airlift_core.composer import ComposerAuthBackend
from dagster_airlift_core.http_options import MOST_CONNECTIONS
from dagster_airlift_core.model import Window
from dagster_airlift_core.mwaa import MwaaClient, MwaaRestApiAuthBackend, MwaaSessionAuthBackend, _boto_client
from dagster_airlift_core.testing import FakeAirflow, Reply

CANARY = "canary-3f9"
WEB_TOKEN = {"WebToken": CANARY, "WebServerHostname": "127.0.0.1"}
MWAA = "https://abc.c2.us-east-1.airflow.amazonaws.com"
DATE = {"ResponseMetadata": {"HTTPHeaders": {"date": "Thu, 15 Jan 2026 12:00:00 GMT"}}}


@pytest.fixture
def client() -> MwaaClient:
    return boto3.client("mwaa", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key=CANARY)


@pytest.fixture
def aws(client: MwaaClient) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def opened(fake: FakeAirflow, session: str, cookie: str, path: str) -> None:
    fake.gate.admit(session, fake.now)
    fake.reply(Reply(200, "", "text/html", {"Set-Cookie": f"{cookie}={session}; Path=/"}), path=path)


def test_a_session_of_mwaa_with_airflow_3_is_its_token(
    fake: FakeAirflow, client: MwaaClient, aws: Stubber
) -> None:
    aws.add_response("create_web_login_token", WEB_TOKEN, {"Name": "prod"})
    opened(fake, "jwt", "_token", "/pluginsv2/aws_mwaa/login")
    airflow = AirflowInstance(MwaaSessionAuthBackend(fake.url, "prod", client=client), "prod")

    assert [dag.dag_id for dag in airflow.list_dags().rows] == ["etl"]
    assert fake.sent[-1].headers["Authorization"] == "Bearer jwt"
    aws.assert_no_pending_responses()


def test_a_session_of_mwaa_with_airflow_2_is_its_cookie_and_opened_anew_when_it_is_refused(
    client: MwaaClient, aws: Stubber
) -> None:
    with FakeAirflow(version="2.11.2") as fake:
        fake.add_dag("etl")
        airflow = AirflowInstance(MwaaSessionAuthBackend(fake.url, "prod", client=client), "prod")
        for session in ("first", "second"):
            aws.add_response("create_web_login_token", WEB_TOKEN, {"Name": "prod"})
            fake.revoke_tokens()
            opened(fake, session, "session", "^/aws_mwaa/login")

            assert [dag.dag_id for dag in airflow.list_dags().rows] == ["etl"]

        assert fake.sent[-1].headers["Cookie"] == "session=second"
        aws.assert_no_pending_responses()


def test_a_web_login_token_is_sent_to_no_other_server(
    fake: FakeAirflow, client: MwaaClient, aws: Stubber
) -> None:
    aws.add_response("create_web_login_token", {**WEB_TOKEN, "WebServerHostname": "other.example"})
    airflow = AirflowInstance(MwaaSessionAuthBackend(fake.url, "prod", client=client), "prod")

    with pytest.raises(AirflowUnauthorized, match=r"is other\.example") as caught:
        airflow.list_dags()

    assert CANARY not in str(caught.value)
    assert not [request for request in fake.requests if request.method == "POST"]


def test_a_web_server_that_opens_no_session_says_so(
    fake: FakeAirflow, client: MwaaClient, aws: Stubber
) -> None:
    aws.add_response("create_web_login_token", WEB_TOKEN)
    airflow = AirflowInstance(MwaaSessionAuthBackend(fake.url, "prod", client=client), "prod")

    with pytest.raises(AirflowUnauthorized, match="opens no session"):
        airflow.list_dags()


def test_what_aws_refuses_names_the_right_that_is_missing(
    fake: FakeAirflow, client: MwaaClient, aws: Stubber
) -> None:
    aws.add_client_error("create_web_login_token", "AccessDeniedException")
    airflow = AirflowInstance(MwaaSessionAuthBackend(fake.url, "prod", client=client), "prod")

    with pytest.raises(AirflowUnauthorized, match="`airflow:CreateWebLoginToken` is allowed"):
        airflow.list_dags()


def invoked(aws: Stubber, path: str, payload: object, query: object) -> None:
    expected = {"Name": "prod", "Path": path, "Method": "GET", "QueryParameters": query}
    answer = {"RestApiStatusCode": 200, "RestApiResponse": payload, **DATE}
    aws.add_response("invoke_rest_api", answer, expected)


def dags(*dag_ids: str) -> dict[str, object]:
    return {"dags": [{"dag_id": dag_id} for dag_id in dag_ids]}


def page(offset: int, **more: object) -> dict[str, object]:
    return {"limit": "100", "offset": str(offset), "order_by": "dag_id", **more}


def test_the_rest_api_of_mwaa_is_asked_through_aws_whatever_version_it_has(
    client: MwaaClient, aws: Stubber
) -> None:
    airflow = AirflowInstance(MwaaRestApiAuthBackend(MWAA, "prod", client=client), "prod")
    invoked(aws, "/version", {"version": "2.10.3"}, {})
    invoked(aws, "/dags", dags("etl"), page(0))
    invoked(aws, "/dags", dags(), page(1))
    invoked(aws, "/version", {"version": "2.10.3"}, {})

    assert [dag.dag_id for dag in airflow.list_dags().rows] == ["etl"]
    assert airflow.server_time() == dt.datetime(2026, 1, 15, 12, tzinfo=dt.UTC)
    assert airflow.scan_order() == "v1/updated_at success failed"
    assert airflow.links.dag("etl") == f"{MWAA}/dags/etl/grid"
    aws.assert_no_pending_responses()


def test_a_client_of_ours_keeps_as_many_connections_to_aws_as_may_be_allowed() -> None:
    assert cast("Any", _boto_client("us-east-1")).meta.config.max_pool_connections == MOST_CONNECTIONS


def test_a_date_of_aws_that_is_none_is_an_error_with_its_reason(client: MwaaClient, aws: Stubber) -> None:
    airflow = AirflowInstance(MwaaRestApiAuthBackend(MWAA, "prod", client=client), "prod")
    answer = {"RestApiStatusCode": 200, "RestApiResponse": {"version": "2.10.3"}}
    headers = {"ResponseMetadata": {"HTTPHeaders": {"date": "yesterday"}}}
    asked = {"Name": "prod", "Path": "/version", "Method": "GET", "QueryParameters": {}}
    aws.add_response("invoke_rest_api", {**answer, **headers}, asked)

    with pytest.raises(AirflowPayloadError, match="without a usable `Date` header"):
        airflow.server_time()


def test_what_airflow_refuses_through_aws_is_the_error_that_it_is_otherwise(
    client: MwaaClient, aws: Stubber
) -> None:
    airflow = AirflowInstance(MwaaRestApiAuthBackend(MWAA, "prod", client=client), "prod")
    invoked(aws, "/version", {"version": "3.0.6"}, {})
    aws.add_client_error(
        "invoke_rest_api",
        "RestApiClientException",
        modeled_fields={"RestApiStatusCode": 404, "RestApiResponse": {"detail": "no such DAG"}},
    )

    with pytest.raises(AirflowNotFound, match="has no DAG 'gone'"):
        airflow.list_tasks("gone")


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        pytest.param("AccessDeniedException", AirflowUnauthorized, "airflow:InvokeRestApi", id="forbidden"),
        pytest.param("ResourceNotFoundException", AirflowUnauthorized, "Check its name", id="no environment"),
        pytest.param("RestApiServerException", AirflowUnreachable, "10 seconds and 6 MB", id="too much"),
        pytest.param("ValidationException", AirflowUnreachable, "64 characters", id="path too long"),
    ],
)
def test_what_aws_refuses_has_a_type_and_a_remedy(
    client: MwaaClient, aws: Stubber, code: str, kind: type[AirflowApiError], message: str
) -> None:
    airflow = AirflowInstance(MwaaRestApiAuthBackend(MWAA, "prod", client=client), "prod")
    aws.add_client_error("invoke_rest_api", code)

    with pytest.raises(kind, match=message) as caught:
        airflow.list_dags()

    assert CANARY not in str(caught.value)


def test_a_page_that_aws_does_not_carry_is_asked_for_in_halves(client: MwaaClient, aws: Stubber) -> None:
    airflow = AirflowInstance(MwaaRestApiAuthBackend(MWAA, "prod", client=client), "prod")
    window = Window(dt.datetime(2026, 1, 15, tzinfo=dt.UTC), None)
    query = {
        "state": ["success", "failed"],
        "updated_at_gte": window.since.isoformat(),
        "order_by": "id",
        "cursor": "",
    }
    invoked(aws, "/version", {"version": "3.0.6"}, {})
    aws.add_client_error("invoke_rest_api", "RestApiServerException")
    invoked(aws, "/dags/~/dagRuns", {"dag_runs": []}, {**query, "limit": "50"})

    assert not airflow.list_ended_dag_runs(window, None).rows
    aws.assert_no_pending_responses()


def test_an_unreachable_aws_is_unreachable(fake: FakeAirflow) -> None:
    lost = boto3.client(
        "mwaa",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        endpoint_url="http://127.0.0.1:9",
    )
    for backend in (
        MwaaSessionAuthBackend(fake.url, "prod", client=lost),
        MwaaRestApiAuthBackend(fake.url, "prod", client=lost),
    ):
        with pytest.raises(AirflowUnreachable):
            AirflowInstance(backend, "prod").list_dags()


def google(fake: FakeAirflow) -> Credentials:
    return Credentials(
        None,
        refresh_token=CANARY,
        token_uri=f"{fake.url}/google/token",
        client_id="id",
        client_secret=CANARY,
    )


def test_composer_is_asked_with_a_token_of_google_that_is_renewed_when_refused(fake: FakeAirflow) -> None:
    airflow = AirflowInstance(ComposerAuthBackend(fake.url, google(fake)), "prod")
    for token in ("first", "second"):
        fake.revoke_tokens()
        fake.gate.admit(token, fake.now)
        given = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
        fake.reply(Reply(200, given), path="/google/token")

        assert [dag.dag_id for dag in airflow.list_dags().rows] == ["etl"]

    assert fake.sent[-1].headers["Authorization"] == "Bearer second"
    assert sum(request.path == "/google/token" for request in fake.requests) == 2


def test_a_refusal_of_google_names_no_secret(fake: FakeAirflow) -> None:
    airflow = AirflowInstance(ComposerAuthBackend(fake.url, google(fake)), "prod")
    fake.reply(Reply(400, {"error": "invalid_grant", "error_description": CANARY}), path="/google/token")

    with pytest.raises(AirflowUnauthorized, match="Google gives no access token") as caught:
        airflow.list_dags()

    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://clx.astronomer.run/d4ab?orgId=org_1",
        "https://clx.astronomer.run/d4ab/home?orgId=org_1",
        "https://clx.astronomer.run/d4ab/",
    ],
)
def test_the_url_of_an_astronomer_deployment_may_be_the_one_of_the_browser(url: str) -> None:
    assert AstronomerAuthBackend(url, CANARY).get_webserver_url() == "https://clx.astronomer.run/d4ab"


def test_astronomer_is_asked_with_its_api_token(fake: FakeAirflow) -> None:
    fake.gate.admit("astro", fake.now)
    airflow = AirflowInstance(AstronomerAuthBackend(fake.url, "astro"), "prod")

    assert [dag.dag_id for dag in airflow.list_dags().rows] == ["etl"]


def test_a_function_is_asked_for_a_token_once_and_again_when_it_is_refused(fake: FakeAirflow) -> None:
    tokens = iter(["first", "second"])
    airflow = AirflowInstance(AirflowTokenAuthBackend(fake.url, lambda: next(tokens)), "prod")
    fake.gate.admit("first", fake.now)
    airflow.list_dags()
    airflow.list_dags()
    fake.revoke_tokens()
    fake.gate.admit("second", fake.now)

    assert [dag.dag_id for dag in airflow.list_dags().rows] == ["etl"]
    assert next(tokens, None) is None


def test_no_backend_shows_a_secret(fake: FakeAirflow, client: MwaaClient) -> None:
    backends = [
        AirflowTokenAuthBackend(fake.url, CANARY),
        AstronomerAuthBackend(fake.url, CANARY),
        ComposerAuthBackend(fake.url, google(fake)),
        MwaaSessionAuthBackend(fake.url, "prod", client=client),
        MwaaRestApiAuthBackend(fake.url, "prod", client=client),
    ]

    for backend in backends:
        assert CANARY not in repr(AirflowInstance(backend, "prod"))
        assert fake.url in repr(backend)


def test_a_library_that_is_not_there_is_named_with_its_extra() -> None:
    with pytest.raises(ImportError, match=r"pip install 'dagster-airlift-core\[mwaa\]'"):
        extra("mwaa", "no_such_library")
