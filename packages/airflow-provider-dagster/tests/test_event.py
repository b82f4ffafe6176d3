import json

import pytest

from airflow.providers.dagster.event import DagsterRunEvent, Outcome
from airflow.providers.dagster.exceptions import DagsterError

GOOD = {"outcome": "ended", "launch_key": "key", "run_ids": ["a"], "message": ""}


@pytest.mark.parametrize("outcome", Outcome)
def test_an_event_survives_its_way_through_airflows_database(outcome: Outcome) -> None:
    event = DagsterRunEvent(outcome, "key", ("a", "b"), "why")

    assert DagsterRunEvent.from_dict(json.loads(json.dumps(event.to_dict()))) == event


def test_the_events_of_this_version_are_read_by_the_next() -> None:
    assert DagsterRunEvent.from_dict(GOOD) == DagsterRunEvent(Outcome.ENDED, "key", ("a",))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="none"),
        pytest.param("ended", id="text"),
        pytest.param({}, id="empty"),
        pytest.param({"status": "success"}, id="of another trigger"),
        pytest.param({**GOOD, "outcome": "later"}, id="unknown outcome"),
        pytest.param({**GOOD, "outcome": None}, id="no outcome"),
        pytest.param({**GOOD, "run_ids": []}, id="no runs"),
        pytest.param({**GOOD, "run_ids": 7}, id="runs that are none"),
        pytest.param({**GOOD, "launch_key": ""}, id="no key"),
    ],
)
def test_what_is_no_event_is_an_error(value: object) -> None:
    with pytest.raises(DagsterError, match=r"which is no event of DagsterRunTrigger, so it is not known how"):
        DagsterRunEvent.from_dict(value)
