"""Real Airflows, 2.11 and 3.3, and the real Dagster daemon, killed among its work: each success is stored once."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import dagster as dg
import pytest
import requests
from sites.airflow_gate import AirflowGate
from sites.airflow_two import BIN_VARIABLE, AirflowTwoSite
from sites.observing import INSTANCES, TASKS, WIDE, Observing, Told, query

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import SensorDaemon
from peering_with_dbt.story.airflow_server import AirflowSite, DagRun
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes, Server

Answer = TypeVar("Answer")

DAGS = Path(__file__).parent / "sites" / "observed_dags.py"
SECONDS = 180.0

pytestmark = [pytest.mark.live, pytest.mark.matrix]


@dataclass
class World:
    """Airflow, the door before it, and Dagster's history of it."""

    place: Place
    processes: Processes
    airflow: AirflowSite | AirflowTwoSite
    gate: AirflowGate
    dagster: Observing
    daemon: Server

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for a condition."""
        self.processes.wait_until(condition, what, SECONDS, self.place.logs / "dagster-daemon.log")

    def run(self, dag_id: str) -> DagRun:
        """Return the one run of a DAG."""
        (run,) = insist(lambda: self.airflow.runs(dag_id))
        return run

    def ended(self, *dag_ids: str) -> bool:
        """See whether each of these DAGs has a run, and all of them have ended."""
        runs = insist(lambda: [self.airflow.runs(dag_id) for dag_id in dag_ids])
        return all(runs) and {run.state for some in runs for run in some} <= {"success", "failed"}

    def is_told(self) -> bool:
        """See whether Dagster knows of every success that Airflow's database has."""
        return all(
            set(self.dagster.expected(name)) <= set(self.dagster.successes(name)) for name in INSTANCES
        )

    def kill_the_daemon(self) -> None:
        """End the daemon without a word."""
        self.daemon.process.kill()
        self.processes.kill(self.daemon)

    def revive_the_daemon(self) -> None:
        """Start a daemon again."""
        self.daemon = self.dagster.start_daemon()


def insist(act: Callable[[], Answer]) -> Answer:
    """Do something in Airflow, once more when it is too busy to answer or its sqlite is locked just then."""
    for _ in range(10):
        try:
            return act()
        except requests.Timeout:
            continue
        except StoryError as error:
            if "Database error" not in str(error) and "locked" not in str(error):
                raise
            time.sleep(2)
    raise AssertionError("Airflow was too busy again and again")


@pytest.fixture(scope="module", params=["airflow 3", "airflow 2"])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The tests of this module share it, in their order."""
    is_two = request.param == "airflow 2"
    if is_two and BIN_VARIABLE not in os.environ:
        pytest.skip(f"{BIN_VARIABLE} does not say where Airflow 2 is; nox sets it")
    with (
        fresh_place(tmp_path_factory.mktemp("observation") / "run") as place,
        AirflowGate(place.airflow_url) as gate,
        Processes(place.logs) as processes,
    ):
        airflow = (AirflowTwoSite if is_two else AirflowSite)(place, processes)
        (place.dags / "observed.py").write_text(DAGS.read_text())
        if isinstance(airflow, AirflowTwoSite):
            airflow.create_database(SECONDS)
        else:
            processes.finish(airflow.migrate_database(), SECONDS)
        airflow.start()
        log = place.logs / "airflow-scheduler.log"
        processes.wait_until(lambda: set(TASKS) <= airflow.dag_ids(), "the DAGs are parsed", SECONDS, log)
        dagster = Observing(place, processes, gate.url)
        dagster.start_code_server()
        for dag_id in TASKS:
            if not dag_id.startswith("twin"):
                insist(lambda: airflow.trigger(dag_id))  # noqa: B023 - called at once
        yield World(place, processes, airflow, gate, dagster, dagster.start_daemon())


def test_a_daemon_killed_while_it_waits_for_airflow_loses_nothing(world: World) -> None:
    hold = world.gate.hold("/taskInstances")
    world.until(hold.arrived.is_set, "a tick asks for task instances")

    world.kill_the_daemon()
    hold.let_go()
    world.until(lambda: world.ended(*TASKS), "all runs have ended")
    world.revive_the_daemon()

    world.until(world.is_told, "everything is told")
    _agree(world)


def test_two_dags_with_one_run_id_and_two_instances_with_equal_ids_do_not_mix(world: World) -> None:
    runs = [world.run("twin_a").run_id, world.run("twin_b").run_id]

    assert runs[0] == runs[1]
    for name in INSTANCES:
        told = world.dagster.successes(name)
        assert {key.split("/")[0] for key, _ in told} == {name}
        assert {key.split("/")[1] for key, one in told if one.dag == "twin_a"} == {"twin_a"}


def test_what_failed_is_an_observation_and_what_came_before_it_is_told(world: World) -> None:
    run = world.run("fails")

    assert run.state == "failed"
    assert world.dagster.failures("live")[Told("fails", run.run_id, "bad", 1)] == 1
    assert (
        world.dagster.successes("live")["live/fails/good/table_0", Told("fails", run.run_id, "good", 1)] == 1
    )


def test_a_retried_task_is_told_of_its_last_try_and_a_mapped_one_once(world: World) -> None:
    told = {one for _, one in world.dagster.successes("live")}

    assert {one.tried for one in told if one.dag == "retried"} == {2}
    assert {one.dag: one.instances for one in told if one.dag.startswith("mapped")} == {
        "mapped_1": 1,
        "mapped_50": 50,
    }


def test_told_each_for_itself_the_instances_of_a_mapped_task_have_an_event_each(world: World) -> None:
    airflow = AirflowInstance(
        AirflowBasicAuthBackend(world.gate.url, "viewer", world.place.viewer_password), "each"
    )
    lengths = {"mapped_0": 0, "mapped_1": 1, "mapped_50": 50}
    specs = [
        asset
        for dag_id in lengths
        for asset in assets_with_task_mappings(dag_id, {"parts": [dg.AssetSpec(dag_id)]})
    ]
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=dg.Definitions(assets=specs), mapped_tasks="each"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = SensorDaemon(defs, instance)
        while daemon.tick():
            pass

        told = {dag_id: [_map_index(event) for event in daemon.events(dag_id)] for dag_id in lengths}

    assert {dag_id: sorted(indexes) for dag_id, indexes in told.items()} == {
        dag_id: list(range(length)) for dag_id, length in lengths.items()
    }


def _map_index(event: dg.AssetMaterialization) -> int:
    return int(str(event.metadata["Map Index"].value))


def test_a_clear_of_one_task_and_a_mark_by_hand_are_each_told_once(world: World) -> None:
    cleared, marked = world.run("twin_a"), world.run("fails")

    insist(lambda: world.airflow.clear(cleared, "load"))
    insist(lambda: world.airflow.mark(marked, "bad", "success"))

    _die_among_the_events(world, "live/fails/after")
    world.until(lambda: world.ended("twin_a", "fails"), "both runs have ended again")
    world.until(world.is_told, "everything is told")
    _agree(world)
    again = Counter(one.task for _, one in world.dagster.successes("live") if one.dag == "twin_a")
    assert again == {"extract": 1, "load": 2}


def _die_among_the_events(world: World, below: str) -> None:
    """Kill the daemon while it stores the events of one tick, and start another one."""
    deadline = time.monotonic() + SECONDS
    while not world.dagster.stored(below) and time.monotonic() < deadline:
        time.sleep(0.01)
    world.kill_the_daemon()
    assert 0 < world.dagster.stored(below) < WIDE
    world.revive_the_daemon()


def _agree(world: World) -> None:
    """Hold both sides to each other, when each sensor has ticked once more."""
    ticks = world.dagster.ended_ticks() + 2 * len(INSTANCES)
    world.until(lambda: world.dagster.ended_ticks() >= ticks, "both sensors have ticked again")
    for name in INSTANCES:
        assert world.dagster.successes(name) == world.dagster.expected(name)
        ends = query(world.place, "SELECT dag_id, run_id, end_date, 0, 0, state FROM dag_run")
        final = {
            (dag, run, _seconds(end))
            for dag, run, end, _, _, state in ends
            if state == "success" and dag in TASKS
        }
        told = world.dagster.dag_runs(name)
        assert {one: told[one] for one in final} == dict.fromkeys(final, 1)


def _seconds(utc: str) -> float:
    """Return the seconds since the epoch of a moment in Airflow's database; sqlite would round them."""
    return datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()
