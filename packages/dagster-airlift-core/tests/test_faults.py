"""Whatever an Airflow answers, the error says what happened; and no secret."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dagster_airlift_core import (
    AirflowApiError,
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowNotFound,
    AirflowPayloadError,
    AirflowUnauthorized,
    AirflowUnreachable,
    HttpOptions,
)
from dagster_airlift_core._dialect import reading
from dagster_airlift_core.model import Window
from dagster_airlift_core.testing import FakeAirflow, Reply

CANARY = "canary-3f9"
SILENCE = 2.0
"""Seconds; a busy machine answers sooner."""
NEVER = {"Retry-After": "3600"}
HUGE = "[" + " " * 50_000_000 + "]"
VERSIONS = ["2.11.2", "3.3.2"]
CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""


@pytest.fixture(params=VERSIONS)
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param, users={"viewer": CANARY}) as fake:
        fake.add_dag("etl", {"extract": []})
        yield fake


@pytest.fixture
def airflow(fake: FakeAirflow) -> AirflowInstance:
    airflow = AirflowInstance(
        AirflowBasicAuthBackend(fake.url, "viewer", CANARY), "prod", http=HttpOptions(timeout_seconds=SILENCE)
    )
    airflow.list_tasks("etl")
    return airflow


def scan(airflow: AirflowInstance) -> object:
    return airflow.list_ended_task_instances(Window(airflow.server_time() - timedelta(1), None), None)


QUESTIONS = [
    pytest.param(lambda airflow: airflow.list_dags(), id="dags"),
    pytest.param(lambda airflow: airflow.list_tasks("etl"), id="tasks"),
    pytest.param(lambda airflow: airflow.list_airflow_assets(), id="assets"),
    pytest.param(lambda airflow: airflow.list_import_problems(), id="import problems"),
    pytest.param(lambda airflow: airflow.dag_source("etl"), id="source"),
    pytest.param(scan, id="scan"),
]
FAULTS = [
    pytest.param(Reply(401, {"detail": "no"}), AirflowUnauthorized, "does not accept", id="401"),
    pytest.param(Reply(403, {"detail": "Forbidden"}), AirflowUnauthorized, "role Viewer", id="403"),
    pytest.param(Reply(404, {"detail": "gone"}), AirflowNotFound, "has no|does not have", id="404"),
    pytest.param(Reply(409, {"detail": {"reason": "twice"}}), AirflowApiError, "HTTP 409: twice", id="409"),
    pytest.param(Reply(413, "too large", "text/plain"), AirflowApiError, "too much to say", id="413"),
    pytest.param(Reply(422, {"detail": "odd"}), AirflowApiError, "HTTP 422: odd", id="422"),
    pytest.param(Reply(429, {}, headers=NEVER), AirflowUnreachable, "asked too often", id="429"),
    pytest.param(Reply(500, {}, headers=NEVER), AirflowUnreachable, "HTTP 500", id="500"),
    pytest.param(
        Reply(502, "<html>", "text/html", NEVER), AirflowUnreachable, "HTTP 502", id="502 of a proxy"
    ),
    pytest.param(Reply(200, "<html>", "text/html"), AirflowPayloadError, "a login page", id="html"),
    pytest.param(Reply(200, '{"dags": ['), AirflowPayloadError, "broken JSON", id="broken json"),
    pytest.param(Reply(200, {"other": 1}), AirflowPayloadError, "not understood", id="missing fields"),
    pytest.param(Reply(200, HUGE), AirflowPayloadError, "more than 16 MB", id="50 MB"),
]


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize(("reply", "kind", "message"), FAULTS)
def test_each_fault_ends_in_its_own_error(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    ask: Callable[[AirflowInstance], object],
    reply: Reply,
    kind: type[AirflowApiError],
    message: str,
) -> None:
    fake.reply(*[reply] * 12, path="/(dags|assets|datasets|importErrors|dagSources|taskInstances)")

    with pytest.raises(AirflowApiError, match=message) as caught:
        ask(airflow)

    assert type(caught.value) is kind
    assert "Airflow instance 'prod'" in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, {}, delay=SILENCE + 1), id="before the answer"),
        pytest.param(
            Reply(200, " " * 1000, cut_after=10, stall=SILENCE + 1), id="in the middle of the answer"
        ),
        pytest.param(Reply(200, " " * 1000, cut_after=10), id="the connection is closed in the middle"),
    ],
)
def test_a_server_that_falls_silent_is_unreachable(
    fake: FakeAirflow, airflow: AirflowInstance, reply: Reply
) -> None:
    fake.reply(*[reply] * 3, path="/tasks")

    with pytest.raises(AirflowUnreachable, match="cannot be reached"):
        airflow.list_tasks("etl")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param([Reply(413, {})], id="too large for a proxy"),
        pytest.param([Reply(200, HUGE)], id="too large for us"),
        pytest.param([Reply(504, {}, headers=NEVER)], id="too slow for a proxy"),
        pytest.param([Reply(200, {}, delay=SILENCE + 1)] * 3, id="too slow for us"),
    ],
)
def test_a_page_that_is_too_much_is_asked_for_in_halves_from_then_on(
    fake: FakeAirflow, airflow: AirflowInstance, fault: list[Reply]
) -> None:
    for number in range(60):
        fake.add_dag(f"dag{number:02}")
    fake.reply(*fault, path="/dags$")

    listed = airflow.list_dags()
    again = airflow.list_dags()

    limits = [request.query["limit"] for request in fake.requests if request.path.endswith("/dags")]
    assert len(listed.rows) == len(again.rows) == 61
    assert limits[-1] == ["50"]


def test_a_right_that_is_missing_is_named(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.reply(*[Reply(403, {"detail": None, "title": "Forbidden"})] * 2, path="/importErrors")

    with pytest.raises(AirflowUnauthorized, match="role Viewer, or at least `can read on ImportError`"):
        airflow.list_import_problems()


def test_what_is_forbidden_for_good_does_not_cost_a_login_each_time(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.reply(*[Reply(403, {"detail": None, "title": "Forbidden"})] * 9, path="/importErrors")

    for _ in range(5):
        with pytest.raises(AirflowUnauthorized):
            airflow.list_import_problems()

    logins = [request for request in fake.requests if request.method == "POST"]
    assert len(logins) <= 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
LISTS = {
    "dags": reading.dags_page,
    "tasks": lambda payload: reading.tasks_page(payload, "etl"),
    "assets": reading.assets_page,
    "datasets": reading.datasets_page,
    "import_errors": reading.import_problems_page,
    "task_instances": reading.task_instances_page,
    "dag_runs": reading.dag_runs_page,
}
FIELDS = [
    *("dag_id", "tags", "owners", "description", "schedule_interval", "task_id", "class_ref"),
    *("downstream_task_ids", "uri", "name", "producing_tasks", "scheduled_dags", "consuming_dags"),
    *("filename", "stack_trace", "id", "dag_run_id", "map_index", "try_number", "start_date", "state"),
]


@given(
    rows=st.lists(st.dictionaries(st.sampled_from(FIELDS), json_values | st.just("x")), max_size=3),
    name=st.sampled_from(sorted(LISTS)),
)
@CALM
def test_rows_of_any_shape_are_read_or_set_aside(rows: list[dict[str, object]], name: str) -> None:
    page = LISTS[name]({name: rows, "unknown": 1})

    assert len(page.rows) + len(page.bad_rows) == page.received == len(rows)


@CALM
@given(payload=json_values, name=st.sampled_from(sorted(LISTS)))
def test_an_answer_of_any_shape_is_a_page_or_a_value_error(payload: object, name: str) -> None:
    try:
        page = LISTS[name](payload)
    except ValueError:
        return
    assert page.received == len(page.rows) + len(page.bad_rows)


@given(
    dag_ids=st.sets(st.from_regex(r"[\w.-]{1,8}", fullmatch=True), max_size=12),
    cap=st.integers(1, 5),
    version=st.sampled_from(VERSIONS),
)
@settings(CALM, max_examples=15)
def test_everything_is_listed_under_any_cap(dag_ids: set[str], cap: int, version: str) -> None:
    with FakeAirflow(page_cap=cap, version=version) as fake:
        for dag_id in dag_ids:
            fake.add_dag(dag_id)
            fake.add_asset(f"s3://{dag_id}")
            fake.add_import_error(dag_id, "x")
            fake.set_run(dag_id, "r1")
        airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")

        assert {dag.dag_id for dag in airflow.list_dags().rows} == dag_ids
        assert {asset.uri for asset in airflow.list_airflow_assets().rows} == {
            f"s3://{one}" for one in dag_ids
        }
        assert {problem.file for problem in airflow.list_import_problems().rows} == dag_ids
        assert runs(airflow) == dag_ids


def runs(airflow: AirflowInstance) -> set[str]:
    window = Window(airflow.server_time() - timedelta(days=2), None)
    found: set[str] = set()
    token: str | None = None
    while True:
        page = airflow.list_ended_dag_runs(window, token)
        found |= {run.dag_id for run in page.rows}
        token = page.next_page
        if token is None:
            return found
