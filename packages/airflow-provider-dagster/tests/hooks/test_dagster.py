import asyncio
import base64
import json
import os
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow.providers.dagster.client import DagsterAddress
from airflow.providers.dagster.exceptions import DagsterApiError, InvalidDagsterConnection
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.testing import FakeDagster, Fault
from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.sdk.log import redact
else:
    from airflow.utils.log.secrets_masker import redact

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

    assert (address.url, address.headers) == ("http://127.0.0.1:3000", {"Dagster-Cloud-Api-Token": "token"})


def test_of_the_extra_only_known_names_are_read(connect: Connect) -> None:
    extra = {"timeout": 5, "ca_bundle": "/ca.pem", "verify": False, "proxies": {"https": "http://evil"}}

    address = connect(host="https://d", password="s3cret", extra=extra).address

    assert address.headers == {"Dagster-Cloud-Api-Token": "s3cret"}
    assert (address.timeout, address.ca_bundle, address.proxy) == (5.0, "/ca.pem", "")
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
            {"host": "https://d", "extra": {"timeout": "5"}},
            "`timeout` is '5': write a positive number",
            id="text",
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
    assert connect(host="http://127.0.0.1:3000", password="token").address.headers
    assert connect(host="http://d", password="token", extra={"allow_http": True}).address.headers


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"password": "s3cret"}, {"Dagster-Cloud-Api-Token": "s3cret"}, id="Dagster+"),
        pytest.param(
            {"password": "s3cret", "extra": {"auth": "bearer"}},
            {"Authorization": "Bearer s3cret"},
            id="bearer",
        ),
        pytest.param(
            {"login": "me", "password": "s3cret"}, {"Authorization": "Basic bWU6czNjcmV0"}, id="basic"
        ),
        pytest.param({"extra": {"headers": {"X-Key": "s3cret"}}}, {"X-Key": "s3cret"}, id="of its own"),
        pytest.param(
            {"password": "p4ss", "extra": {"headers": '{"X-Key": "s3cret"}', "auth": ""}},
            {"X-Key": "s3cret", "Dagster-Cloud-Api-Token": "p4ss"},
            id="of its own, from the form",
        ),
    ],
)
def test_a_connection_says_how_to_get_in(
    connect: Connect, fields: dict[str, Any], headers: dict[str, str]
) -> None:
    hook = connect(host="https://d", **fields)

    assert hook.address.headers == headers
    assert "s3cret" not in repr(hook.address)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        pytest.param({"extra": {"auth": "kerberos"}}, "`auth` is 'kerberos': write one of", id="scheme"),
        pytest.param({"extra": {"headers": "X-Key: s3cret"}}, "`headers` is no JSON", id="no JSON"),
        pytest.param({"extra": {"headers": ["s3cret"]}}, "does not map names to texts", id="list"),
        pytest.param({"extra": {"headers": {"a": 1, "b": "s3cret"}}}, "does not map", id="number"),
        pytest.param({"extra": {"headers": {"a": "s3cret\r\nb: c"}}}, "header 'a' has a char", id="value"),
        pytest.param({"extra": {"headers": {"a b": "s3cret"}}}, "header 'a b' has a character", id="name"),
        pytest.param({"extra": {"proxy": "me:s3cret@proxy"}}, "`proxy` is no URL", id="proxy"),
        pytest.param({"extra": {"connect_timeout": -1}}, "`connect_timeout` is -1", id="timeout"),
    ],
)
def test_a_way_in_that_cannot_be_used_is_named_without_its_secret(
    connect: Connect, fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidDagsterConnection) as caught:
        _ = connect(host="https://d", **fields).address

    assert problem in str(caught.value)
    assert "s3cret" not in str(caught.value)


def on_a_worker(hook: DagsterHook) -> None:
    hook.get_conn().close()


def in_the_triggerer(hook: DagsterHook) -> None:
    async def connect() -> None:
        await (await hook.get_async_conn()).close()

    asyncio.run(connect())


@pytest.mark.parametrize("read", [on_a_worker, in_the_triggerer])
def test_what_is_made_of_a_secret_is_masked_too(
    connect: Connect, read: Callable[[DagsterHook], None]
) -> None:
    password, key, proxy = (f"{name}-c4nary-{read.__name__}" for name in ("password", "key", "proxy"))
    basic = base64.b64encode(f"me:{password}".encode()).decode()
    extra = {"headers": {"X-Key": key}, "proxy": f"http://me:{proxy}@proxy:3128"}

    read(connect(host="https://d", login="me", password=password, extra=extra))

    assert redact(f"{password} {basic} {key} http://me:{proxy}@proxy") == "*** *** *** http://me:***@proxy"


def test_what_asks_dagster_goes_through_the_proxy_of_the_connection(
    connect: Connect, dagster: FakeDagster
) -> None:
    client = connect(host="http://dagster.invalid", extra={"proxy": dagster.url, "timeout": 5}).get_conn()

    with pytest.raises(DagsterApiError) as caught:
        client.version()

    client.close()
    # The fake is no proxy: it is asked for a whole URL, which it does not know.
    assert caught.value.status == HTTPStatus.BAD_REQUEST


def test_two_deployments_are_two_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeDagster() as first, FakeDagster() as second:
        for name, fake in {"one": first, "two": second}.items():
            text = json.dumps({"conn_type": "dagster", "host": fake.url, "password": f"token-{name}"})
            monkeypatch.setenv(f"AIRFLOW_CONN_DAGSTER_{name.upper()}", text)
        before = dict(os.environ)

        assert DagsterHook("dagster_one").test_connection()[0]
        assert DagsterHook("dagster_two").test_connection()[0]

        assert dict(os.environ) == before
    tokens = [{r.headers["Dagster-Cloud-Api-Token"] for r in fake.requests} for fake in (first, second)]
    assert tokens == [{"token-one"}, {"token-two"}]


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
