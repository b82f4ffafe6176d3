"""What the client of the triggerer must have in common with that of a worker, and what not."""

import asyncio

import pytest

from airflow.providers.dagster import calls
from airflow.providers.dagster.async_client import AsyncDagsterClient
from airflow.providers.dagster.client import MAX_BYTES, DagsterAddress, DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterRunDeleted
from airflow.providers.dagster.exchange import Call
from airflow.providers.dagster.testing import FakeDagster, Fault

JSON = "application/json"


async def ask(address: DagsterAddress, call: Call[object]) -> object:
    client = await AsyncDagsterClient.open(address)
    try:
        return await client.ask(call)
    finally:
        await client.close()


def test_an_answer_is_the_same(dagster: FakeDagster, client: DagsterClient) -> None:
    run = dagster.add_run({"a": "1"}, "STARTED")

    assert asyncio.run(ask(client.address, calls.runs({"a": "1"}))) == client.runs({"a": "1"})
    assert asyncio.run(ask(client.address, calls.terminate(run.run_id))) is None
    assert run.status == "CANCELING"


def test_the_token_and_the_name_of_the_client_are_sent(dagster: FakeDagster) -> None:
    asyncio.run(
        ask(
            DagsterAddress(url=dagster.url, conn_id="d", headers={"Dagster-Cloud-Api-Token": "s3cret-token"}),
            calls.version(),
        )
    )

    (request,) = dagster.requests
    assert request.headers["Dagster-Cloud-Api-Token"] == "s3cret-token"
    assert request.headers["User-Agent"].startswith("apache-airflow-providers-dagster/")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(), id="bad gateway"),
        pytest.param(Fault(drop=True), id="dropped"),
        pytest.param(Fault(status=429, headers={"Retry-After": "7"}), id="too many requests"),
        pytest.param(Fault(status=401), id="unauthorized"),
        pytest.param(Fault(status=302, headers={"Location": "https://login"}), id="redirect"),
        pytest.param(Fault(status=200), id="login page"),
        pytest.param(Fault(status=200, content_type=JSON, body='{"da'), id="half"),
        pytest.param(Fault(status=200, content_type=JSON, body='{"errors": []}'), id="errors"),
        pytest.param(Fault(status=200, content_type=JSON, body='{"data": {"other": 1}}'), id="another form"),
        pytest.param(Fault(status=200, content_type=JSON, body=" " * (MAX_BYTES + 1)), id="too large"),
    ],
)
def test_a_bad_answer_is_the_same_error(dagster: FakeDagster, client: DagsterClient, fault: Fault) -> None:
    dagster.fail("AirflowVersion", fault, fault)

    with pytest.raises(DagsterApiError) as waiting:
        client.version()
    with pytest.raises(DagsterApiError) as not_waiting:
        asyncio.run(ask(client.address, calls.version()))

    assert str(not_waiting.value) == str(waiting.value)
    assert vars(not_waiting.value) == vars(waiting.value)


def test_a_closed_port_is_the_same_error() -> None:
    with FakeDagster() as dagster:
        address = DagsterAddress(url=dagster.url, conn_id="d")

    with pytest.raises(DagsterApiError, match="cannot be reached") as caught:
        asyncio.run(ask(address, calls.version()))

    assert (caught.value.transient, caught.value.delivered) == (True, False)


def test_a_run_that_is_gone_is_an_error_of_its_own(client: DagsterClient) -> None:
    with pytest.raises(DagsterRunDeleted, match="has no run 'gone' any more"):
        asyncio.run(ask(client.address, calls.run("gone")))


def test_others_run_while_dagster_takes_its_time(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.fail("AirflowVersion", Fault(delay=0.3))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    async def both() -> None:
        task = asyncio.create_task(others())
        with pytest.raises(DagsterApiError):
            await ask(client.address, calls.version())
        task.cancel()

    asyncio.run(both())

    assert turns >= 5
