"""A real Airflow 3 whose tasks run a real dbt: Dagster shows exactly what each built, failed at, skipped and tested."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from till import FILES, lay_out

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import SensorDaemon
from dagster_airlift_dbt import DbtCommand, DbtOnAirflow, DbtResultStore, DbtTaskLogs
from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes

pytestmark = [pytest.mark.live, pytest.mark.matrix]

DAGS = Path(__file__).parent / "sites/dbt_dags.py"
SECONDS = 180.0
TASKS = ("shipped", "events", "lines")
BUILT = {"raw_sales", "stg_sales", "sales", "growing", "shelved"}
NOT_BUILT = {"broken", "after_broken"}
TESTED = {"not_null_sales_id": True, "unique_sales_id": False, "sales_are_dear": False}


@dataclass(frozen=True)
class Live:
    """An Airflow in which the DAG has run, and where its first task shipped results to."""

    place: Place
    project: Path
    store: Path

    @property
    def viewer(self) -> AirflowInstance:
        """A client with no more than the role Viewer."""
        backend = AirflowBasicAuthBackend(self.place.airflow_url, "viewer", self.place.viewer_password)
        return AirflowInstance(backend, "live")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("dbt_results")
    project, store = root / "till", root / "store"
    lay_out(project, FILES)
    with fresh_place(root / "run") as place, Processes(place.logs) as processes:
        text = DAGS.read_text(encoding="utf-8").replace("__PROJECT__", str(project))
        text = text.replace("__STORE__", str(store))
        text = text.replace("__DBT__", str(Path(sys.executable).parent / "dbt"))
        (place.dags / "shop.py").write_text(text, encoding="utf-8")
        site = AirflowSite(place, processes)
        processes.finish(site.migrate_database(), SECONDS)
        site.start()
        log = place.logs / "airflow-scheduler.log"
        processes.wait_until(lambda: "shop" in site.dag_ids(), "the DAG is parsed", SECONDS, log)
        site.set_paused("shop", paused=False)
        site.trigger("shop")
        processes.wait_until(
            lambda: [run.state for run in site.runs("shop")] == ["failed"], "it fails", SECONDS, log
        )
        yield Live(place, project, store)


def test_each_task_tells_what_it_built_failed_at_skipped_and_tested(live: Live) -> None:
    dbt = DbtOnAirflow(
        manifest=live.project / "target/manifest.json",
        tasks={"shop": {task: DbtCommand("build") for task in TASKS}},
        results=[DbtResultStore(str(live.store)), DbtTaskLogs()],
    )
    defs = build_defs_from_airflow_instance(airflow_instance=live.viewer, defs=dbt.defs(), task_results=dbt)
    dg.Definitions.validate_loadable(defs)
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = SensorDaemon(defs, instance)

        daemon.tick()
        again = daemon.tick()

        for key in BUILT:
            assert sorted(str(e.metadata["Airflow Task ID"].value) for e in daemon.events(key)) == sorted(
                TASKS
            )
        for key in NOT_BUILT:
            assert daemon.events(key) == []
            told = [e for e in daemon.observations(key) if e.metadata["status"].value in {"error", "skipped"}]
            assert sorted(str(e.metadata["Airflow Task ID"].value) for e in told) == sorted(TASKS)
        for name, passed in TESTED.items():
            check = dg.AssetCheckKey(dg.AssetKey("sales"), name)
            history = instance.event_log_storage.get_asset_check_execution_history(check, limit=10)
            told = [record.evaluation for record in history if record.evaluation]
            assert {one.metadata["Airflow Task ID"].value: one.passed for one in told} == dict.fromkeys(
                TASKS, passed
            )
        assert not {key for key in again if not key.startswith("live/")}
        (seed, *_) = (
            e for e in daemon.events("raw_sales") if e.metadata["Airflow Task ID"].value == "shipped"
        )
        assert seed.metadata["dagster/row_count"].value == 3


def test_the_stamp_is_in_what_the_task_shipped(live: Live) -> None:
    (shipped,) = live.store.glob("shop/*/shipped/-1/1/run_results.json")

    text = shipped.read_text(encoding="utf-8")

    assert '"AIRFLOW_TASK_ID": "shipped"' in text
    assert '"AIRFLOW_TRY_NUMBER": "1"' in text
    assert "%3A" in shipped.parts[-5]
