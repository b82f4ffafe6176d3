from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from dagster_airlift_core import AirflowPayloadError, AirflowUnreachable
from dagster_airlift_core._http import HttpClient
from dagster_airlift_core._transport import Request
from dagster_airlift_core.testing import FakeAirflow, Reply

VERSION = Request("GET", "/api/v2/version")
OK = Reply(200, {"version": "3.3.2"})
BUSY = Reply(503, {"detail": "busy"})


class Pauses(list[float]):
    """Counts the seconds that a client wanted to sleep."""

    def client(self, url: str, clock: Callable[[], float] = lambda: 0.0) -> HttpClient:
        return HttpClient(url, "Airflow instance 'prod'", sleep=self.append, clock=clock)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


def test_a_get_is_sent_again_with_growing_pauses_while_the_server_is_busy(
    fake: FakeAirflow, pauses: Pauses
) -> None:
    fake.reply(BUSY, BUSY, OK)

    answer = pauses.client(fake.url).send(VERSION, {})

    assert answer.status == 200
    assert pauses == [0.5, 1.0]


def test_a_server_that_stays_busy_is_given_up_with_its_status(fake: FakeAirflow, pauses: Pauses) -> None:
    fake.reply(BUSY, BUSY, BUSY)

    with pytest.raises(AirflowUnreachable, match="answered HTTP 503") as caught:
        pauses.client(fake.url).send(VERSION, {})

    assert (caught.value.status, caught.value.method) == (503, "GET")


def test_a_named_pause_is_kept(fake: FakeAirflow, pauses: Pauses) -> None:
    fake.reply(Reply(429, {}, headers={"Retry-After": "7"}), OK)

    pauses.client(fake.url).send(VERSION, {})

    assert pauses == [7.0]


def test_a_pause_longer_than_the_time_allowed_is_not_begun(fake: FakeAirflow, pauses: Pauses) -> None:
    fake.reply(Reply(429, {}, headers={"Retry-After": "3600"}))

    with pytest.raises(AirflowUnreachable, match="asked too often"):
        pauses.client(fake.url).send(VERSION, {})

    assert not pauses


def test_a_post_is_sent_once(fake: FakeAirflow, pauses: Pauses) -> None:
    fake.reply(BUSY)

    with pytest.raises(AirflowUnreachable):
        pauses.client(fake.url).send(Request("POST", "/auth/token", body={}), {})

    assert len(fake.requests) == 1


def test_a_closed_port_is_one_paragraph_with_instance_url_cause_and_remedy(pauses: Pauses) -> None:
    with pytest.raises(AirflowUnreachable) as caught:
        pauses.client("http://127.0.0.1:9").send(VERSION, {})

    assert str(caught.value) == (
        "Airflow instance 'prod' at http://127.0.0.1:9 cannot be reached: [Errno 111] Connection refused. "
        "Check the URL, that Airflow's API server runs, and that this machine may connect to it."
    )


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        pytest.param(
            Reply(200, "<html>", "text/html; charset=utf-8"), "likely a login page", id="login page"
        ),
        pytest.param(Reply(200, "{"), "broken JSON of 1 bytes", id="cut short"),
        pytest.param(Reply(200, "[" * 100_000), "broken JSON", id="depth bomb"),
        pytest.param(Reply(200, " " * (17 * 1024 * 1024)), "more than 16 MB", id="too large"),
        pytest.param(
            Reply(302, "", headers={"Location": "https://evil.example/login?next=/"}),
            "redirects GET /api/v2/version to 'https://evil.example/login'",
            id="redirect",
        ),
    ],
)
def test_what_is_no_answer_of_airflow_says_so(
    fake: FakeAirflow, pauses: Pauses, reply: Reply, message: str
) -> None:
    fake.reply(reply)

    with pytest.raises(AirflowPayloadError, match=message) as caught:
        pauses.client(fake.url).send(VERSION, {})

    assert "Airflow instance 'prod'" in str(caught.value)
    assert len(fake.requests) == 1


def test_an_answer_that_drips_is_cut_off(fake: FakeAirflow, pauses: Pauses) -> None:
    seconds = itertools.count(step=30.0)

    with pytest.raises(AirflowUnreachable, match="took more than 25 s"):
        pauses.client(fake.url, lambda: next(seconds)).send(VERSION, {})


def test_a_refusal_in_html_keeps_its_status(fake: FakeAirflow, pauses: Pauses) -> None:
    fake.reply(Reply(403, "<html>", "text/html"))

    answer = pauses.client(fake.url).send(VERSION, {})

    assert (answer.status, answer.payload) == (403, {"detail": "a page of text/html"})


@pytest.mark.parametrize(
    "date",
    [
        pytest.param("yesterday", id="broken"),
        pytest.param("", id="empty"),
        pytest.param("Fri, 31 Dec 9999 23:00:00 -2300", id="after all time"),
    ],
)
def test_a_date_that_is_none_counts_as_absent(fake: FakeAirflow, pauses: Pauses, date: str) -> None:
    fake.reply(Reply(200, {}, headers={"Date": date}))

    assert pauses.client(fake.url).send(VERSION, {}).date is None
