"""The example's dbt tasks on real servers: preflight says what ran, and a migrated task has Dagster run just that."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import dagster as dg
import pytest

from peering_with_dbt.story.airflow_server import DagRun
from peering_with_dbt.story.dagster_server import dagster_environment
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes
from peering_with_dbt.story.stage import DAG_ID, PROXY_OPERATOR, Stage, mapped

pytestmark = [pytest.mark.live, pytest.mark.matrix]

COMMANDS = {
    "dbt_seed": "dbt seed",
    "dbt_run_staging": "dbt run --select staging",
    "dbt_run_marts": "dbt run --select marts",
    "dbt_test": "dbt test",
}
"""What the dbt tasks of the DAG run; the fifth task, `export_customers`, runs no dbt."""
TESTED = "shop/task/dbt_dag/dbt_test"
"""The asset that stands for the task that tests."""
_RAN = re.compile(r"'invocation_command': '(?P<command>[^']*)'|Finished running node (?P<node>\S+)")


@dataclass(frozen=True, eq=False)
class Shop:
    """The example, in which both DAGs have run once and Dagster can run every dbt task."""

    place: Place
    stage: Stage
    ran: Mapping[str, frozenset[str]]

    @cache  # noqa: B019 - there is one shop
    def preflight(self, task_id: str) -> tuple[int, Mapping[str, Any]]:
        """Return the exit code of the command, and what it says."""
        dbt = ("peering_with_dbt.migrate:dbt", DAG_ID, task_id)
        done = subprocess.run(
            [sys.executable, "-m", "dagster_airlift_dbt", "preflight", *dbt, "--json"],
            env=dagster_environment(self.place),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def tested_in(self, run_id: str) -> Counter[str]:
        """Count what a Dagster run says of each test; one of a source has no check, and is observed."""
        instance = dg.DagsterInstance.from_config(str(self.place.root / "dagster"))
        kinds = {dg.DagsterEventType.ASSET_CHECK_EVALUATION, dg.DagsterEventType.ASSET_OBSERVATION}
        told = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=kinds)]
        return Counter(
            str(said.metadata["unique_id"].value)
            for event in told
            if event
            if (
                said := event.asset_check_evaluation_data
                if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
                else event.asset_observation_data.asset_observation
            )
        )


def ran_in(log: str) -> Mapping[str, frozenset[str]]:
    """Read from dbt's own log of its work what each of its commands ran: no part of ours reads that."""
    found: dict[str, set[str]] = {}
    command = ""
    for line in _RAN.finditer(log):
        command = line["command"] or command
        found.setdefault(command, set()).update([line["node"]] if line["node"] else [])
    return {command: frozenset(nodes) for command, nodes in found.items()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    root = tmp_path_factory.mktemp("migration") / "run"
    with fresh_place(root) as place, Processes(place.logs) as processes:
        stage = Stage(place, processes)
        stage.prepare()
        stage.airflow.start()
        stage.run_for_the_first_time()
        log = (place.root / "dbt" / "logs" / "dbt.log").read_text()
        stage.dagster.start("migrate")
        yield Shop(place, stage, ran_in(log))


@pytest.mark.parametrize("task_id", [*COMMANDS])
def test_preflight_agrees_with_what_airflow_ran(shop: Shop, task_id: str) -> None:
    ran = shop.ran[COMMANDS[task_id]]

    code, told = shop.preflight(task_id)

    assert code == 0, told
    assert told["is_same"]
    for side in ("airflow", "dagster"):
        assert {*told[side]["models"], *told[side]["others"]} == ran
    assert told["seen_in"] == [run.run_id for run in shop.stage.airflow.runs(DAG_ID)]


@pytest.mark.parametrize("task_id", [*COMMANDS])
def test_a_migrated_task_has_dagster_run_exactly_its_preflight(shop: Shop, task_id: str) -> None:
    stage = shop.stage
    _, told = shop.preflight(task_id)
    models = {each.rpartition(".")[2] for each in told["dagster"]["models"]}
    expected = models or {TESTED}
    stage.set_migrated(task_id, migrated=True)

    run = stage.run(DAG_ID)
    stage.write_migrated(task_id, migrated=False)
    stage.wait_for_events(run, without=expected)
    stage.wait_for_ticks()

    (launched,) = stage.dagster.runs({"dagster-airlift/airflow-dag-run-id": run.run_id})
    assert [each.run_id for each in stage.dagster_runs(run, task_id)] == [launched.run_id]
    assert launched.status == "SUCCESS"
    assert {*launched.materialized} == expected
    assert shop.tested_in(launched.run_id) == Counter(told["dagster"]["others"])
    assert proxied(stage, run) == {task_id}  # so what was migrated before has been rolled back
    produced = [key for key, task in mapped(stage.dagster.assets()).items() if task.startswith(f"{DAG_ID}.")]
    assert told_of(stage, run, launched.run_id) == Counter(produced)


def proxied(stage: Stage, run: DagRun) -> set[str]:
    tasks = (*COMMANDS, "export_customers")
    return {task for task in tasks if stage.airflow.operator_in_run(run, task) == PROXY_OPERATOR}


def told_of(stage: Stage, run: DagRun, dagster_run_id: str) -> Counter[str]:
    """Count the materializations of what the tasks of a DAG run produce, whoever ran them."""
    return Counter(
        event.key
        for event in stage.dagster.events()
        if run.run_id == event.airflow_run_id or dagster_run_id == event.dagster_run_id
        if not event.key.startswith("shop/dag/")
    )
