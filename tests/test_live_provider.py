"""A proxied task between a real Airflow and a real Dagster, whatever happens to either: runs are counted by their tags."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import requests
from sites.airflow_two import BIN_VARIABLE, AirflowTwoSite
from sites.door import Hold, Moment
from sites.launch_gate import LaunchGate

from airflow.providers.dagster import wire
from peering_with_dbt.story.airflow_server import AirflowSite, DagRun, TaskInstance
from peering_with_dbt.story.dagster_server import DagsterSite, Run
from peering_with_dbt.story.place import AIRFLOW_INSTANCE, Place, fresh_place
from peering_with_dbt.story.processes import Processes, Server

SECONDS = 240.0
TASK = "load"
SYNC, DEFERRED = "running", "deferred"
"""States in which a task waits for Dagster, and the names of the two modes here."""
CASES = (
    *("waits", "fails", "recovers", "retried", "times_out"),
    *("failed", "success", "cleared"),
    *("killed", "killed_before", "killed_during", "killed_late", "restarted"),
)

# These may be tried again: Airflow fails a task that comes back from the triggerer before the scheduler has heard
# that it went there, apache/airflow#72716. What is counted is runs, which are as many with another try.
RETRIED = (
    "waits",
    "retried",
    "cleared",
    "killed",
    "killed_before",
    "killed_during",
    "killed_late",
    "restarted",
)

DAGS = """
from datetime import timedelta
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG
from airflow.providers.dagster.proxying import proxying_to_dagster
from airflow.providers.standard.operators.bash import BashOperator

for case in {cases}:
    with DAG(f"{{case}}_{mode}", schedule=None, is_paused_upon_creation=False):
        BashOperator(
            task_id="load",
            bash_command="exit 1",
            retries=int(case in {retried}),
            retry_delay=1,
            execution_timeout=timedelta(seconds=20) if case == "times_out" else None,
        )

proxying_to_dagster(globals(), Path(__file__).parent / "migration_state", deferrable={deferrable})
"""
# Each asset waits for a gate, a file that the test creates; so nothing is left to timing.
DEFINITIONS = """
import time
from pathlib import Path

import dagster as dg

gates = Path({gates!r})


def asset(dag_id):
    tasks = [{{"airflow_instance": {instance!r}, "dag_id": dag_id, "task_id": "load"}}]

    @dg.asset(name=dag_id, metadata={{"dagster-airlift/task-mapping": tasks}})
    def load(context):
        first_try = context.run.tags["dagster-airlift/airflow-try-number"] == "1"
        if (
            dag_id.startswith("fails")
            or (dag_id.startswith("recovers") and not context.run.parent_run_id)
            or (dag_id.startswith("retried") and first_try)
        ):
            raise ValueError("no price for order 7")
        while not dag_id.startswith(("recovers", "retried")) and not (gates / dag_id).exists():
            time.sleep(0.1)

    return load


defs = dg.Definitions(assets=[asset(dag_id) for dag_id in {dag_ids}], executor=dg.in_process_executor)
"""
DAGSTER_YAML = """
telemetry: {enabled: false}
nux: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
run_retries: {enabled: true, max_retries: 1}
"""

pytestmark = [pytest.mark.live, pytest.mark.matrix]


@dataclass
class World:
    """Both systems, and what a test does to them and sees of them."""

    place: Place
    processes: Processes
    airflow: AirflowSite | AirflowTwoSite
    dagster: DagsterSite
    gate: LaunchGate
    triggerer: Server
    webserver: Server

    def start(self, case: str, mode: str) -> DagRun:
        """Trigger the DAG of a case."""
        return self.airflow.trigger(f"{case}_{mode}")

    def start_and_wait(self, case: str, *modes: str) -> list[DagRun]:
        """Trigger the DAGs of a case, and let their tasks come to where they wait for Dagster."""
        runs = [self.start(case, mode) for mode in modes]
        for run, mode in zip(runs, modes, strict=True):
            self.until(lambda: self.waits(run, mode), f"{run.dag_id} waits for Dagster")  # noqa: B023
        return runs

    def waits(self, run: DagRun, mode: str) -> bool:
        """See whether the task waits for a Dagster run that has begun."""
        state = self.task(run).state
        assert state not in {"failed", "success"}, self.log(run)
        return (
            state == mode and self.statuses(run) == ["STARTED"] and (mode != DEFERRED or self.is_watched(run))
        )

    def is_watched(self, run: DagRun) -> bool:
        """See whether the scheduler has heard that the task is deferred, and a triggerer runs its trigger."""
        log = (self.place.logs / "airflow-scheduler.log").read_text()
        is_known = f"state success for task instance TaskInstanceKey(dag_id='{run.dag_id}'" in log
        logs = self.place.root / "airflow" / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
        return is_known and any(logs.glob("*/*.trigger.*.log"))

    def kill_at(self, case: str, mode: str, moment: Moment) -> tuple[DagRun, Hold]:
        """Trigger the DAG of a case, and kill the task's process at a moment of its launch."""
        hold = self.gate.hold(f"{case}_{mode}", moment)
        run = self.start(case, mode)
        self.until(hold.arrived.is_set, f"the launch for {run.dag_id} is held {moment.value}")
        os.kill(self.task(run).pid, signal.SIGKILL)
        return run, hold

    def clear_while_it_waits(self, run: DagRun) -> None:
        """Clear the task in whatever way this Airflow does it."""
        if isinstance(self.airflow, AirflowTwoSite) and self.task(run).state == SYNC:
            self.airflow.clear_while_it_runs(run, TASK)
        else:
            self.airflow.clear(run, TASK)

    def is_answering(self) -> bool:
        """See whether Dagster's webserver is there."""
        try:
            return bool(self.dagster.assets())
        except requests.RequestException:
            return False

    def open_gate(self, run: DagRun) -> None:
        """Let the assets of a DAG be done."""
        (self.place.root / "gates" / run.dag_id).touch()

    def task(self, run: DagRun) -> TaskInstance:
        """See how far the task has come."""
        return self.airflow.task(run, TASK)

    def runs(self, run: DagRun) -> list[Run]:
        """See all Dagster runs of the task, oldest first."""
        identity = {
            wire.INSTANCE_TAG: AIRFLOW_INSTANCE,
            wire.DAG_ID_TAG: run.dag_id,
            wire.RUN_ID_TAG: run.run_id,
            wire.TASK_ID_TAG: TASK,
        }
        return self.dagster.runs(identity)[::-1]

    def statuses(self, run: DagRun) -> list[str]:
        """See in which states they are."""
        return [each.status for each in self.runs(run)]

    def log(self, run: DagRun, try_number: int = 1) -> str:
        """Read the log of a try, in which both Airflows escape quotes."""
        return self.airflow.log(run, TASK, try_number).replace("\\'", "'")

    def ended(self, run: DagRun) -> bool:
        """See whether the DAG run has ended."""
        return self.airflow.runs(run.dag_id)[0].state in {"success", "failed"}

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition."""
        self.processes.wait_until(condition, what, SECONDS, self.place.logs / "airflow-scheduler.log")

    def until_ended(self, run: DagRun, state: str) -> None:
        """Wait until the task has this last state."""
        self.until(
            lambda: self.task(run).state in {"success", "failed"}, f"the task of {run.dag_id} has ended"
        )
        assert self.task(run).state == state, self.log(run)


@pytest.fixture(scope="module", params=["airflow 3", "airflow 2"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    is_two = request.param == "airflow 2"
    if is_two and BIN_VARIABLE not in os.environ:
        pytest.skip(f"{BIN_VARIABLE} does not say where Airflow 2 is; nox sets it")
    with (
        fresh_place(tmp_path_factory.mktemp("provider") / "run") as place,
        LaunchGate(place.dagster_url) as gate,
        Processes(place.logs) as processes,
    ):
        seen_by_airflow = replace(place, dagster_port=gate.port)
        airflow = (AirflowTwoSite if is_two else AirflowSite)(seen_by_airflow, processes)
        lay_out(place)
        dagster = DagsterSite(place, processes)
        if isinstance(airflow, AirflowTwoSite):
            airflow.create_database(SECONDS)
        else:
            processes.finish(airflow.migrate_database(), SECONDS)
        processes.finish(dagster.create_storage(), SECONDS)
        triggerer = airflow.start_triggerer()
        airflow.start()
        webserver = dagster.start_servers()
        world = World(place, processes, airflow, dagster, gate, triggerer, webserver)
        world.until(lambda: set(dag_ids()) <= airflow.dag_ids(), "Airflow has parsed the DAGs")
        yield world


def dag_ids() -> list[str]:
    return [f"{case}_{mode}" for case in CASES for mode in (SYNC, DEFERRED)]


def lay_out(place: Place) -> None:
    gates = place.root / "gates"
    gates.mkdir()
    for mode in (SYNC, DEFERRED):
        text = DAGS.format(cases=CASES, retried=RETRIED, mode=mode, deferrable=mode == DEFERRED)
        (place.dags / f"{mode}.py").write_text(text)
    for dag_id in dag_ids():
        state: Path = place.migration_state.with_name(f"{dag_id}.yaml")
        state.write_text("tasks: [{id: load, migrated: true}]\n")
    place.definitions.write_text(
        DEFINITIONS.format(gates=str(gates), instance=AIRFLOW_INSTANCE, dag_ids=dag_ids())
    )
    (place.root / "dagster" / "dagster.yaml").write_text(DAGSTER_YAML)


def test_a_task_is_one_run_and_a_clear_is_exactly_one_more(world: World) -> None:
    runs = world.start_and_wait("waits", SYNC, DEFERRED)
    for run in runs:
        world.open_gate(run)
    for run in runs:
        world.until_ended(run, "success")
        assert world.statuses(run) == ["SUCCESS"]
        assert world.runs(run)[0].materialized == (run.dag_id,)

    # A clear that comes while the scheduler ends the DAG run is lost in Airflow.
    world.until(lambda: all(world.ended(run) for run in runs), "the DAG runs have ended")
    for run in runs:
        world.airflow.clear(run, TASK)

    for run in runs:
        world.until(lambda: len(world.runs(run)) > 1, "the clear has launched a run")  # noqa: B023
        world.until_ended(run, "success")
        assert world.statuses(run) == ["SUCCESS", "SUCCESS"]


def test_a_run_that_dagster_retries_is_followed_to_the_end_of_the_retry(world: World) -> None:
    good = [world.start("recovers", mode) for mode in (SYNC, DEFERRED)]
    bad = [world.start("fails", mode) for mode in (SYNC, DEFERRED)]

    for run in good:
        world.until_ended(run, "success")
        assert world.statuses(run) == ["FAILURE", "SUCCESS"]
        assert world.task(run).try_number == 1
    for run in bad:
        world.until_ended(run, "failed")
        assert world.statuses(run) == ["FAILURE", "FAILURE"]
        assert f"ended as FAILURE: step '{run.dag_id}': ValueError: no price for order 7" in world.log(run)


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_task_that_waits_ends_its_run(world: World, state: str) -> None:
    runs = world.start_and_wait(state, SYNC, DEFERRED)

    for run in runs:
        world.airflow.mark(run, TASK, state)

    for run in runs:
        world.until(lambda: world.statuses(run) == ["CANCELED"], "the Dagster run is canceled")  # noqa: B023
        assert world.task(run).state == state


def test_clearing_a_task_that_waits_ends_its_run_before_the_next_one(world: World) -> None:
    runs = world.start_and_wait("cleared", SYNC, DEFERRED)

    for run in runs:
        world.clear_while_it_waits(run)

    for run in runs:
        world.until(lambda: world.statuses(run) == ["CANCELED", "STARTED"], "the next one runs")  # noqa: B023
        world.open_gate(run)
        world.until_ended(run, "success")
        assert world.statuses(run) == ["CANCELED", "SUCCESS"]


def test_a_retry_after_a_failed_run_launches_one_more(world: World) -> None:
    runs = [world.start("retried", mode) for mode in (SYNC, DEFERRED)]

    for run in runs:
        world.until_ended(run, "success")
        assert world.task(run).try_number == 2
        # Dagster has retried the first one by itself.
        assert world.statuses(run) == ["FAILURE", "FAILURE", "SUCCESS"]


def test_a_timeout_ends_the_run(world: World) -> None:
    runs = [world.start("times_out", mode) for mode in (SYNC, DEFERRED)]

    for run in runs:
        world.until_ended(run, "failed")
        world.until(lambda: world.statuses(run) == ["CANCELED"], "the Dagster run is canceled")  # noqa: B023


def test_a_retry_after_the_death_of_a_process_follows_the_run_that_is_there(world: World) -> None:
    (run,) = world.start_and_wait("killed", SYNC)

    os.kill(world.task(run).pid, signal.SIGKILL)

    world.until(lambda: world.task(run).try_number == 2, "Airflow tries again")
    world.until(lambda: world.task(run).state == SYNC, "the second try waits")
    world.open_gate(run)
    world.until_ended(run, "success")
    assert world.statuses(run) == ["SUCCESS"]
    assert f"Found Dagster run {world.runs(run)[0].run_id}" in world.log(run, 2)


@pytest.mark.parametrize("mode", [SYNC, DEFERRED])
@pytest.mark.parametrize(
    ("case", "moment"), [("killed_before", Moment.REQUEST), ("killed_during", Moment.ANSWER)]
)
def test_a_process_that_dies_while_it_launches_leaves_one_run(
    world: World, case: str, moment: Moment, mode: str
) -> None:
    run, hold = world.kill_at(case, mode, moment)

    hold.lose()

    world.open_gate(run)
    world.until_ended(run, "success")
    assert world.task(run).try_number == 2
    assert world.statuses(run) == ["SUCCESS"]


def test_a_launch_that_arrives_after_the_death_of_its_process_stays_the_only_one(world: World) -> None:
    run, hold = world.kill_at("killed_late", SYNC, Moment.REQUEST)
    looks = "An earlier try may have launched a run"

    world.until(lambda: world.task(run).try_number == 2, "Airflow tries again")
    world.until(lambda: looks in world.log(run, 2), "the second try looks for the run")
    hold.let_go()

    world.open_gate(run)
    world.until_ended(run, "success")
    assert world.statuses(run) == ["SUCCESS"]
    assert f"Found Dagster run {world.runs(run)[0].run_id}" in world.log(run, 2)


def test_a_restart_of_dagsters_webserver_does_not_touch_the_run(world: World) -> None:
    runs = world.start_and_wait("restarted", SYNC, DEFERRED)

    world.processes.kill(world.webserver)
    world.webserver = world.dagster.start_webserver()

    world.until(world.is_answering, "Dagster's webserver answers")
    for run in runs:
        world.open_gate(run)
    for run in runs:
        world.until_ended(run, "success")
        assert world.statuses(run) == ["SUCCESS"]
        assert world.task(run).try_number == 1


def test_the_death_of_the_triggerer_does_not_touch_the_run(world: World) -> None:
    (run,) = world.start_and_wait("killed", DEFERRED)

    world.processes.kill(world.triggerer)
    world.triggerer = world.airflow.start_triggerer()

    world.open_gate(run)
    world.until_ended(run, "success")
    assert world.statuses(run) == ["SUCCESS"]
    assert world.task(run).try_number == 1
