"""Dagster's code server and daemon around a real Airflow, what Dagster has stored of it, and what Airflow itself knows."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType  # noqa: TID251 - what the daemon says of its ticks
from dagster._core.scheduler.instigation import TickStatus  # noqa: TID251 - the same

from peering_with_dbt.story.dagster_server import dagster_environment
from peering_with_dbt.story.place import Place
from peering_with_dbt.story.processes import Processes, Server

INSTANCES = ("live", "double")
"""Two instances with equal DAG ids and run ids: one Airflow under two names."""
WIDE = 100
"""So many assets stand for one task: enough events in one tick to kill the daemon among them."""
TASKS = {
    "twin_a": ["extract", "load"],
    "twin_b": ["extract", "load"],
    "fails": ["good", "bad", "after"],
    "retried": ["load"],
    "mapped_0": ["parts"],
    "mapped_1": ["parts"],
    "mapped_50": ["parts"],
}
_DEFINITIONS = """
import dagster as dg
from dagster_airlift_core import (
    AirflowBasicAuthBackend, AirflowInstance, assets_with_task_mappings, build_defs_from_airflow_instance
)
from sites.observing import specs

defs = dg.Definitions.merge(*(
    build_defs_from_airflow_instance(
        airflow_instance=AirflowInstance(AirflowBasicAuthBackend({url!r}, "viewer", {password!r}), name),
        defs=dg.Definitions(assets=[
            asset for dag, by_task in specs(name).items() for asset in assets_with_task_mappings(dag, by_task)
        ]),
        sensor_minimum_interval_seconds=1,
    )
    for name in {instances!r}
))
"""


def specs(instance: str) -> Mapping[str, Mapping[str, list[dg.AssetSpec]]]:
    """Return the assets of each task, by DAG id and task id."""
    return {
        dag: {task: [dg.AssetSpec(key) for key in _keys(instance, dag, task)] for task in tasks}
        for dag, tasks in TASKS.items()
    }


def _keys(instance: str, dag: str, task: str) -> list[dg.AssetKey]:
    width = WIDE if (dag, task) == ("fails", "after") else 1
    return [dg.AssetKey([instance, dag, task, f"table_{number}"]) for number in range(width)]


@dataclass(frozen=True)
class Told:
    """Something that Dagster says or Airflow knows to have ended.

    Args:
        dag: The DAG.
        run: Its run.
        task: The task.
        tried: Which try it was.
        instances: How many instances of a mapped task succeeded, 1 of a task that is not mapped.
    """

    dag: str
    run: str
    task: str
    tried: int
    instances: int = 1


class Observing:
    """A code server and a daemon, and the history that they write.

    Args:
        place: The run.
        processes: Starts and stops the servers.
        airflow_url: Where Airflow is asked.
    """

    def __init__(self, place: Place, processes: Processes, airflow_url: str) -> None:
        self._place = place
        self._processes = processes
        self._home = place.root / "dagster"
        (self._home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
        place.definitions.write_text(
            _DEFINITIONS.format(url=airflow_url, password=place.viewer_password, instances=INSTANCES)
        )
        self.instance = dg.DagsterInstance.from_config(str(self._home))

    def start_code_server(self) -> Server:
        """Start the code server, which the daemon does not take with it when it dies."""
        address = ("-h", "127.0.0.1", "-p", str(self._place.code_port))
        command = ["dagster", "code-server", "start", *address, "-f", str(self._place.definitions)]
        return self._processes.start("dagster-code-server", command, self._environment)

    def start_daemon(self) -> Server:
        """Start the daemon."""
        workspace = str(self._home / "workspace.yaml")
        command = ["dagster-daemon", "run", "-w", workspace]
        return self._processes.start("dagster-daemon", command, self._environment)

    @property
    def _environment(self) -> dict[str, str]:
        return {**dagster_environment(self._place), "PYTHONPATH": str(Path(__file__).parents[1])}

    def successes(self, instance: str) -> Counter[tuple[str, Told]]:
        """Count the materializations of the assets of tasks, by asset."""
        return Counter(
            (key.to_user_string(), _told(record.asset_materialization))
            for key in self._task_keys(instance)
            for record in self.instance.fetch_materializations(key, limit=1000).records
            if record.asset_materialization
        )

    def failures(self, instance: str) -> Counter[Told]:
        """Count the observations of the assets of tasks."""
        return Counter(
            _told(record.asset_observation)
            for key in self._task_keys(instance)
            for record in self.instance.fetch_observations(key, limit=1000).records
            if record.asset_observation
        )

    def dag_runs(self, instance: str) -> Counter[tuple[str, str, float]]:
        """Count the materializations of DAG assets, by DAG, run and end."""
        return Counter(
            (dag, str(event.metadata["Airflow Run ID"].value), float(str(event.metadata["End Date"].value)))
            for dag in TASKS
            for record in self.instance.fetch_materializations(
                dg.AssetKey([instance, "dag", dag]), limit=1000
            ).records
            if (event := record.asset_materialization)
        )

    def stored(self, key_prefix: str) -> int:
        """Count the materializations below a key, as fast as can be, for they are becoming more."""
        prefix = json.dumps(key_prefix.split("/"))[:-1]
        file = self._home / "history" / "runs" / "index.db"
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)) as connection:
            counted = (
                "SELECT count(*) FROM event_logs WHERE substr(asset_key, 1, ?) = ?"
                " AND dagster_event_type = 'ASSET_MATERIALIZATION'"
            )
            return connection.execute(counted, (len(prefix), prefix)).fetchone()[0]

    def ended_ticks(self) -> int:
        """Count the ticks that have ended, of both sensors."""
        states = self.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        return sum(
            tick.status in (TickStatus.SKIPPED, TickStatus.SUCCESS)
            for state in states
            for tick in self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        )

    def _task_keys(self, instance: str) -> Iterator[dg.AssetKey]:
        for dag, tasks in TASKS.items():
            for task in tasks:
                yield from _keys(instance, dag, task)

    def expected(self, instance: str, *, former: bool = True) -> Counter[tuple[str, Told]]:
        """Count what Airflow's database says has succeeded, by asset; with former tries or without."""
        return Counter(
            (key.to_user_string(), told)
            for told in airflow_successes(self._place, former=former)
            for key in _keys(instance, told.dag, told.task)
        )


def _told(event: dg.AssetMaterialization | dg.AssetObservation) -> Told:
    said = {label: str(value.value) for label, value in event.metadata.items()}
    names = (said["Airflow DAG ID"], said["Airflow Run ID"], said["Airflow Task ID"])
    return Told(*names, int(said["Try Number"]), int(said.get("Mapped Instances", "1")))


def airflow_successes(place: Place, *, former: bool) -> Iterator[Told]:
    """Read from Airflow's database which tries of tasks have succeeded, and which mapped tasks as a whole.

    Args:
        place: The run.
        former: Whether tries count that were cleared since.
    """
    columns = "dag_id, run_id, task_id, map_index, try_number, state"
    tries = f"SELECT {columns} FROM task_instance"
    rows = query(place, f"{tries} UNION SELECT {columns} FROM task_instance_history" if former else tries)
    succeeded = [row for row in rows if row[-1] == "success" and row[0] in TASKS]
    for names, count in Counter((dag, run, task, tried) for dag, run, task, _, tried, _ in succeeded).items():
        yield Told(*names, instances=count)


def query(place: Place, statement: str) -> list[tuple[str, str, str, int, int, str]]:
    """Ask Airflow's database."""
    file = place.root / "airflow" / "airflow.db"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=60)) as connection:
        return connection.execute(statement).fetchall()
