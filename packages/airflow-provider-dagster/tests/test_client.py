import pytest

from airflow.providers.dagster.client import MAX_BYTES, DagsterAddress, DagsterClient, is_loopback
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterLaunchRefused, DagsterRunDeleted
from airflow.providers.dagster.model import RunStatus, Work
from airflow.providers.dagster.testing import FakeDagster, Fault

WORK = Work("defs", "__repository__", asset_keys=(("raw", "orders"),))


def error_of(client: DagsterClient) -> DagsterApiError:
    with pytest.raises(DagsterApiError) as caught:
        client.version()
    return caught.value


def test_the_token_and_the_name_of_the_client_are_sent(dagster: FakeDagster) -> None:
    client = DagsterClient(
        DagsterAddress(url=dagster.url, conn_id="d", headers={"Dagster-Cloud-Api-Token": "s3cret-token"})
    )

    assert client.version() == "1.13.27"
    client.close()

    (request,) = dagster.requests
    assert request.headers["Dagster-Cloud-Api-Token"] == "s3cret-token"
    assert request.headers["User-Agent"].startswith("apache-airflow-providers-dagster/")


def test_no_token_is_sent_where_there_is_none(dagster: FakeDagster, client: DagsterClient) -> None:
    client.version()

    assert "Dagster-Cloud-Api-Token" not in dagster.requests[0].headers


def test_a_token_is_not_in_the_representation_of_an_address() -> None:
    assert "s3cret" not in repr(
        DagsterAddress(
            url="https://d", conn_id="d", headers={"Authorization": "s3cret"}, proxy="http://me:s3cret@p"
        )
    )


def test_a_closed_port_says_where_who_and_what_to_do() -> None:
    with FakeDagster() as dagster:
        url = dagster.url
    client = DagsterClient(DagsterAddress(url=url, conn_id="dagster_prod"))

    error = error_of(client)

    client.close()
    assert str(error).startswith(f"Dagster at {url} (Airflow connection 'dagster_prod') cannot be reached (")
    assert str(error).endswith(". Start it, or correct the host of the connection.")
    assert "\n" not in str(error)
    assert (error.transient, error.delivered, error.status) == (True, False, None)


@pytest.mark.parametrize(
    ("fault", "message", "facts"),
    [
        pytest.param(Fault(), "answered HTTP 502: <html>Bad gateway", (True, True, 502), id="bad gateway"),
        pytest.param(Fault(drop=True), "broke off", (True, True, None), id="dropped"),
        pytest.param(
            Fault(status=429, headers={"Retry-After": "7"}),
            "HTTP 429",
            (True, False, 429),
            id="too many requests",
        ),
        pytest.param(
            Fault(status=401), "Check the API token, the password", (False, False, 401), id="unauthorized"
        ),
        pytest.param(Fault(status=400), "answered HTTP 400", (False, False, 400), id="bad request"),
        pytest.param(
            Fault(status=302, headers={"Location": "https://login"}),
            "likely to a login",
            (False, False, 302),
            id="redirect",
        ),
        pytest.param(
            Fault(status=200),
            "'text/html' instead of JSON, likely a login page",
            (False, True, 200),
            id="login page",
        ),
        pytest.param(
            Fault(status=200, content_type="application/json", body='{"da'),
            "cannot be read",
            (True, True, 200),
            id="half",
        ),
        pytest.param(
            Fault(status=200, content_type="application/json", body="[" * 100_000),
            "cannot be read",
            (True, True, 200),
            id="deep",
        ),
        pytest.param(
            Fault(status=200, content_type="application/json", body='{"errors": [{"message": "no"}]}'),
            'answered with errors: [{"message": "no"}]',
            (True, True, 200),
            id="errors",
        ),
        pytest.param(
            Fault(status=200, content_type="application/json", body='{"data": {"other": 1}}'),
            "in a form that this provider does not know (KeyError('version'))",
            (False, True, None),
            id="another form",
        ),
        pytest.param(
            Fault(status=200, content_type="application/json", body=" " * (MAX_BYTES + 1)),
            "sent more than 16,777,216 bytes",
            (False, True, 200),
            id="too large",
        ),
    ],
)
def test_a_bad_answer_says_what_it_was(
    dagster: FakeDagster,
    client: DagsterClient,
    fault: Fault,
    message: str,
    facts: tuple[bool, bool, int | None],
) -> None:
    dagster.fail("AirflowVersion", fault)

    error = error_of(client)

    assert str(error).startswith(f"Dagster at {dagster.url} (Airflow connection 'dagster_default') ")
    assert message in str(error)
    assert (error.transient, error.delivered, error.status) == facts
    assert error.retry_after == (7.0 if error.status == 429 else 0.0)


def test_an_answer_that_does_not_come_is_not_waited_for_longer_than_the_timeout(dagster: FakeDagster) -> None:
    dagster.fail("AirflowVersion", Fault(delay=0.5))
    client = DagsterClient(DagsterAddress(url=dagster.url, conn_id="d", timeout=0.05))

    error = error_of(client)

    client.close()
    assert "broke off (ReadTimeout" in str(error)
    assert (error.transient, error.delivered) == (True, True)


def test_runs_come_oldest_first(dagster: FakeDagster, client: DagsterClient) -> None:
    first = dagster.add_run({"a": "1", "b": "2"}, "SUCCESS")
    second = dagster.add_run({"a": "1"}, "STARTED")
    dagster.add_run({"a": "2"}, "STARTED")

    assert [run.run_id for run in client.runs({"a": "1"})] == [first.run_id, second.run_id]
    assert [run.status for run in client.runs({"a": "1", "b": "2"})] == [RunStatus.SUCCESS]


def test_a_run_that_is_gone_is_an_error_of_its_own(client: DagsterClient) -> None:
    with pytest.raises(DagsterRunDeleted, match="has no run 'gone' any more: it was deleted while"):
        client.run("gone")


def test_a_refused_launch_says_what_and_why(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.launch_refusal = ("InvalidSubsetError", "no such asset")

    with pytest.raises(DagsterLaunchRefused) as caught:
        client.launch(WORK, {})

    assert str(caught.value) == (
        f"Dagster at {dagster.url} does not launch a run of raw/orders in code location 'defs': "
        "no such asset (InvalidSubsetError)."
    )


def test_a_launch_that_made_dagster_stumble_may_have_left_a_run(
    dagster: FakeDagster, client: DagsterClient
) -> None:
    dagster.launch_refusal = ("PythonError", "boom")

    with pytest.raises(DagsterApiError) as caught:
        client.launch(WORK, {})

    assert caught.value.delivered


def test_terminating_twice_is_no_error(dagster: FakeDagster, client: DagsterClient) -> None:
    run = dagster.add_run({}, "STARTED")

    client.terminate(run.run_id)
    run.advance()
    client.terminate(run.run_id)
    client.terminate("gone")

    assert run.status == "CANCELED"


def test_why_a_run_failed_is_read_from_its_events(dagster: FakeDagster, client: DagsterClient) -> None:
    failed = dagster.add_run({}, "FAILURE", step_error="KeyError: 'price'")
    canceled = dagster.add_run({}, "CANCELED")
    unknown = dagster.add_run({}, "SUCCESS")

    assert client.failure(failed.run_id).reason == "step 'orders': KeyError: 'price'"
    assert client.failure(canceled.run_id).reason == "The run was canceled."
    assert client.failure(unknown.run_id).reason == "Dagster gives no reason"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:3000", True),
        ("http://[::1]/", True),
        ("https://localhost", True),
        ("http://dagster", False),
    ],
)
def test_loopback_is_told_from_the_network(url: str, expected: bool) -> None:  # noqa: FBT001
    assert is_loopback(url) is expected


def test_addresses_of_runs_are_escaped() -> None:
    address = DagsterAddress(url="https://d/prod", conn_id="d")

    assert address.run_url("a/../b") == "https://d/prod/runs/a%2F..%2Fb"
    assert address.runs_url("key", "v&w") == "https://d/prod/runs?q[0]=tag%3Akey%3Dv%26w"


def test_a_bundle_that_is_no_certificate_is_refused_when_the_client_is_made() -> None:
    with pytest.raises(OSError, match="No such file"):
        DagsterClient(DagsterAddress(url="https://d", conn_id="d", ca_bundle="/absent.pem"))
