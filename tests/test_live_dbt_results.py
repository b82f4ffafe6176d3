"""A real Airflow 3 whose tasks run a real dbt: Dagster shows exactly what each built, failed at, skipped and tested."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
from sites.unhurried import Unhurried
from till import FILES, lay_out

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowFilter,
    AirflowInstance,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import SensorDaemon
from dagster_airlift_dbt import CosmosWatcher, DbtCommand, DbtOnAirflow, DbtResultStore, DbtTaskLogs
from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.place import Place, fresh_place

pytestmark = [pytest.mark.live, pytest.mark.matrix]

SITES = Path(__file__).parent / "sites"
SECONDS = 400.0
TASKS = ("shipped", "events", "lines")
BUILT = {"raw_sales", "stg_sales", "sales", "growing", "shelved"}
NOT_BUILT = {"broken", "after_broken"}
TESTED = {"not_null_sales_id": True, "unique_sales_id": False, "sales_are_dear": False}
WAYS = ("built", "each", "layers", "watched")
BUILT_EACH_WAY = {"raw_sales", "stg_sales", "sales"}
KEPT = (
    "dbt_project.yml",
    "seeds/raw_sales.csv",
    "models/stg_sales.sql",
    "models/sales.sql",
    "models/broken.sql",
    "models/after_broken.sql",
    "tests/sales_are_dear.sql",
)
PROJECT = {
    **{name: FILES[name] for name in KEPT},
    "profiles.yml": "till: {target: t, outputs: {t: {type: duckdb, path: \"{{ env_var('TILL_DUCKDB') }}\"}}}\n",
    "models/models.yml": (
        "models:\n"
        "- name: sales\n"
        "  columns: [{name: id, data_tests: [not_null, {unique: {config: {severity: warn}}}]}]\n"
        "- {name: after_broken, columns: [{name: id, data_tests: [not_null]}]}\n"
    ),
}


@dataclass(frozen=True)
class Live:
    """An Airflow in which each DAG has run once, and where some of their tasks shipped results to."""

    place: Place
    project: Path
    manifest: Path
    store: Path

    @property
    def viewer(self) -> AirflowInstance:
        """A client with no more than the role Viewer."""
        backend = AirflowBasicAuthBackend(self.place.airflow_url, "viewer", self.place.viewer_password)
        return AirflowInstance(backend, "live")


@dataclass(frozen=True)
class Shown:
    """A Dagster that has observed the Airflow, twice."""

    daemon: SensorDaemon
    again: list[str]

    def built(self, dag_id: str) -> list[str]:
        """The assets that Dagster has for built by a DAG, as often as it has."""
        return sorted(
            key
            for key in (*BUILT_EACH_WAY, "broken", "after_broken")
            for event in self.daemon.events(key)
            if event.metadata["Airflow DAG ID"].value == dag_id
        )

    def observed(self, dag_id: str) -> dict[str, list[dg.AssetObservation]]:
        """What Dagster has observed of the assets that a DAG did not build."""
        return {
            key: [
                each
                for each in self.daemon.observations(key)
                if each.metadata["Airflow DAG ID"].value == dag_id
            ]
            for key in (*BUILT_EACH_WAY, "broken", "after_broken")
        }

    def tested(self, dag_id: str) -> list[tuple[str, bool]]:
        """The evaluations of checks by a DAG."""
        storage = self.daemon.instance.event_log_storage
        records = [
            record.evaluation
            for asset, name in [
                *(("sales", name) for name in TESTED),
                ("after_broken", "not_null_after_broken_id"),
            ]
            for record in storage.get_asset_check_execution_history(
                dg.AssetCheckKey(dg.AssetKey(asset), name), limit=20
            )
            if record.evaluation
        ]
        return sorted(
            (each.check_name, each.passed)
            for each in records
            if each.metadata["Airflow DAG ID"].value == dag_id
        )


def parse(folder: Path) -> Path:
    """Write the smaller project, let dbt parse it, and return its manifest."""
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    command = [str(Path(sys.executable).parent / "dbt"), "--quiet", "parse"]
    command += ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    own = {"TILL_DUCKDB": str(folder / "parse.duckdb"), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    subprocess.run(command, env={**os.environ, **own}, check=True)
    return folder / "target" / "manifest.json"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    root = tmp_path_factory.mktemp("dbt_results")
    store = root / "store"
    lay_out(root / "till", FILES)
    manifest = parse(root / "failing")
    uploading = {
        "AIRFLOW__COSMOS__REMOTE_TARGET_PATH": store.as_uri(),
        "AIRFLOW__COSMOS__REMOTE_TARGET_PATH_CONN_ID": "fs_default",
        "FSSPEC_FILE_AUTO_MKDIR": "true",  # an object store has no folders to be made
    }
    filled_in = {
        "__PROJECT__": str(root / "till"),
        "__FAILING__": str(root / "failing"),
        "__STORE__": str(store),
        "__DBT__": str(Path(sys.executable).parent / "dbt"),
    }
    with fresh_place(root / "run") as place, Unhurried(place.logs, uploading) as processes:
        for name in ("dbt_dags.py", "failing_dags.py"):
            text = (SITES / name).read_text(encoding="utf-8")
            for blank, value in filled_in.items():
                text = text.replace(blank, value)
            (place.dags / name).write_text(text, encoding="utf-8")
        site = AirflowSite(place, processes)
        processes.finish(site.migrate_database(), SECONDS)
        site.start()
        site.start_triggerer()
        log = place.logs / "airflow-scheduler.log"
        dag_ids = ("shop", *WAYS)
        processes.wait_until(lambda: site.dag_ids() >= {*dag_ids}, "the DAGs are parsed", SECONDS, log)
        for dag_id in dag_ids:
            site.set_paused(dag_id, paused=False)
            site.trigger(dag_id)
        processes.wait_until(lambda: site.idle(*dag_ids), "every DAG has run", SECONDS, log)
        assert {run.state for dag_id in dag_ids for run in site.runs(dag_id)} == {"failed"}
        yield Live(place, root / "till", manifest, store)


@pytest.fixture(scope="module")
def shown(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """What Dagster shows of these ways, with a word about one task: what Bash runs is known once it has run."""
    only = AirflowFilter(airflow_tags=["failing"])
    dbt = DbtOnAirflow(
        manifest=live.manifest,
        airflow=live.viewer,
        tasks={"layers": {"reports": DbtCommand("run", select="after_broken")}},
        retrieval_filter=only,
        state_path=tmp_path_factory.mktemp("state") / "found.dbt",
        results=[DbtResultStore(str(live.store)), CosmosWatcher(), DbtTaskLogs()],
    )
    defs = build_defs_from_airflow_instance(
        airflow_instance=live.viewer, defs=dbt.defs(), task_results=dbt, retrieval_filter=only
    )
    dg.Definitions.validate_loadable(defs)
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = SensorDaemon(defs, instance)
        daemon.tick()
        yield Shown(daemon, daemon.tick())


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


@pytest.mark.parametrize("way", WAYS)
def test_each_way_tells_once_of_what_it_built_failed_at_skipped_and_tested(shown: Shown, way: str) -> None:
    observed = shown.observed(way)

    assert shown.built(way) == sorted(BUILT_EACH_WAY)
    assert {key for key, events in observed.items() if events} == {"broken", "after_broken"}
    (failed,), (skipped,) = observed["broken"], observed["after_broken"]
    assert failed.metadata["status"].value == "error"
    assert "Table with name nowhere_at_all does not exist" in str(failed.description)
    assert "skipped" in str(skipped.description) or "before it failed" in str(skipped.description)
    assert shown.tested(way) == sorted(TESTED.items())


def test_nothing_is_told_again(shown: Shown) -> None:
    assert not [key for key in shown.again if not key.startswith("live/")]


def test_what_cosmos_uploaded_tells_more_than_a_log(live: Live, shown: Shown) -> None:
    assert list(live.store.glob("built/*/sales_model_build/1/target/run_results.json"))
    told = {each.metadata["Airflow DAG ID"].value: each for each in shown.daemon.events("raw_sales")}

    rows = {way: each.metadata.get("dagster/row_count") for way, each in told.items()}

    assert rows["built"] == dg.IntMetadataValue(3)
    assert rows["each"] is rows["layers"] is rows["watched"] is None
