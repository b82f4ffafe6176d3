import json
import logging
from dataclasses import dataclass, replace

import pytest

from airflow.providers.dagster import wire
from airflow.providers.dagster.client import DagsterAddress, DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterError, DagsterLaunchRefused
from airflow.providers.dagster.intents import AssumedIntents, Intents
from airflow.providers.dagster.launching import Attempt, Launcher, choose_run
from airflow.providers.dagster.model import Run, RunStatus, Work
from airflow.providers.dagster.testing import FakeClock, FakeDagster, Fault

LOG = logging.getLogger("test")
ATTEMPT = Attempt("prod", "etl", "manual__1", "load", -1, 2, 1, "https://airflow/dags/etl/runs/manual__1")
WORK = Work("defs", "__repository__", asset_keys=(("orders",),))


@dataclass
class Memory:
    """Intents in memory, as Airflow's store keeps them for all tries of a task."""

    sent: float | None = None

    def latest(self) -> float | None:
        return self.sent

    def note(self, now: float) -> None:
        self.sent = now

    def clear(self) -> None:
        self.sent = None


@pytest.fixture
def intents() -> Memory:
    return Memory()


@dataclass
class World:
    """Everything that a try of the task works with."""

    dagster: FakeDagster
    client: DagsterClient
    clock: FakeClock
    intents: Memory
    work: Work = WORK

    def run(self, attempt: Attempt = ATTEMPT, intents: Intents | None = None) -> Run:
        launcher = Launcher(self.client, attempt, intents or self.intents, self.clock, LOG)
        return launcher.attach_or_launch(self.work)


@pytest.fixture
def world(
    dagster: FakeDagster,
    client: DagsterClient,
    clock: FakeClock,
    intents: Memory,
) -> World:
    return World(dagster, client, clock, intents)


def test_a_run_is_launched_once_with_all_tags(world: World) -> None:
    run = world.run()

    assert list(world.dagster.runs) == [run.run_id]
    assert world.dagster.runs[run.run_id].tags == {
        "dagster-airlift/airflow-instance": "prod",
        "dagster-airlift/airflow-dag-id": "etl",
        "dagster-airlift/airflow-dag-run-id": "manual__1",
        "dagster-airlift/airflow-task-id": "load",
        "dagster-airlift/airflow-map-index": "-1",
        "dagster-airlift/airflow-try-number": "1",
        "dagster-airlift/airflow-dag-run-url": "https://airflow/dags/etl/runs/manual__1",
        "dagster-airlift/launch-key": ATTEMPT.key,
    }
    assert world.intents.sent is None


def test_without_an_address_of_airflow_there_is_no_tag_for_it() -> None:
    assert wire.DAG_RUN_URL_TAG not in replace(ATTEMPT, dag_run_url="").tags


@pytest.mark.parametrize(
    "status", ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "SUSPENDED", "LATER", "SUCCESS"]
)
def test_a_retry_follows_the_run_that_lives_or_succeeded(world: World, status: str) -> None:
    earlier = world.dagster.add_run(ATTEMPT.tags, status)

    run = world.run(replace(ATTEMPT, try_number=2))

    assert run.run_id == earlier.run_id
    assert world.dagster.count("AirflowLaunch") == 0


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED"])
def test_a_retry_launches_again_after_a_failure(world: World, status: str) -> None:
    earlier = world.dagster.add_run(ATTEMPT.tags, status)

    run = world.run(replace(ATTEMPT, try_number=2))

    assert run.run_id != earlier.run_id
    assert run.try_number == 2


@pytest.mark.parametrize("status", ["FAILURE", "CANCELED"])
def test_the_same_try_does_not_launch_again_after_a_failure(world: World, status: str) -> None:
    earlier = world.dagster.add_run(ATTEMPT.tags, status)

    assert world.run().run_id == earlier.run_id


def test_a_run_that_is_being_canceled_is_waited_for(world: World) -> None:
    earlier = world.dagster.add_run(ATTEMPT.tags, "CANCELING", "CANCELED")
    earlier_status = iter(["CANCELING", "CANCELED"])
    world.clock.sleep = lambda _: setattr(earlier, "statuses", [next(earlier_status)])  # type: ignore[method-assign]

    run = world.run(replace(ATTEMPT, try_number=2))

    assert run.run_id != earlier.run_id


def test_a_run_that_never_ends_being_canceled_is_an_error(world: World) -> None:
    world.dagster.add_run(ATTEMPT.tags, "CANCELING")

    with pytest.raises(DagsterError, match=r"has been terminated but does not end: .* Force its termination"):
        world.run(replace(ATTEMPT, try_number=2))

    assert world.dagster.count("AirflowLaunch") == 0


def test_the_oldest_live_run_is_chosen() -> None:
    def run(run_id: str, status: RunStatus, try_number: int = 1) -> Run:
        return Run(run_id, status, "", "", {wire.TRY_NUMBER_TAG: str(try_number)})

    runs = [run("a", RunStatus.FAILURE), run("b", RunStatus.SUCCESS), run("c", RunStatus.STARTED)]

    chosen = choose_run([*runs, run("d", RunStatus.QUEUED)], try_number=1)

    assert chosen == runs[2]
    assert choose_run([], try_number=1) is None


@pytest.mark.parametrize("try_number", [1, 2])
@pytest.mark.parametrize(
    "tags",
    [
        {"dagster/will_retry": "true"},
        {"dagster/will_retry": "true", "dagster/auto_retry_run_id": "not there"},
    ],
)
def test_a_failed_run_that_dagster_is_about_to_retry_is_followed(
    world: World, tags: dict[str, str], try_number: int
) -> None:
    failed = world.dagster.add_run({**ATTEMPT.tags, **tags}, "FAILURE")

    assert world.run(replace(ATTEMPT, try_number=try_number)).run_id == failed.run_id
    assert world.dagster.count("AirflowLaunch") == 0


def test_when_the_retry_that_dagster_made_has_failed_too_a_retry_launches_again(world: World) -> None:
    retry = world.dagster.add_run({**ATTEMPT.tags, "dagster/will_retry": "false"}, "FAILURE")
    announcement = {"dagster/will_retry": "true", "dagster/auto_retry_run_id": retry.run_id}
    failed = world.dagster.add_run({**ATTEMPT.tags, **announcement}, "FAILURE")

    run = world.run(replace(ATTEMPT, try_number=2))

    assert run.run_id not in {failed.run_id, retry.run_id}


def test_a_clear_launches_again_whatever_there_was(world: World) -> None:
    earlier = world.dagster.add_run(ATTEMPT.tags, "SUCCESS")

    assert world.run(replace(ATTEMPT, max_tries=4, try_number=2)).run_id != earlier.run_id


def test_what_runs_from_before_a_clear_is_ended_first(world: World) -> None:
    earlier = world.dagster.add_run(ATTEMPT.tags, "STARTED")

    world.run(replace(ATTEMPT, max_tries=4, try_number=2))

    assert earlier.status == "CANCELED"
    operations = [request.operation for request in world.dagster.requests]
    assert operations.index("AirflowTerminate") < operations.index("AirflowLaunch")


def test_runs_of_other_tasks_and_instances_are_left_alone(world: World) -> None:
    others = [
        world.dagster.add_run(replace(ATTEMPT, **{field: value}).tags, "STARTED")
        for field, value in {
            "instance": "test",
            "dag_id": "x",
            "run_id": "x",
            "task_id": "x",
            "map_index": 1,
        }.items()
    ]

    world.run()

    assert [run.status for run in others] == ["STARTED"] * 5


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(acts=True), id="502 though the run was created"),
        pytest.param(Fault(acts=True, drop=True), id="dropped though the run was created"),
        pytest.param(Fault(acts=True, status=200), id="login page though the run was created"),
        pytest.param(
            Fault(acts=True, status=200, content_type="application/json", body='{"d'), id="half an answer"
        ),
    ],
)
@pytest.mark.parametrize("hidden_for", [0, 1, 20])
def test_an_unsure_answer_never_makes_a_second_run(world: World, fault: Fault, hidden_for: int) -> None:
    world.dagster.hide_launched_for = hidden_for
    world.dagster.fail("AirflowLaunch", fault)

    run = world.run()

    assert list(world.dagster.runs) == [run.run_id]
    assert world.dagster.count("AirflowLaunch") == 1
    assert world.intents.sent is None


def test_after_an_unsure_answer_and_a_whole_window_without_a_run_it_is_launched_again(world: World) -> None:
    world.dagster.fail("AirflowLaunch", Fault())

    run = world.run()

    assert list(world.dagster.runs) == [run.run_id]
    assert world.clock.slept == [2.0] * 30


def test_launching_ends_after_three_unsure_answers(world: World) -> None:
    world.dagster.fail("AirflowLaunch", *[Fault()] * 10)

    with pytest.raises(DagsterError, match=r"took 3 launches .* no run showed up. Dagster at .* HTTP 502"):
        world.run()

    assert world.dagster.count("AirflowLaunch") == 3
    assert world.intents.sent is not None


def test_a_try_after_a_crash_waits_for_the_run_of_the_launch_before_it(world: World) -> None:
    world.intents.sent = world.clock.now() - 10.0
    lost = world.dagster.add_run(ATTEMPT.tags, "STARTED", hidden_for=5)

    run = world.run(replace(ATTEMPT, try_number=2))

    assert run.run_id == lost.run_id
    assert world.dagster.count("AirflowLaunch") == 0


def test_a_try_after_a_crash_before_the_launch_launches_when_the_window_is_over(world: World) -> None:
    world.intents.sent = world.clock.now() - 10.0

    world.run(replace(ATTEMPT, try_number=2))

    assert sum(world.clock.slept) == 50.0
    assert world.dagster.count("AirflowLaunch") == 1


def test_an_intent_of_a_clock_that_is_ahead_does_not_wait_for_ever(world: World) -> None:
    world.intents.sent = world.clock.now() + 10_000.0

    world.run()

    assert sum(world.clock.slept) == 60.0


@pytest.mark.parametrize("appears_after", [0, 1, 29])
def test_without_a_store_a_later_try_waits_for_the_run_that_the_one_before_may_have_launched(
    world: World, appears_after: int
) -> None:
    lost = world.dagster.add_run(ATTEMPT.tags, "STARTED", hidden_for=appears_after)

    run = world.run(replace(ATTEMPT, try_number=2), AssumedIntents(2, world.clock.now()))

    assert run.run_id == lost.run_id
    assert world.dagster.count("AirflowLaunch") == 0


def test_without_a_store_a_later_try_launches_when_the_window_is_over(world: World) -> None:
    run = world.run(replace(ATTEMPT, try_number=2), AssumedIntents(2, world.clock.now()))

    assert sum(world.clock.slept) == 60.0
    assert list(world.dagster.runs) == [run.run_id]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(ATTEMPT, id="an automatic retry"),
        pytest.param(replace(ATTEMPT, max_tries=1), id="a clear"),
    ],
)
def test_a_run_of_the_try_before_shows_that_its_launch_was_answered(world: World, before: Attempt) -> None:
    world.dagster.add_run(before.tags, "FAILURE")

    world.run(replace(ATTEMPT, try_number=2), AssumedIntents(2, world.clock.now()))

    assert world.clock.slept == []


def test_a_run_of_an_earlier_try_says_nothing_of_the_one_before(world: World) -> None:
    world.dagster.add_run(ATTEMPT.tags, "FAILURE")
    lost = world.dagster.add_run(replace(ATTEMPT, try_number=2).tags, "STARTED", hidden_for=20)

    run = world.run(replace(ATTEMPT, try_number=3), AssumedIntents(3, world.clock.now()))

    assert run.run_id == lost.run_id


def test_a_run_of_the_try_before_in_another_code_location_says_nothing(world: World) -> None:
    world.dagster.add_run(ATTEMPT.tags, "SUCCESS", location="other")

    world.run(replace(ATTEMPT, try_number=2), AssumedIntents(2, world.clock.now()))

    assert sum(world.clock.slept) == 60.0


def test_a_launch_from_before_a_clear_that_arrives_late_is_ended_before_the_next(world: World) -> None:
    world.intents.sent = world.clock.now()
    late = world.dagster.add_run(ATTEMPT.tags, "STARTED", hidden_for=10)

    world.run(replace(ATTEMPT, max_tries=4, try_number=2))

    assert late.status == "CANCELED"


def test_one_look_comes_before_a_launch(world: World) -> None:
    world.dagster.requests.clear()

    world.run()

    assert [request.operation for request in world.dagster.requests] == ["AirflowRuns", "AirflowLaunch"]


def test_an_intent_that_took_long_to_note_is_noted_again(world: World) -> None:
    noted: list[float] = []

    class Slow(Memory):
        def note(self, now: float) -> None:
            noted.append(now)
            world.clock.sleep(40.0 if len(noted) == 1 else 1.0)

    world.run(ATTEMPT, Slow())

    assert noted == [1_000_000.0, 1_000_040.0]
    assert world.dagster.count("AirflowLaunch") == 1


def test_a_launch_that_never_arrived_is_sent_again_without_a_window(world: World) -> None:
    world.dagster.fail("AirflowLaunch", Fault(status=429, headers={"Retry-After": "3"}))

    world.run()

    assert world.clock.slept == [3.0]


def test_a_launch_that_cannot_arrive_leaves_no_intent(world: World) -> None:
    world.dagster.fail("AirflowLaunch", Fault(status=401))

    with pytest.raises(DagsterApiError, match="Check the API token"):
        world.run()

    assert world.intents.sent is None


VARIABLE = (
    "Variable '$params' got invalid value 3 at 'params.x'; String cannot represent a non string value: 3"
)


@pytest.mark.parametrize("status", [400, 500])
def test_a_launch_whose_variables_graphql_declines_is_not_looked_for(world: World, status: int) -> None:
    body = json.dumps({"data": None, "errors": [{"message": VARIABLE, "path": None}]})
    world.dagster.fail("AirflowLaunch", Fault(status=status, body=body, content_type="application/json"))

    with pytest.raises(DagsterApiError, match="non string value"):
        world.run()

    assert (world.clock.slept, world.dagster.count("AirflowLaunch"), world.intents.sent) == ([], 1, None)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"errors": [{"message": VARIABLE, "path": ["launchRun"]}]}, id="in the doing"),
        pytest.param({"data": {}, "errors": [{"message": VARIABLE}]}, id="with data"),
        pytest.param({"errors": [{"message": VARIABLE}, {"message": "database"}]}, id="another one too"),
        pytest.param({"errors": ["x"]}, id="in another form"),
        pytest.param([], id="no object"),
    ],
)
def test_an_error_of_a_launch_that_may_have_been_done_is_followed_by_a_look(
    world: World, answer: object
) -> None:
    fault = Fault(acts=True, status=500, body=json.dumps(answer), content_type="application/json")
    world.dagster.fail("AirflowLaunch", fault)

    world.run()

    assert world.dagster.count("AirflowLaunch") == 1


def test_a_dagster_that_is_down_is_an_error_within_half_a_minute(clock: FakeClock, intents: Memory) -> None:
    with FakeDagster() as gone:
        client = DagsterClient(DagsterAddress(url=gone.url, conn_id="d"))

    with pytest.raises(DagsterApiError, match="cannot be reached"):
        Launcher(client, ATTEMPT, intents, clock, LOG).attach_or_launch(WORK)

    client.close()
    assert sum(clock.slept) <= 30.0


def test_a_refused_launch_is_not_retried(world: World) -> None:
    world.dagster.launch_refusal = ("InvalidSubsetError", "no such asset")

    with pytest.raises(DagsterLaunchRefused):
        world.run()

    assert world.intents.sent is None


@pytest.mark.parametrize("state", ["loading", "broken"])
def test_a_launch_refused_while_a_location_is_not_loaded_may_be_retried(world: World, state: str) -> None:
    world.dagster.launch_refusal = ("InvalidSubsetError", "no such asset")
    if state == "loading":
        world.dagster.loading_locations.append("etl_defs")
    else:
        world.dagster.broken_locations["etl_defs"] = "ImportError: no module"

    with pytest.raises(
        DagsterError, match=r"are not loaded, 'etl_defs': (it is still loading|ImportError)"
    ) as caught:
        world.run()

    assert not isinstance(caught.value, DagsterLaunchRefused)


def test_each_code_location_has_a_run_of_its_own(world: World) -> None:
    world.dagster.add_asset("customers", ("prod", "etl", "load"), location="other")
    first = world.run()
    world.work = Work("other", "__repository__", asset_keys=(("customers",),))

    second = world.run()

    assert first.run_id != second.run_id
    assert {run.location for run in world.dagster.runs.values()} == {"defs", "other"}
