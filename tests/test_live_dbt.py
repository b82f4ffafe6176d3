"""A real Airflow 3 with a real dbt: every model is mapped to its task, however Airflow runs dbt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from sites.small_dbt import ASSETS, lay_out
from sites.unhurried import Unhurried

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowFilter,
    AirflowInstance,
    build_defs_from_airflow_instance,
)
from dagster_airlift_dbt import DbtOnAirflow
from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes

SECONDS = 400.0
SITES = Path(__file__).parent / "sites"
BASH = {
    "one.build": {*ASSETS},
    "layers.seed": {"raw_orders"},
    "layers.staging": {"stg_orders"},
    "layers.marts": {"revenue_v1", "revenue_v2"},
    "layers.snapshot": {"orders_snapshot"},
}
COSMOS = {
    "each.raw_orders_seed": {"raw_orders"},
    "each.stg_orders.run": {"stg_orders"},
    "grouped.small.raw_orders_seed_build": {"raw_orders"},
    "grouped.small.stg_orders_model_build": {"stg_orders"},
    "grouped.small.revenue_v2_model_build": {"revenue_v2"},
    "watched.raw_orders_seed": {"raw_orders"},
    "watched.stg_orders_run": {"stg_orders"},
}
BY_TASK = {**BASH, **COSMOS}
"""What each task builds."""
DAG_IDS = frozenset(task.partition(".")[0] for task in BY_TASK)

pytestmark = [pytest.mark.live, pytest.mark.matrix]


@dataclass(frozen=True)
class Live:
    """A real Airflow with DAGs that run dbt, none of which has run yet.

    Args:
        place: The run.
        processes: Starts and stops the servers.
        site: The servers.
        manifest: Of the project that they run.
    """

    place: Place
    processes: Processes
    site: AirflowSite
    manifest: Path

    @property
    def airflow(self) -> AirflowInstance:
        """A client with no more than the role Viewer."""
        return AirflowInstance(
            AirflowBasicAuthBackend(self.place.airflow_url, "viewer", self.place.viewer_password), "live"
        )

    @property
    def dbt(self) -> DbtOnAirflow:
        """The project, without a line of configuration."""
        return DbtOnAirflow(
            manifest=self.manifest, airflow=self.airflow, state_path=self.place.root / "found.dbt"
        )

    def run_all(self) -> None:
        """Run every DAG once."""
        for dag_id in sorted(DAG_IDS):
            self.site.set_paused(dag_id, paused=False)
            self.site.trigger(dag_id)
        self.processes.wait_until(
            lambda: self.site.idle(*DAG_IDS),
            "every DAG has run",
            SECONDS,
            self.place.logs / "airflow-scheduler.log",
        )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The tests of this module share it, in their order."""
    root = tmp_path_factory.mktemp("dbt") / "run"
    with fresh_place(root) as place, Unhurried(place.logs) as processes:
        manifest = lay_out(place.root / "small")
        for name in ("bash_dags.py", "cosmos_dags.py"):
            (place.dags / name).write_text((SITES / name).read_text())
        site = AirflowSite(place, processes)
        processes.finish(site.migrate_database(), SECONDS)
        site.start()
        site.start_triggerer()
        parsed = place.logs / "airflow-dag-processor.log"
        processes.wait_until(lambda: site.dag_ids() >= DAG_IDS, "the DAGs are parsed", SECONDS, parsed)
        yield Live(place, processes, site, manifest)


def found(dbt: DbtOnAirflow, certainty: str) -> dict[str, set[str]]:
    """The assets of each task that is known to build something, as certainly as that."""
    index = dbt.index()
    return {
        f"{task.dag_id}.{task.task_id}": {key.path[-1] for each in task.models if (key := index.key_of(each))}
        for task in dbt.report().tasks
        if task.certainty == certainty and task.models
    }


def tasks_of(defs: dg.Definitions) -> Mapping[str, set[str]]:
    return {
        spec.key.to_user_string(): {f"{each['dag_id']}.{each['task_id']}" for each in tasks.value}
        for spec in defs.resolve_all_asset_specs()
        if (tasks := spec.metadata.get("dagster-airlift/task-mapping"))
    }


def test_before_the_first_run_cosmos_is_known_by_its_task_ids(live: Live) -> None:
    dbt = live.dbt

    likely = found(dbt, "likely")

    assert likely == COSMOS
    assert found(dbt, "certain") == {}


def test_after_one_run_every_model_is_mapped_to_each_task_that_runs_it(live: Live) -> None:
    live.run_all()
    states = {dag_id: [run.state for run in live.site.runs(dag_id)] for dag_id in DAG_IDS}
    assert states == {dag_id: ["success"] for dag_id in DAG_IDS}

    dbt = live.dbt
    defs = build_defs_from_airflow_instance(
        airflow_instance=live.airflow,
        defs=dbt.defs(),
        retrieval_filter=AirflowFilter(retrieve_datasets=False),
    )

    report = dbt.report()
    assert found(dbt, "certain") == BY_TASK, report.to_text()
    assert report.not_run == ()
    assert report.problems == ()
    assert {f"{task.dag_id}.{task.task_id}" for task in report.tasks if task.warnings} == {
        f"dbt_dag.{task}" for task in ("dbt_seed", "dbt_run_staging", "dbt_run_marts", "dbt_test")
    }
    mapped = {key: tasks for key, tasks in tasks_of(defs).items() if key in ASSETS}
    assert mapped == {
        asset: {task for task, assets in BY_TASK.items() if asset in assets} for asset in ASSETS
    }


def test_dagster_would_run_what_airflow_ran(live: Live) -> None:
    dbt = live.dbt

    for task in BY_TASK:
        dag_id, _, task_id = task.partition(".")
        if dag_id != "watched" and task != "layers.marts":
            assert dbt.preflight(dag_id, task_id).exit_code == 0, str(dbt.preflight(dag_id, task_id))
    (marts,) = dbt.preflight("layers", "marts").differences

    assert marts == "Airflow ran `dbt test` too, and Dagster would not."
