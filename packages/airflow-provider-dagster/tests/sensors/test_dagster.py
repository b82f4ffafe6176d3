"""The sensors, and the triggers that wait in their place, against a fake Dagster."""

import asyncio
import importlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow.providers.dagster.exceptions import (
    DagsterApiError,
    DagsterError,
    DagsterRunDeleted,
    DagsterRunFailed,
    InvalidArgument,
)
from airflow.providers.dagster.sensors.dagster import DagsterAssetSensor, DagsterRunSensor, DagsterSensor
from airflow.providers.dagster.testing import FakeClock, FakeDagster, Fault
from airflow.providers.dagster.triggers.watching import WatchingTrigger

MORNING = datetime(2026, 3, 4, 6, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("connection")


class TaskInstance:
    """Keeps what a task pushes."""

    def __init__(self) -> None:
        self.xcoms: dict[str, object] = {}

    def xcom_push(self, key: str, value: object) -> None:
        self.xcoms[key] = value


@pytest.fixture
def ti() -> TaskInstance:
    return TaskInstance()


@pytest.fixture
def triggerer(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(WatchingTrigger, "clock", clock)
    return clock


def look(sensor: DagsterSensor, ti: TaskInstance) -> tuple[bool, object]:
    seen = sensor.poke({"ti": ti})
    return bool(seen), seen.xcom_value


def deferred(sensor: DagsterSensor, ti: TaskInstance) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        sensor.execute({"ti": ti})
    return caught.value


def wait(defer: TaskDeferred) -> dict[str, Any]:
    """Wait as the triggerer does: with what was stored of the trigger alone."""
    path, arguments = defer.trigger.serialize()
    module, name = path.rsplit(".", 1)
    trigger: WatchingTrigger = getattr(importlib.import_module(module), name)(**arguments)
    assert trigger.serialize() == (path, arguments)

    async def first() -> dict[str, Any]:
        return (await anext(trigger.run())).payload

    return asyncio.run(first())


def test_a_run_is_waited_for_until_it_ends(dagster: FakeDagster, ti: TaskInstance) -> None:
    run = dagster.add_run({}, "QUEUED", "STARTED", "SUCCESS")
    sensor = DagsterRunSensor(task_id="wait", run_id=run.run_id)

    assert look(sensor, ti) == (False, None)
    assert ti.xcoms == {}
    assert look(sensor, ti) == (True, run.run_id)
    assert ti.xcoms == {"dagster_run_url": f"{dagster.url}/runs/{run.run_id}"}


def test_a_run_that_fails_fails_the_sensor_with_dagsters_reason(
    dagster: FakeDagster, ti: TaskInstance
) -> None:
    run = dagster.add_run({"dagster/will_retry": "false"}, "FAILURE")

    with pytest.raises(DagsterRunFailed, match="step 'orders': ValueError: boom"):
        look(DagsterRunSensor(task_id="wait", run_id=run.run_id), ti)


def test_what_dagster_retries_is_waited_for(dagster: FakeDagster, ti: TaskInstance) -> None:
    retry = dagster.add_run({}, "STARTED", "STARTED", "SUCCESS")
    announced = {"dagster/will_retry": "true"}
    run = dagster.add_run(announced, "FAILURE")
    sensor = DagsterRunSensor(task_id="wait", run_id=run.run_id)

    assert look(sensor, ti) == (False, None)
    run.tags["dagster/auto_retry_run_id"] = retry.run_id
    assert look(sensor, ti) == (False, None)
    assert look(sensor, ti) == (True, retry.run_id)


def test_a_run_that_does_not_exist_is_not_waited_for(ti: TaskInstance) -> None:
    with pytest.raises(DagsterRunDeleted, match="has no run 'gone'; check `run_id`"):
        look(DagsterRunSensor(task_id="wait", run_id="gone"), ti)


def test_a_run_that_was_there_is_said_to_be_deleted(dagster: FakeDagster, ti: TaskInstance) -> None:
    run = dagster.add_run({}, "STARTED")
    sensor = DagsterRunSensor(task_id="wait", run_id=run.run_id)
    look(sensor, ti)
    del dagster.runs[run.run_id]

    with pytest.raises(DagsterRunDeleted, match="it was deleted while Airflow waited"):
        look(sensor, ti)


@pytest.mark.parametrize("after", ["yesterday", 5], ids=["text", "number"])
def test_a_moment_that_is_none_is_named(dagster: FakeDagster, ti: TaskInstance, after: Any) -> None:  # noqa: ANN401
    dagster.add_asset("orders")

    with pytest.raises(InvalidArgument, match=f"`after` is {after!r} .* Give a moment, such as"):
        look(DagsterAssetSensor(task_id="wait", asset_key="orders", after=after), ti)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param({}, "later", id="ever"),
        pytest.param({"after": MORNING}, "later", id="after a moment"),
        pytest.param({"after": "2026-03-04T06:00:00"}, "later", id="after a text, in UTC"),
        pytest.param({"after": MORNING + timedelta(hours=2)}, None, id="nothing after"),
        pytest.param({"partition_key": "eu"}, "early", id="partition"),
        pytest.param({"partition_key": "eu", "after": MORNING}, None, id="nothing of the partition after"),
    ],
)
def test_an_asset_counts_when_the_partition_was_materialized_after_the_moment(
    dagster: FakeDagster, ti: TaskInstance, arguments: dict[str, Any], expected: str | None
) -> None:
    dagster.add_asset("raw/orders")
    dagster.assets.materializations["raw", "orders"] = [
        ("eu", MORNING.timestamp() - 60, "early"),
        ("us", MORNING.timestamp() + 60, "later"),
    ]

    sensor = DagsterAssetSensor(task_id="wait", asset_key="raw/orders", **arguments)

    assert look(sensor, ti) == (expected is not None, expected)


def test_an_asset_that_was_reported_without_a_run_counts(dagster: FakeDagster, ti: TaskInstance) -> None:
    dagster.assets.materializations["a", "b/c"] = [("", MORNING.timestamp(), "")]

    assert look(DagsterAssetSensor(task_id="wait", asset_key=["a", "b/c"]), ti) == (True, "")
    assert ti.xcoms == {}


def test_an_asset_that_dagster_does_not_know_is_not_waited_for(ti: TaskInstance) -> None:
    with pytest.raises(
        DagsterApiError, match=r"there is no asset raw/oders\. Write its key as Dagster shows it"
    ):
        look(DagsterAssetSensor(task_id="wait", asset_key="raw/oders"), ti)


def test_a_deferred_sensor_goes_on_when_its_trigger_has_seen_the_end(
    dagster: FakeDagster, ti: TaskInstance, triggerer: FakeClock
) -> None:
    run = dagster.add_run({}, *["STARTED"] * 4, "SUCCESS")
    sensor = DagsterRunSensor(
        task_id="wait", run_id=run.run_id, deferrable=True, poke_interval=30, timeout=600
    )

    defer = deferred(sensor, ti)
    event = wait(defer)

    assert (defer.timeout, triggerer.slept) == (timedelta(minutes=10), [30.0, 30.0, 30.0])
    assert getattr(sensor, defer.method_name)({"ti": ti}, event) == run.run_id


def test_a_deferred_sensor_goes_on_when_the_asset_is_there(
    dagster: FakeDagster, ti: TaskInstance, triggerer: FakeClock
) -> None:
    dagster.add_asset("orders")
    sensor = DagsterAssetSensor(
        task_id="wait",
        asset_key="orders",
        partition_key="eu",
        after=MORNING,
        deferrable=True,
        poke_interval=1,
    )
    made = ("eu", MORNING.timestamp() + 1, "made")
    triggerer.after(6, lambda: dagster.assets.materializations.update({("orders",): [made]}))

    event = wait(deferred(sensor, ti))

    assert triggerer.slept == [5.0, 1.0]
    assert sensor.dagster_seen({"ti": ti}, event) == "made"


def test_what_is_there_already_is_not_deferred(dagster: FakeDagster, ti: TaskInstance) -> None:
    run = dagster.add_run({}, "SUCCESS")
    sensor = DagsterRunSensor(task_id="wait", run_id=run.run_id, deferrable=True)

    assert sensor.execute({"ti": ti}) == run.run_id


def test_a_trigger_that_gives_up_says_why(
    dagster: FakeDagster, ti: TaskInstance, triggerer: FakeClock
) -> None:
    run = dagster.add_run({}, "STARTED")
    sensor = DagsterRunSensor(task_id="wait", run_id=run.run_id, deferrable=True)
    defer = deferred(sensor, ti)
    dagster.fail("AirflowRun", *[Fault()] * 100)

    event = wait(defer)

    assert sum(triggerer.slept) <= 60 + 901
    with pytest.raises(DagsterError, match="HTTP 502"):
        sensor.dagster_seen({"ti": ti}, event)


@pytest.mark.parametrize("event", [None, {}, {"status": "success"}])
def test_an_event_of_somebody_else_is_not_taken_for_success(ti: TaskInstance, event: object) -> None:
    with pytest.raises(DagsterError, match="which is no event of its trigger"):
        DagsterRunSensor(task_id="wait", run_id="r").dagster_seen({"ti": ti}, event)


def test_what_was_seen_and_is_gone_is_an_error(dagster: FakeDagster, ti: TaskInstance) -> None:
    dagster.add_asset("orders")

    with pytest.raises(DagsterError, match="is gone again"):
        DagsterAssetSensor(task_id="wait", asset_key="orders").dagster_seen({"ti": ti}, {"seen": True})


@pytest.mark.parametrize(
    ("sensor", "fields"),
    [
        (DagsterRunSensor, ("dagster_conn_id", "run_id")),
        (DagsterAssetSensor, ("dagster_conn_id", "asset_key", "partition_key", "after")),
    ],
)
def test_what_depends_on_the_run_is_templated(sensor: type[DagsterSensor], fields: tuple[str, ...]) -> None:
    assert sensor.template_fields == fields
