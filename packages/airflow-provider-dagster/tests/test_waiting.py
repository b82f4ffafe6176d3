import logging

import pytest

from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterRunDeleted, DagsterRunFailed
from airflow.providers.dagster.model import RunStatus
from airflow.providers.dagster.testing import FakeClock, FakeDagster, Fault
from airflow.providers.dagster.waiting import check_success, wait_for_run

LOG = logging.getLogger("test")


def test_a_run_is_followed_to_its_end(dagster: FakeDagster, client: DagsterClient, clock: FakeClock) -> None:
    fake = dagster.add_run({}, *["STARTED"] * 30, "SUCCESS")

    run = wait_for_run(client, client.runs({})[0], clock, LOG)

    assert (run.run_id, run.status) == (fake.run_id, RunStatus.SUCCESS)
    assert clock.slept[0] == 0.5
    assert max(clock.slept) == 5.0
    assert len(clock.slept) == 30


def test_a_run_that_has_ended_is_not_asked_about(
    dagster: FakeDagster, client: DagsterClient, clock: FakeClock
) -> None:
    dagster.add_run({}, "SUCCESS")

    wait_for_run(client, client.runs({})[0], clock, LOG)

    assert dagster.count("AirflowRun") == 0


def test_errors_while_polling_do_not_end_the_wait(
    dagster: FakeDagster, client: DagsterClient, clock: FakeClock
) -> None:
    dagster.add_run({}, "STARTED", "SUCCESS")
    dagster.fail("AirflowRun", *[Fault(), Fault(drop=True), Fault(status=429), Fault(status=500)] * 4)

    assert wait_for_run(client, client.runs({})[0], clock, LOG).status is RunStatus.SUCCESS


def test_errors_for_a_quarter_of_an_hour_end_the_wait(
    dagster: FakeDagster, client: DagsterClient, clock: FakeClock
) -> None:
    dagster.add_run({}, "STARTED")
    dagster.fail("AirflowRun", *[Fault()] * 100)

    with pytest.raises(DagsterApiError, match="HTTP 502"):
        wait_for_run(client, client.runs({})[0], clock, LOG)

    assert 840.0 <= sum(clock.slept) <= 901.0


def test_a_run_that_is_deleted_ends_the_wait(
    dagster: FakeDagster, client: DagsterClient, clock: FakeClock
) -> None:
    run = dagster.add_run({}, "STARTED")
    seen = client.runs({})[0]
    del dagster.runs[run.run_id]

    with pytest.raises(DagsterRunDeleted):
        wait_for_run(client, seen, clock, LOG)


def test_a_failure_carries_dagsters_own_reason(dagster: FakeDagster, client: DagsterClient) -> None:
    good, bad = dagster.add_run({}, "SUCCESS"), dagster.add_run({}, "FAILURE", step_error="KeyError: 'price'")

    with pytest.raises(DagsterRunFailed) as caught:
        check_success(client, client.runs({}), LOG)

    url = f"{dagster.url}/runs/{bad.run_id}"
    assert str(caught.value) == (
        f"Dagster run {bad.run_id} ended as FAILURE: step 'orders': KeyError: 'price'. See {url}"
    )
    assert (caught.value.run_id, caught.value.url) == (bad.run_id, url)
    assert good.run_id not in str(caught.value)


def test_a_failure_without_a_readable_reason_is_still_that_failure(
    dagster: FakeDagster, client: DagsterClient
) -> None:
    dagster.add_run({}, "CANCELED")
    dagster.fail("AirflowRunEvents", Fault())

    with pytest.raises(DagsterRunFailed, match="ended as CANCELED: its events cannot be read"):
        check_success(client, client.runs({}), LOG)


def test_the_traceback_of_each_failed_step_is_in_the_log(
    dagster: FakeDagster, client: DagsterClient, caplog: pytest.LogCaptureFixture
) -> None:
    dagster.add_run({}, "FAILURE", step_error="KeyError: 'price'")

    with pytest.raises(DagsterRunFailed):
        check_success(client, client.runs({}), LOG)

    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("Dagster: step 'orders': KeyError: 'price'\n")
    assert 'File "orders.py", line 7' in message


def test_good_runs_are_no_failure(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.add_run({}, "SUCCESS")

    check_success(client, client.runs({}), LOG)

    assert dagster.count("AirflowRunEvents") == 0
