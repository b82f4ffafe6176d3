import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow.providers.dagster.client import DagsterAddress
from airflow.providers.dagster.exceptions import InvalidDagsterConnection
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.testing import FakeDagster, Fault

Connect = Callable[..., DagsterHook]


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    def hook(**fields: object) -> DagsterHook:
        monkeypatch.setenv("AIRFLOW_CONN_DAGSTER_TEST", json.dumps({"conn_type": "dagster", **fields}))
        return DagsterHook("dagster_test")

    return hook


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        pytest.param({"host": "https://dagster.example.com"}, "https://dagster.example.com", id="url"),
        pytest.param(
            {"host": "https://org.dagster.cloud/prod/"}, "https://org.dagster.cloud/prod", id="path"
        ),
        pytest.param({"host": "http://d:3000/graphql"}, "http://d:3000", id="address of the API"),
        pytest.param({"host": "d", "port": 3000}, "http://d:3000", id="host and port"),
        pytest.param(
            {"host": "d", "port": 443, "schema": "https"}, "https://d:443", id="host, port and schema"
        ),
        pytest.param({"host": "http://d:3000", "port": 4000}, "http://d:3000", id="the URL wins"),
    ],
)
def test_a_connection_says_where_dagster_is(connect: Connect, fields: dict[str, Any], url: str) -> None:
    assert connect(**fields).address.url == url


def test_a_connection_as_a_uri_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DAGSTER_TEST", "dagster://:token@127.0.0.1:3000/http")

    address = DagsterHook("dagster_test").address

    assert (address.url, address.token) == ("http://127.0.0.1:3000", "token")


def test_of_the_extra_only_known_names_are_read(connect: Connect) -> None:
    extra = {"timeout": 5, "ca_bundle": "/ca.pem", "verify": False, "proxies": {"https": "http://evil"}}

    address = connect(host="https://d", password="s3cret", extra=extra).address

    assert (address.token, address.timeout, address.ca_bundle) == ("s3cret", 5.0, "/ca.pem")
    assert "evil" not in repr(address)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({}, "its host '' is no URL of a webserver: write for example https://", id="no host"),
        pytest.param({"host": "ftp://d"}, "its host 'ftp://d' is no URL", id="scheme"),
        pytest.param({"host": "http://d:port"}, "its host 'http://d:port' is no URL", id="port"),
        pytest.param({"host": "http://d/?a=1"}, "is no URL of a webserver", id="query"),
        pytest.param(
            {"host": "https://me:pass@d"}, "its host holds a user name: a token goes into", id="user"
        ),
        pytest.param(
            {"host": "https://d", "extra": {"timeout": "5"}}, "`timeout` is '5': write a number", id="text"
        ),
        pytest.param({"host": "https://d", "extra": {"timeout": True}}, "`timeout` is True", id="boolean"),
        pytest.param({"host": "https://d", "extra": {"timeout": 0}}, "`timeout` is 0", id="zero"),
        pytest.param(
            {"host": "http://d", "password": "x" * 9}, "would send it in the clear: use https://", id="clear"
        ),
    ],
)
def test_a_connection_that_cannot_be_used_says_why(
    connect: Connect, fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidDagsterConnection) as caught:
        _ = connect(**fields).address

    assert str(caught.value).startswith("Airflow connection 'dagster_test' cannot be used: ")
    assert problem in str(caught.value)
    assert "pass@" not in str(caught.value)


def test_a_token_goes_over_plain_http_to_this_machine_and_where_that_is_allowed(connect: Connect) -> None:
    assert connect(host="http://127.0.0.1:3000", password="token").address.token == "token"
    assert connect(host="http://d", password="token", extra={"allow_http": True}).address.token == "token"


def test_a_bundle_that_cannot_be_read_is_named(connect: Connect) -> None:
    with pytest.raises(InvalidDagsterConnection, match=r"`ca_bundle` '/absent.pem' cannot be read"):
        connect(host="https://d", extra={"ca_bundle": "/absent.pem"}).get_conn()


def test_a_connection_that_does_not_exist_is_airflows_own_error() -> None:
    with pytest.raises(AirflowNotFoundException):
        _ = DagsterHook("absent").address


def test_the_connection_can_be_tested(dagster: FakeDagster, connection: str) -> None:
    assert DagsterHook(connection).test_connection() == (
        True,
        f"Dagster 1.13.27 at {dagster.url}, code locations: defs",
    )


def test_testing_the_connection_tells_which_code_locations_are_not_loaded(
    dagster: FakeDagster, connection: str
) -> None:
    dagster.loading_locations.append("dbt")
    dagster.broken_locations["etl"] = "ImportError: no module"

    works, message = DagsterHook(connection).test_connection()

    assert works
    assert message == (
        f"Dagster 1.13.27 at {dagster.url}, code locations: dbt (not loaded: it is still loading), "
        "etl (not loaded: ImportError: no module), defs"
    )


def test_a_dagster_without_code_is_said_to_have_none(dagster: FakeDagster, connection: str) -> None:
    body = '{"data": {"workspaceOrError": {"__typename": "Workspace", "locationEntries": []}}}'
    dagster.fail("AirflowLocations", Fault(status=200, content_type="application/json", body=body))

    assert DagsterHook(connection).test_connection()[1].endswith(", which has no code location")


def test_the_triggerer_reads_a_connection_as_a_worker_does(connect: Connect) -> None:
    fields = {"host": "https://d", "password": "s3cret", "extra": {"timeout": 5}}

    async def address() -> DagsterAddress:
        client = await connect(**fields).get_async_conn()
        await client.close()
        return client.address

    assert asyncio.run(address()) == connect(**fields).address


def test_the_triggerer_names_a_bundle_that_cannot_be_read(connect: Connect) -> None:
    hook = connect(host="https://d", extra={"ca_bundle": "/absent.pem"})

    with pytest.raises(InvalidDagsterConnection, match=r"`ca_bundle` '/absent.pem' cannot be read"):
        asyncio.run(hook.get_async_conn())


def test_testing_a_connection_never_raises(connect: Connect) -> None:
    with FakeDagster() as gone:
        hook = connect(host=gone.url)

    assert hook.test_connection()[0] is False
    assert "cannot be reached" in hook.test_connection()[1]
    assert DagsterHook("absent").test_connection()[0] is False
