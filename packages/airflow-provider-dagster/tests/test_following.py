import logging

import pytest

from airflow.providers.dagster import wire
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterRunFailed
from airflow.providers.dagster.following import Following, end_runs
from airflow.providers.dagster.model import Run, RunStatus
from airflow.providers.dagster.steps import take
from airflow.providers.dagster.testing import FakeClock, FakeDagster, FakeRun, Fault

LOG = logging.getLogger("test")
WILL_RETRY, RETRY_RUN_ID = "dagster/will_retry", "dagster/auto_retry_run_id"
KEY = {wire.LAUNCH_KEY_TAG: "key"}


@pytest.fixture
def follow(client: DagsterClient, clock: FakeClock) -> "Follow":
    return Follow(client, clock)


class Follow:
    """Follows a run as a worker does."""

    def __init__(self, client: DagsterClient, clock: FakeClock) -> None:
        self.client = client
        self.clock = clock

    def __call__(self, fake: FakeRun) -> Run:
        following = Following(self.client.address, self.clock, LOG)
        (run,) = take(following.ids_to_end([fake.run_id]), self.client, self.clock)
        return run


def test_the_retry_that_dagster_makes_is_followed_and_so_is_the_next(
    dagster: FakeDagster, follow: Follow, clock: FakeClock
) -> None:
    failed = dagster.add_run({WILL_RETRY: "true"}, "STARTED", "FAILURE")
    retry = dagster.add_run({WILL_RETRY: "true"}, "QUEUED", "STARTED", "FAILURE")
    last = dagster.add_run({}, "STARTED", "SUCCESS")
    clock.after(60.0, lambda: failed.tags.update({RETRY_RUN_ID: retry.run_id}))
    clock.after(120.0, lambda: retry.tags.update({RETRY_RUN_ID: last.run_id}))

    run = follow(failed)

    assert (run.run_id, run.status) == (last.run_id, RunStatus.SUCCESS)
    assert dagster.count("AirflowRun") < 40


def test_dagster_says_a_moment_after_a_failure_whether_it_retries(
    dagster: FakeDagster, follow: Follow, clock: FakeClock
) -> None:
    failed, retry = dagster.add_run({}, "FAILURE"), dagster.add_run({}, "SUCCESS")
    clock.after(0.5, lambda: failed.tags.update({WILL_RETRY: "true", RETRY_RUN_ID: retry.run_id}))

    assert follow(failed).run_id == retry.run_id


@pytest.mark.parametrize("tags", [{WILL_RETRY: "false"}, {}])
def test_a_failure_without_a_retry_is_the_end(
    dagster: FakeDagster, follow: Follow, clock: FakeClock, tags: dict[str, str]
) -> None:
    failed = dagster.add_run(tags, "FAILURE")

    assert follow(failed).run_id == failed.run_id
    assert sum(clock.slept) <= 1.0


def test_a_retry_that_is_called_off_is_not_waited_for(
    dagster: FakeDagster, follow: Follow, clock: FakeClock
) -> None:
    failed = dagster.add_run({WILL_RETRY: "true"}, "FAILURE")
    clock.after(30.0, lambda: failed.tags.update({WILL_RETRY: "false"}))

    assert follow(failed).status is RunStatus.FAILURE
    assert sum(clock.slept) == 30.0


@pytest.mark.parametrize(
    ("announcement", "named"),
    [
        pytest.param({RETRY_RUN_ID: "gone-1"}, "as run gone-1, but 900 s later", id="run that is not there"),
        pytest.param({}, "as a run without an id yet, but 900 s later", id="no run"),
    ],
)
def test_a_retry_that_never_comes_ends_the_wait_and_names_both_runs(
    dagster: FakeDagster, follow: Follow, clock: FakeClock, announcement: dict[str, str], named: str
) -> None:
    failed = dagster.add_run({WILL_RETRY: "true", **announcement}, "FAILURE")

    with pytest.raises(DagsterRunFailed) as caught:
        follow(failed)

    assert f"Dagster run {failed.run_id} failed" in str(caught.value)
    assert named in str(caught.value)
    assert sum(clock.slept) == 900.0
    assert min(clock.slept) == 5.0


def test_of_two_live_runs_of_one_task_the_older_is_kept(
    dagster: FakeDagster, follow: Follow, clock: FakeClock
) -> None:
    older = dagster.add_run(KEY, "STARTED")
    younger = dagster.add_run(KEY, "STARTED")
    elsewhere = dagster.add_run(KEY, "STARTED", location="other")
    ended = dagster.add_run(KEY, "FAILURE")
    clock.after(120.0, lambda: setattr(older, "statuses", ["SUCCESS"]))

    run = follow(younger)

    assert (run.run_id, run.status) == (older.run_id, RunStatus.SUCCESS)
    assert [each.status for each in (younger, elsewhere, ended)] == ["CANCELING", "STARTED", "FAILURE"]
    assert dagster.count("AirflowTerminate") == 1


def test_a_lone_run_is_not_counted_more_than_once_a_minute(
    dagster: FakeDagster, follow: Follow, clock: FakeClock
) -> None:
    run = dagster.add_run(KEY, "STARTED")
    clock.after(600.0, lambda: setattr(run, "statuses", ["SUCCESS"]))

    follow(run)

    assert 8 <= dagster.count("AirflowRuns") <= 10
    assert dagster.count("AirflowTerminate") == 0


def test_all_live_runs_of_a_key_are_ended_and_no_others(
    dagster: FakeDagster, client: DagsterClient, clock: FakeClock
) -> None:
    live, other_location = dagster.add_run(KEY, "QUEUED"), dagster.add_run(KEY, "STARTED", location="other")
    ended, other_task = dagster.add_run(KEY, "SUCCESS"), dagster.add_run({}, "STARTED")

    take(end_runs("key", LOG), client, clock)

    assert [run.status for run in (live, other_location)] == ["CANCELING", "CANCELING"]
    assert [run.status for run in (ended, other_task)] == ["SUCCESS", "STARTED"]


def test_errors_do_not_end_the_following(dagster: FakeDagster, follow: Follow) -> None:
    run = dagster.add_run({}, "STARTED", "SUCCESS")
    dagster.fail("AirflowRun", *[Fault(), Fault(drop=True), Fault(status=429)] * 4)

    assert follow(run).status is RunStatus.SUCCESS
