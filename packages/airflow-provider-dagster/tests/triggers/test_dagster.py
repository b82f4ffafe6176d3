import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.triggers.base import TriggerEvent

from airflow.providers.dagster import wire
from airflow.providers.dagster.event import DagsterRunEvent, Outcome
from airflow.providers.dagster.exceptions import InvalidDagsterConnection
from airflow.providers.dagster.testing import FakeClock, FakeDagster, Fault
from airflow.providers.dagster.triggers.dagster import DagsterRunTrigger
from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.sdk.serde import deserialize, serialize
else:
    from airflow.serialization.serialized_objects import BaseSerialization

    deserialize, serialize = BaseSerialization.deserialize, BaseSerialization.serialize

KEY = {wire.LAUNCH_KEY_TAG: "key"}
Trigger = Callable[..., DagsterRunTrigger]


@pytest.fixture
def trigger(connection: str, clock: FakeClock) -> Trigger:
    def trigger(*run_ids: str, **arguments: Any) -> DagsterRunTrigger:  # noqa: ANN401
        new = DagsterRunTrigger(
            dagster_conn_id=connection, launch_key="key", run_ids=run_ids or ["gone"], **arguments
        )
        new.clock = clock
        return new

    return trigger


def events(trigger: DagsterRunTrigger) -> list[DagsterRunEvent]:
    async def collect() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    return [DagsterRunEvent.from_dict(event.payload) for event in asyncio.run(collect())]


def test_another_triggerer_can_take_over_and_reads_no_secret(
    dagster: FakeDagster, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {"conn_type": "dagster", "host": dagster.url, "password": "s3cret"}
    monkeypatch.setenv("AIRFLOW_CONN_DAGSTER_PROD", json.dumps(connection))
    run = dagster.add_run(KEY, "SUCCESS")
    arguments: dict[str, Any] = {
        "dagster_conn_id": "dagster_prod",
        "launch_key": "key",
        "run_ids": [run.run_id],
        "execution_deadline": 9e9,
        "cancel_on_kill": False,
    }
    trigger = DagsterRunTrigger(**arguments)
    events(trigger)

    path, stored = trigger.serialize()

    assert path == f"{DagsterRunTrigger.__module__}.{DagsterRunTrigger.__name__}"
    assert deserialize(json.loads(json.dumps(serialize(stored)))) == arguments
    assert "s3cret" not in repr(trigger)
    assert dagster.requests[0].headers["Dagster-Cloud-Api-Token"] == "s3cret"


def test_the_end_of_all_runs_is_one_event(dagster: FakeDagster, trigger: Trigger) -> None:
    first = dagster.add_run(KEY, "QUEUED", "STARTED", "SUCCESS")
    second = dagster.add_run(KEY, "STARTED", "FAILURE")
    ids = (first.run_id, second.run_id)

    assert events(trigger(*ids)) == [DagsterRunEvent(Outcome.ENDED, "key", ids)]


def test_the_event_names_the_run_in_which_dagster_has_retried(dagster: FakeDagster, trigger: Trigger) -> None:
    retry = dagster.add_run(KEY, "STARTED", "SUCCESS")
    tags = {"dagster/will_retry": "true", "dagster/auto_retry_run_id": retry.run_id}
    failed = dagster.add_run({**KEY, **tags}, "STARTED", "FAILURE")

    assert events(trigger(failed.run_id)) == [DagsterRunEvent(Outcome.ENDED, "key", (retry.run_id,))]


def test_airflow_is_given_time_to_hear_of_the_deferral(
    dagster: FakeDagster, trigger: Trigger, clock: FakeClock
) -> None:
    run = dagster.add_run(KEY, "SUCCESS")

    events(trigger(run.run_id))

    assert sum(clock.slept) == 5.0


def test_errors_while_polling_do_not_end_the_wait(dagster: FakeDagster, trigger: Trigger) -> None:
    run = dagster.add_run(KEY, "STARTED", "SUCCESS")
    dagster.fail("AirflowRun", *[Fault(), Fault(drop=True), Fault(status=429)] * 4)

    assert [event.outcome for event in events(trigger(run.run_id))] == [Outcome.ENDED]


def test_errors_for_a_quarter_of_an_hour_end_the_wait(
    dagster: FakeDagster, trigger: Trigger, clock: FakeClock
) -> None:
    run = dagster.add_run(KEY, "STARTED")
    dagster.fail("AirflowRun", *[Fault()] * 100)

    (event,) = events(trigger(run.run_id))

    assert (event.outcome, event.run_ids) == (Outcome.GAVE_UP, (run.run_id,))
    assert "HTTP 502" in event.message
    assert 840.0 <= sum(clock.slept) <= 900.0


def test_a_run_that_is_deleted_ends_the_wait(trigger: Trigger) -> None:
    (event,) = events(trigger("gone"))

    assert event.outcome is Outcome.DELETED
    assert "has no run 'gone' any more" in event.message


@pytest.mark.parametrize(("cancel", "status"), [(True, "CANCELING"), (False, "STARTED")])
def test_the_deadline_is_that_of_the_wall_clock_and_ends_the_run_unless_told_otherwise(
    dagster: FakeDagster,
    trigger: Trigger,
    clock: FakeClock,
    cancel: bool,  # noqa: FBT001
    status: str,
) -> None:
    run = dagster.add_run(KEY, "STARTED")

    (event,) = events(trigger(run.run_id, execution_deadline=clock.now() - 1.0, cancel_on_kill=cancel))

    assert (event.outcome, event.message) == (Outcome.TIMED_OUT, "its execution_timeout is over")
    assert run.status == status


def test_a_deadline_is_told_although_the_run_cannot_be_ended(
    dagster: FakeDagster, trigger: Trigger, clock: FakeClock
) -> None:
    run = dagster.add_run(KEY, "STARTED")
    dagster.fail("AirflowTerminate", Fault(drop=True))

    (event,) = events(trigger(run.run_id, execution_deadline=clock.now() - 1.0))

    assert event.outcome is Outcome.TIMED_OUT


def test_before_the_deadline_a_run_may_end(dagster: FakeDagster, trigger: Trigger, clock: FakeClock) -> None:
    run = dagster.add_run(KEY, "STARTED", "SUCCESS")

    (event,) = events(trigger(run.run_id, execution_deadline=clock.now() + 600.0))

    assert event.outcome is Outcome.ENDED


def test_a_connection_that_cannot_be_used_fails_the_trigger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DAGSTER_PROD", '{"conn_type": "dagster"}')

    with pytest.raises(InvalidDagsterConnection):
        events(DagsterRunTrigger(dagster_conn_id="dagster_prod", launch_key="key", run_ids=["a"]))


def test_killing_ends_what_runs_under_the_key(dagster: FakeDagster, trigger: Trigger) -> None:
    live, ended = dagster.add_run(KEY, "STARTED"), dagster.add_run(KEY, "SUCCESS")
    other = dagster.add_run({wire.LAUNCH_KEY_TAG: "other"}, "STARTED")

    asyncio.run(trigger().on_kill())

    assert [run.status for run in (live, ended, other)] == ["CANCELING", "SUCCESS", "STARTED"]


def test_killing_needs_no_second_look_at_the_connection(
    dagster: FakeDagster, trigger: Trigger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, live = dagster.add_run(KEY, "SUCCESS"), dagster.add_run(KEY, "STARTED")
    killed = trigger(ended.run_id)
    events(killed)
    monkeypatch.delenv("AIRFLOW_CONN_DAGSTER_DEFAULT")

    asyncio.run(killed.on_kill())

    assert live.status == "CANCELING"


def test_killing_leaves_the_run_alone_where_that_is_asked_for(dagster: FakeDagster, trigger: Trigger) -> None:
    run = dagster.add_run(KEY, "STARTED")

    asyncio.run(trigger(cancel_on_kill=False).on_kill())

    assert run.status == "STARTED"
    assert dagster.requests == []


def test_a_wait_that_is_broken_off_leaves_the_run_alone(
    dagster: FakeDagster, trigger: Trigger, clock: FakeClock
) -> None:
    run = dagster.add_run(KEY, "STARTED")

    async def restart() -> None:
        waiting = asyncio.create_task(anext(aiter(trigger(run.run_id).run())))
        clock.after(10.0, waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(restart())

    assert run.status == "STARTED"
    assert dagster.count("AirflowTerminate") == 0
