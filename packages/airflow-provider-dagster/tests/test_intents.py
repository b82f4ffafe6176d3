import pytest

from airflow.providers.dagster.intents import SEND_SECONDS, AssumedIntents, StoredIntents, intents_of
from airflow.providers.dagster.testing import FakeClock


class Store(dict[str, float]):
    """What Airflow's `task_state_store` does."""

    def set(self, key: str, value: float) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        self.pop(key, None)


class TaskInstance:
    def __init__(self, try_number: int) -> None:
        self.try_number = try_number


def test_a_stored_intent_is_there_for_the_next_try_until_the_answer_is_in() -> None:
    store = Store()

    StoredIntents(store).note(1000.0)
    left = StoredIntents(store).latest()
    StoredIntents(store).clear()

    assert left == 1000.0 + SEND_SECONDS
    assert StoredIntents(store).latest() is None


@pytest.mark.parametrize(("try_number", "latest"), [(1, None), (2, 1000.0), (7, 1000.0)])
def test_without_a_store_every_try_but_the_first_assumes_a_launch_of_the_one_before(
    try_number: int, latest: float | None
) -> None:
    assert AssumedIntents(try_number, 1000.0).latest() == latest


def test_what_was_assumed_is_settled_by_an_answer() -> None:
    intents = AssumedIntents(2, 1000.0)

    intents.note(1100.0)
    intents.clear()

    assert intents.latest() is None


def test_airflow_decides_how_launches_are_remembered(clock: FakeClock) -> None:
    ti = TaskInstance(2)

    assert isinstance(intents_of({"ti": ti, "task_state_store": Store()}, clock), StoredIntents)
    assert isinstance(intents_of({"ti": ti}, clock), AssumedIntents)
