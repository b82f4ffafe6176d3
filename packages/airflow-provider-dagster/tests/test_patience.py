import logging
from collections.abc import Callable

import pytest

from airflow.providers.dagster.exceptions import DagsterApiError
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.testing import FakeClock

LOG = logging.getLogger("test")


def failing(times: int, error: DagsterApiError) -> Callable[[], str]:
    errors = [error] * times

    def question() -> str:
        if errors:
            raise errors.pop()
        return "answer"

    return question


def an_error(*, transient: bool = True, retry_after: float = 0.0) -> DagsterApiError:
    return DagsterApiError("no answer.", url="http://d", transient=transient, retry_after=retry_after)


def test_a_question_is_asked_until_there_is_an_answer(clock: FakeClock) -> None:
    assert Patience(900.0, clock, LOG).ask(failing(8, an_error())) == "answer"

    assert len(clock.slept) == 8
    assert 0.8 <= clock.slept[0] <= 1.2
    assert max(clock.slept) <= 36.0


def test_patience_ends_with_the_last_error(clock: FakeClock) -> None:
    with pytest.raises(DagsterApiError, match="no answer"):
        Patience(900.0, clock, LOG).ask(failing(10_000, an_error()))

    assert 840.0 <= sum(clock.slept) <= 900.0


def test_the_server_says_how_long_to_wait(clock: FakeClock) -> None:
    Patience(60.0, clock, LOG).ask(failing(1, an_error(retry_after=17.0)))

    assert clock.slept == [17.0]


def test_an_error_that_stays_is_raised_at_once(clock: FakeClock) -> None:
    with pytest.raises(DagsterApiError):
        Patience(60.0, clock, LOG).ask(failing(1, an_error(transient=False)))

    assert clock.slept == []
