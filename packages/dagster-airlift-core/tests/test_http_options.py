from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowPayloadError,
    AirflowTokenAuthBackend,
    AirflowUnreachable,
    HttpOptions,
)
from dagster_airlift_core.http_options import DEFAULT_OPTIONS
from dagster_airlift_core.model import Page
from dagster_airlift_core.testing import FakeAirflow, Reply

CANARY = "canary-3f9"
AUTHORITY = trustme.CA()


def asked(url: str, options: HttpOptions) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(url, "viewer", "viewer"), "prod", http=options)


def secured(name: str, *, wants_certificate: bool = False) -> FakeAirflow:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        AUTHORITY.configure_trust(context)
    return FakeAirflow(tls=context)


@pytest.fixture
def authority(tmp_path: Path) -> str:
    path = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def test_a_certificate_of_an_authority_of_our_own_is_checked_against_it(authority: str) -> None:
    with secured("127.0.0.1") as fake:
        assert asked(fake.url, HttpOptions(verify=authority)).version() == "3.3.2"
        with pytest.raises(AirflowUnreachable, match="unable to get local issuer certificate"):
            asked(fake.url, HttpOptions()).version()


def test_a_certificate_for_another_name_is_refused(authority: str) -> None:
    with secured("airflow.example") as fake, pytest.raises(AirflowUnreachable, match="IP address mismatch"):
        asked(fake.url, HttpOptions(verify=authority)).version()


def test_our_own_authority_counts_before_that_of_the_environment(
    authority: str, clean: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    clean.setenv("REQUESTS_CA_BUNDLE", str(other))

    with secured("127.0.0.1") as fake:
        assert asked(fake.url, HttpOptions(verify=authority)).version() == "3.3.2"


def test_the_authority_of_the_environment_counts_unless_it_is_not_to(
    authority: str, clean: pytest.MonkeyPatch
) -> None:
    clean.setenv("REQUESTS_CA_BUNDLE", authority)

    with secured("127.0.0.1") as fake:
        assert asked(fake.url, HttpOptions()).version() == "3.3.2"
        with pytest.raises(AirflowUnreachable, match="certificate"):
            asked(fake.url, HttpOptions(trust_environment=False)).version()


def test_a_client_certificate_is_shown_to_a_server_that_wants_one(authority: str, tmp_path: Path) -> None:
    ours = AUTHORITY.issue_cert("dagster.example")
    certificate, key = tmp_path / "ours.pem", tmp_path / "ours.key"
    ours.cert_chain_pems[0].write_to_path(str(certificate))
    ours.private_key_pem.write_to_path(str(key))

    with secured("127.0.0.1", wants_certificate=True) as fake:
        options = HttpOptions(verify=authority, client_certificate=(str(certificate), str(key)))
        assert asked(fake.url, options).version() == "3.3.2"
        with pytest.raises(AirflowUnreachable):
            asked(fake.url, HttpOptions(verify=authority)).version()


def test_an_unchecked_certificate_is_warned_of_each_time(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        asked("https://airflow.example", HttpOptions(verify=False))

    assert caplog.text.count("does not check the certificate") == 2


def test_requests_go_through_the_proxy_that_is_named(fake: FakeAirflow) -> None:
    options = HttpOptions(proxy=fake.url, allow_http=True)

    airflow = asked("http://airflow.invalid", options)

    assert [dag.dag_id for dag in airflow.list_dags().rows] == ["etl"]


def test_a_proxy_of_the_environment_counts_unless_it_is_not_to(
    fake: FakeAirflow, clean: pytest.MonkeyPatch
) -> None:
    clean.setenv("HTTP_PROXY", fake.url)
    clean.setenv("http_proxy", fake.url)

    assert asked("http://airflow.invalid", HttpOptions(allow_http=True)).version() == "3.3.2"
    with pytest.raises(AirflowUnreachable):
        asked("http://airflow.invalid", HttpOptions(allow_http=True, trust_environment=False)).version()


def test_each_request_carries_the_headers_that_are_named(fake: FakeAirflow) -> None:
    asked(fake.url, HttpOptions(headers={"X-Gate": CANARY})).list_dags()

    assert fake.sent
    assert {sent.headers.get("X-Gate") for sent in fake.sent} == {CANARY}
    assert CANARY not in repr(HttpOptions(headers={"X-Gate": CANARY}, proxy=f"http://u:{CANARY}@proxy"))


def test_nothing_is_written_to_the_environment(fake: FakeAirflow) -> None:
    before = dict(os.environ)

    asked(fake.url, HttpOptions(proxy=fake.url, trust_environment=False)).list_dags()

    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("options", "most"),
    [
        pytest.param(HttpOptions(), DEFAULT_OPTIONS.connections, id="default"),
        pytest.param(HttpOptions(connections=3), 3, id="chosen"),
    ],
)
def test_all_threads_share_as_many_connections_as_are_allowed(
    fake: FakeAirflow, options: HttpOptions, most: int
) -> None:
    for number in range(60):
        fake.add_dag(f"dag{number}", {"task": []})
    airflow = asked(fake.url, options)
    dag_ids = list(fake.dags)

    with ThreadPoolExecutor(2) as loads:
        found = list(loads.map(airflow.list_tasks_of, [dag_ids, dag_ids]))

    assert all(isinstance(page, Page) for tasks in found for page in tasks.values())
    assert 1 < fake.connections <= most


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, "<html>", "text/html"), id="a page"),
        pytest.param(Reply(302, "", headers={"Location": "/login"}), id="a redirect"),
        pytest.param(Reply(200, " " * (17 * 1024 * 1024)), id="too large"),
        pytest.param(Reply(200, "{"), id="cut short"),
    ],
)
def test_an_answer_that_is_not_read_leaves_its_connection_to_the_next(
    fake: FakeAirflow, reply: Reply
) -> None:
    airflow = asked(fake.url, HttpOptions(connections=1))
    fake.reply(reply, path="/tasks$")

    with pytest.raises(AirflowPayloadError):
        airflow.list_tasks("etl")

    assert airflow.list_tasks("etl").received == 2


@pytest.mark.parametrize("connections", [0, -1, 65])
def test_no_connection_and_too_many_are_refused(connections: int) -> None:
    with pytest.raises(ValueError, match=f"connections={connections}.* from 1 to 64"):
        HttpOptions(connections=connections)


@pytest.mark.parametrize("headers", [{"X-Gate": "a\nb"}, {"X\r\n": "a"}, {"X-Gate": "\u2028"}])
def test_a_header_that_http_cannot_carry_is_refused_without_its_value(headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Look for a line break in it"):
        HttpOptions(headers=headers)


def test_credentials_count_before_a_header_of_the_same_name(fake: FakeAirflow) -> None:
    dags = asked(fake.url, HttpOptions(headers={"authorization": "none"})).list_dags()

    assert [dag.dag_id for dag in dags.rows] == ["etl"]


@pytest.mark.parametrize(
    "url", ["http://airflow.example", "http://10.0.0.7:8080", "http://localhost.evil.example"]
)
def test_credentials_do_not_travel_unencrypted_unless_that_is_allowed(url: str) -> None:
    with pytest.raises(ValueError, match="whoever listens on the way reads the credentials"):
        AirflowInstance(AirflowTokenAuthBackend(url, CANARY), "prod")

    AirflowInstance(AirflowTokenAuthBackend(url, CANARY), "prod", http=HttpOptions(allow_http=True))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080", "https://x"]
)
def test_on_this_machine_and_over_https_they_may(url: str) -> None:
    assert AirflowInstance(AirflowTokenAuthBackend(url, CANARY), "prod").name == "prod"


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="in the URL") as caught:
        AirflowInstance(AirflowTokenAuthBackend(f"https://viewer:{CANARY}@airflow.example", "t"), "prod")

    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("url", ["", "airflow.example.com", "ftp://airflow.example.com", "https://"])
def test_what_is_no_url_of_a_web_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="no URL of a web server"):
        AirflowInstance(AirflowTokenAuthBackend(url, CANARY), "prod")
