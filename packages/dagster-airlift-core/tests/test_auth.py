from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowPayloadError,
    AirflowTokenAuthBackend,
    AirflowUnauthorized,
)
from dagster_airlift_core.astronomer import AstronomerAuthBackend
from dagster_airlift_core.testing import FakeAirflow, Reply

CANARY = "canary-3f9"


URL = "https://airflow.example"


@pytest.mark.parametrize(
    ("backend", "fields", "name"),
    [
        pytest.param(AirflowBasicAuthBackend, (URL, None, "p"), "username", id="username"),
        pytest.param(AirflowBasicAuthBackend, (URL, "u", None), "password", id="password"),
        pytest.param(AirflowBasicAuthBackend, (None, "u", "p"), "webserver_url", id="URL"),
        pytest.param(AirflowTokenAuthBackend, (URL, None), "token", id="token"),
        pytest.param(AstronomerAuthBackend, (URL, None), "api_token", id="API token"),
    ],
)
def test_credentials_that_are_none_are_refused_by_name(
    backend: Callable[..., object], fields: tuple[str | None, ...], name: str
) -> None:
    with pytest.raises(ValueError, match=f"^{backend.__name__} has no {name}: it is None. Give one; if"):
        backend(*fields)


def logins(fake: FakeAirflow) -> int:
    return sum(request.path == "/auth/token" for request in fake.requests)


def test_one_login_serves_many_questions(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    for _ in range(3):
        airflow.list_tasks("etl")

    assert logins(fake) == 1


def test_a_token_that_expired_is_renewed_once(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    airflow.list_dags()
    fake.now += timedelta(days=2)

    airflow.list_tasks("etl")

    assert logins(fake) == 2


def test_a_token_of_a_rotated_secret_is_renewed_once(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    airflow.list_dags()
    fake.revoke_tokens()

    airflow.list_tasks("etl")

    assert logins(fake) == 2


def test_a_token_near_its_end_is_renewed_before_it_is_refused() -> None:
    with FakeAirflow(token_life=timedelta(microseconds=1)) as fake:
        fake.add_dag("etl")
        airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")

        airflow.list_tasks("etl")
        airflow.list_tasks("etl")

    assert logins(fake) == 2


def test_a_token_that_is_no_jwt_is_used_until_it_is_refused(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.reply(Reply(201, {"access_token": "opaque"}), path="/auth/token")

    airflow.list_tasks("etl")

    assert logins(fake) == 2


def test_a_missing_permission_does_not_log_in_again(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.reply(Reply(403, {"detail": "Forbidden"}), path="/dags")

    with pytest.raises(
        AirflowUnauthorized, match="Give the user the role Viewer, or at least `can read on DAGs`"
    ):
        airflow.list_dags()

    assert logins(fake) == 1


def test_a_refusal_that_stays_ends_after_one_more_login(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.reply(*[Reply(401, {"detail": "Not authenticated"})] * 2, path="/dags")

    with pytest.raises(AirflowUnauthorized):
        airflow.list_dags()

    assert logins(fake) == 2


def test_a_wrong_password_is_one_paragraph_without_the_password(fake: FakeAirflow) -> None:
    airflow = AirflowInstance(AirflowBasicAuthBackend(f"{fake.url}/", "viewer", CANARY), "prod")

    with pytest.raises(AirflowUnauthorized) as caught:
        airflow.list_dags()

    assert str(caught.value) == (
        f"Airflow instance 'prod' at {fake.url} does not accept the credentials "
        "(POST /auth/token answered HTTP 401: Invalid credentials). Check username and password."
    )


def test_a_password_that_airflow_sends_back_is_not_repeated(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    complaint = {"loc": ["body", "password"], "msg": "too short", "input": CANARY}
    fake.reply(Reply(422, {"detail": [complaint]}), path="/auth/token")

    with pytest.raises(Exception, match=r"body\.password: too short") as caught:
        airflow.list_dags()

    assert CANARY not in str(caught.value)


def test_a_login_without_token_is_a_payload_error(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.reply(Reply(201, {"token": CANARY}), path="/auth/token")

    with pytest.raises(AirflowPayloadError, match="no 'access_token'") as caught:
        airflow.list_dags()

    assert CANARY not in str(caught.value)


def test_secrets_do_not_show(airflow: AirflowInstance) -> None:
    backend = AirflowBasicAuthBackend("https://airflow.example", "viewer", CANARY)

    assert CANARY not in repr(backend)
    assert "viewer" in repr(airflow)
    assert "password=***" in repr(airflow)


@pytest.fixture
def two() -> Iterator[FakeAirflow]:
    with FakeAirflow(version="2.11.2", users={"viewer": CANARY}) as fake:
        fake.add_dag("etl", {"extract": []})
        yield fake


@pytest.fixture
def airflow_two(two: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(two.url, "viewer", CANARY), "prod")


def passwords(fake: FakeAirflow) -> int:
    return sum(sent.headers.get("Authorization", "").startswith("Basic ") for sent in fake.sent)


def test_airflow_2_is_sent_the_password_once_for_many_questions(
    two: FakeAirflow, airflow_two: AirflowInstance
) -> None:
    for _ in range(3):
        airflow_two.list_tasks("etl")

    assert [request.path for request in two.requests if request.method == "POST"] == ["/login/"]
    assert passwords(two) == 0


@pytest.mark.parametrize("lack", ["has_form", "takes_sessions"])
def test_where_airflow_2_has_no_session_to_give_each_request_carries_the_password(
    two: FakeAirflow, airflow_two: AirflowInstance, lack: str
) -> None:
    setattr(two.gate, lack, False)

    for _ in range(3):
        airflow_two.list_tasks("etl")

    assert passwords(two) == 3


def test_a_session_that_ended_is_renewed_once(two: FakeAirflow, airflow_two: AirflowInstance) -> None:
    airflow_two.list_dags()
    two.now += timedelta(days=2)

    airflow_two.list_tasks("etl")

    assert sum(request.method == "POST" for request in two.requests) == 2


def test_a_wrong_password_of_airflow_2_is_sent_once_and_told_apart(two: FakeAirflow) -> None:
    airflow = AirflowInstance(AirflowBasicAuthBackend(two.url, "viewer", f"{CANARY}-not"), "prod")

    with pytest.raises(AirflowUnauthorized, match="leads back to itself") as caught:
        airflow.list_dags()

    assert CANARY not in str(caught.value)
    assert sum(request.method == "POST" for request in two.requests) == 1


def test_many_threads_log_in_once_when_a_token_is_refused(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(40):
        fake.add_dag(f"dag{number}")
    airflow.list_dags()
    fake.revoke_tokens()

    airflow.list_tasks_of(fake.dags)

    assert logins(fake) == 2
