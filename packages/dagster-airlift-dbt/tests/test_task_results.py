"""What Dagster shows of a task of Airflow that ran dbt, from the log or store to the event log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_dbt import DbtProject, dbt_assets
from till import SOURCES, Till

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon
from dagster_airlift_core.wire import LAUNCH_KEY_TAG, launch_key
from dagster_airlift_dbt import (
    CosmosWatcher,
    DbtCommand,
    DbtOnAirflow,
    DbtResultStore,
    DbtResultXCom,
    DbtTaskLogs,
)

BUILD = {"nightly": {"build": DbtCommand("build")}}
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
ALL = {"raw_sales", "stg_sales", "sales", "growing", "shelved", "broken", "after_broken"}
BUILT = {"raw_sales", "stg_sales", "sales", "growing", "shelved"}


@pytest.fixture
def fake() -> Iterator[FakeAirflow]:
    with FakeAirflow(now=NOON) as fake:
        fake.add_dag("nightly", {"build": [], "seed": []})
        yield fake


@dataclass
class Shown:
    """A Dagster that observes the fake Airflow."""

    daemon: SensorDaemon
    instance: dg.DagsterInstance

    def tick(self) -> list[str]:
        return [key for key in self.daemon.tick() if not key.startswith("prod/")]

    @property
    def built(self) -> set[str]:
        return {key for key in ALL if self.daemon.events(key)}

    @property
    def not_built(self) -> dict[str, str]:
        """What was observed last of each asset that was not built."""
        found = {key: self.daemon.observations(key) for key in ALL - self.built}
        return {key: str(each[0].description) for key, each in found.items() if each}

    def evaluations(self, asset: str, check: str) -> list[bool]:
        """Whether the evaluations of a check passed, the latest first."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        storage = self.instance.event_log_storage
        records = storage.get_asset_check_execution_history(key, limit=100)
        return [record.evaluation.passed for record in records if record.evaluation]


def observing(
    fake: FakeAirflow, instance: dg.DagsterInstance, dbt: DbtOnAirflow, defs: dg.Definitions | None = None
) -> Shown:
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    whole = build_defs_from_airflow_instance(
        airflow_instance=airflow, defs=defs or dbt.defs(), task_results=dbt
    )
    return Shown(SensorDaemon(whole, instance), instance)


@pytest.fixture
def dagster() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run_task(fake: FakeAirflow, run_id: str, task_id: str, state: str, *, map_index: int = -1) -> None:
    """Let a task begin now, and end a minute later."""
    fake.set_task("nightly", run_id, task_id, "running", map_index=map_index)
    fake.now += timedelta(minutes=1)
    fake.set_task("nightly", run_id, task_id, state, map_index=map_index)


def results(
    fake: FakeAirflow, which: str, statuses: Mapping[str, str], *, ago: timedelta = timedelta()
) -> dict[str, Any]:
    """Make run results as dbt writes them half a minute after now, or before that."""
    at = (fake.now + timedelta(seconds=30) - ago).isoformat()
    entries = [{"unique_id": name, "status": status} for name, status in statuses.items()]
    metadata = {"generated_at": at, "invocation_started_at": at, "invocation_id": "i"}
    return {"metadata": metadata, "args": {"which": which}, "results": entries}


def stored(
    root: Path, run_id: str, task_id: str, content: object, *, number: int = 1, copy: int = -1
) -> None:
    folder = root / "nightly" / run_id / task_id / str(copy) / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run_results.json").write_text(json.dumps(content))


def test_of_a_failed_task_dagster_shows_what_was_built_what_failed_and_what_was_skipped(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    shown = observing(
        fake, dagster, DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtTaskLogs()])
    )
    began = datetime.fromisoformat(till.run_results["metadata"]["invocation_started_at"])
    fake.now = began - timedelta(seconds=1)
    run_task(fake, "r1", "build", "failed")
    fake.set_log("nightly", "r1", "build", till.json_log)

    first, again = shown.tick(), shown.tick()

    assert shown.built == BUILT
    assert shown.not_built.keys() == {"broken", "after_broken"}
    assert "nowhere_at_all" in shown.not_built["broken"]
    assert "skipped" in shown.not_built["after_broken"]
    assert shown.evaluations("sales", "sales_are_dear") == [False]
    assert shown.evaluations("sales", "not_null_sales_id") == [True]
    assert shown.evaluations("growing", "one_of_two") == [True]
    (event,) = shown.daemon.events("sales")
    assert event.metadata["Airflow Task ID"].value == "build"
    assert event.metadata["status"].value == "success"
    assert (len(first), again) == (14, [])


def test_a_store_is_believed_before_a_log(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    sources = [DbtResultStore(str(tmp_path)), DbtResultXCom(), DbtTaskLogs()]
    shown = observing(fake, dagster, DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=sources))
    stored(tmp_path, "r1", "build", results(fake, "build", {"model.till.sales": "success"}))
    fake.set_log("nightly", "r1", "build", till.json_log)
    run_task(fake, "r1", "build", "success")

    shown.tick()

    assert shown.built == {"sales"}


def test_with_nothing_to_be_found_a_success_stands_for_all_and_a_failure_for_none(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    run_task(fake, "r1", "build", "failed")

    shown.tick()
    after_failure = shown.built
    run_task(fake, "r2", "build", "success")
    shown.tick()

    assert after_failure == set()
    assert shown.built == ALL


@pytest.mark.parametrize(
    ("which", "ago"),
    [
        pytest.param("build", timedelta(hours=1), id="left-behind"),
        pytest.param("compile", timedelta(), id="compiled"),
    ],
)
def test_results_that_are_not_those_of_a_build_by_this_try_are_not_believed(
    which: str,
    ago: timedelta,
    fake: FakeAirflow,
    dagster: dg.DagsterInstance,
    till: Till,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    stored(tmp_path, "r1", "build", results(fake, which, {"model.till.sales": "success"}, ago=ago))
    run_task(fake, "r1", "build", "failed")

    shown.tick()

    assert shown.built == set()
    assert not any("dbt" in text for text in shown.not_built.values())
    assert ("before the task did" in caplog.text) == (which == "build")


@pytest.mark.parametrize("state", ["success", "failed"])
def test_what_a_chain_of_commands_overwrote_is_assumed_of_a_success(
    state: str, fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    chain = {"nightly": {"build": [DbtCommand("seed"), DbtCommand("run", select="sales growing")]}}
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=chain, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    stored(tmp_path, "r1", "build", results(fake, "run", {"model.till.sales": "success"}))
    run_task(fake, "r1", "build", state)

    shown.tick()

    assert shown.built == ({"raw_sales", "sales"} if state == "success" else {"sales"})


def test_each_try_tells_of_its_own_models(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    first = {"model.till.stg_sales": "success", "model.till.sales": "error"}
    stored(tmp_path, "r1", "build", results(fake, "build", first))
    run_task(fake, "r1", "build", "failed")
    shown.tick()
    fake.clear_task("nightly", "r1", "build")
    fake.edit_task("nightly", "r1", "build", start_date=fake.now.isoformat())
    again = results(fake, "retry", {"model.till.sales": "success"})
    stored(tmp_path, "r1", "build", again, number=2)
    run_task(fake, "r1", "build", "success")

    shown.tick()

    assert shown.built == {"stg_sales", "sales"}
    assert len(shown.daemon.events("stg_sales")) == 1
    assert len(shown.daemon.observations("sales")) == 1


def test_a_task_that_was_deferred_has_the_results_of_all_its_time(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    fake.set_task("nightly", "r1", "build", "running")
    stored(tmp_path, "r1", "build", results(fake, "build", {"model.till.sales": "success"}))
    fake.now += timedelta(minutes=1)
    fake.set_task("nightly", "r1", "build", "deferred")
    waiting = shown.tick()
    fake.now += timedelta(hours=3)

    run_task(fake, "r1", "build", "success")
    ended, again = shown.tick(), shown.tick()

    assert (waiting, ended, again) == ([], ["sales"], [])
    assert shown.built == {"sales"}


def test_a_model_of_a_proxied_task_and_of_its_twin_in_airflow_is_told_of_each_run_once(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    sales = DbtCommand("run", select="sales")
    tasks = {"nightly": {"build": sales, "seed": sales}}
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=tasks, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    key = launch_key(
        instance="prod", dag_id="nightly", run_id="r1", task_id="build", map_index=-1, max_tries=0
    )
    built = dg.asset(key="sales")(lambda: None)
    dg.materialize([built], instance=dagster, tags={LAUNCH_KEY_TAG: key})
    fake.proxy_task("nightly", "build")
    for task_id in ("build", "seed"):
        stored(tmp_path, "r1", task_id, results(fake, "run", {"model.till.sales": "success"}))
        run_task(fake, "r1", task_id, "success")

    observed, again = shown.tick(), shown.tick()

    by_dagster, by_airflow = sorted(shown.daemon.events("sales"), key=lambda event: len(event.metadata))
    assert (observed, again) == (["sales"], [])
    assert "Airflow Task ID" not in by_dagster.metadata
    assert by_airflow.metadata["Airflow Task ID"].value == "seed"


def test_the_copies_of_a_mapped_task_are_put_together(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    fake.tasks["nightly"]["build"]["is_mapped"] = True
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    for copy, model in enumerate(["sales", "growing"]):
        stored(tmp_path, "r1", "build", results(fake, "run", {f"model.till.{model}": "success"}), copy=copy)
        run_task(fake, "r1", "build", "success", map_index=copy)

    shown.tick()

    assert shown.built >= {"sales", "growing"}
    assert "broken" not in shown.built


def test_a_task_that_ran_more_than_its_selection_tells_of_it(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    tasks = {"nightly": {"build": DbtCommand("run", select="sales"), "seed": DbtCommand("seed")}}
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=tasks, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    ran = {"model.till.sales": "success", "seed.till.raw_sales": "success", "model.till.growing": "success"}
    stored(tmp_path, "r1", "build", results(fake, "build", ran))
    run_task(fake, "r1", "build", "success")

    shown.tick()

    assert shown.built == {"sales", "raw_sales"}  # no task is mapped to the third, so it is no asset


def test_what_the_manifest_does_not_know_is_named_in_the_log(
    fake: FakeAirflow,
    dagster: dg.DagsterInstance,
    till: Till,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtResultStore(str(tmp_path))])
    shown = observing(fake, dagster, dbt)
    ran = {"model.till.new": "success", "model.till.sales": "success"}
    stored(tmp_path, "r1", "build", results(fake, "build", ran))
    run_task(fake, "r1", "build", "success")

    shown.tick()

    assert shown.built == {"sales"}
    assert "nightly.build in the DAG run 'r1'" in caplog.text
    assert "model.till.new is not in the manifest" in caplog.text


def test_a_task_that_only_looks_how_old_the_sources_are_tells_of_that(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    fake.set_task("nightly", "r0", "seed")
    fake.edit_task("nightly", "r0", "seed", rendered_fields={"bash_command": "dbt source freshness"})
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    where = [DbtResultStore(str(tmp_path))]
    dbt = DbtOnAirflow(manifest=till.manifest, airflow=airflow, tasks=BUILD, results=where)
    shown = observing(fake, dagster, dbt)
    folder = tmp_path / "nightly" / "r1" / "seed" / "-1" / "1"
    folder.mkdir(parents=True)
    metadata = {**SOURCES["metadata"], "generated_at": (fake.now + timedelta(seconds=30)).isoformat()}
    aged = [{**SOURCES["results"][0], "timing": []}]
    (folder / "sources.json").write_text(json.dumps({"metadata": metadata, "results": aged}))
    run_task(fake, "r1", "seed", "success")

    shown.tick()

    source = dg.AssetCheckKey(dg.AssetKey(["shop", "shelves"]), "dbt_source_freshness")
    history = dagster.event_log_storage.get_asset_check_execution_history(source, limit=10)
    assert [record.evaluation.passed for record in history if record.evaluation] == [False]
    assert shown.built == set()


def test_of_failures_only_it_is_told_too_that_a_test_passes_again(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    where = [DbtResultStore(str(tmp_path))]
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=where, checks="failures")
    shown = observing(fake, dagster, dbt)
    told: list[list[bool]] = []
    for number, status in enumerate(["pass", "pass", "fail", "fail", "pass", "pass"]):
        stored(tmp_path, f"r{number}", "build", results(fake, "test", {"test.till.sales_are_dear": status}))
        run_task(fake, f"r{number}", "build", "success")

        shown.tick()

        told.append(shown.evaluations("sales", "sales_are_dear"))

    assert told[0] == told[1] == [True]
    assert told[-1] == [True, False, False, True]


def test_without_checks_none_is_declared_and_none_told(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    where = [DbtResultStore(str(tmp_path))]
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=where, checks="none")
    shown = observing(fake, dagster, dbt)
    stored(tmp_path, "r1", "build", results(fake, "test", {"test.till.sales_are_dear": "fail"}))
    run_task(fake, "r1", "build", "failed")

    shown.tick()

    assert shown.evaluations("sales", "sales_are_dear") == []
    assert list(dbt.defs().asset_checks or ()) == []


def test_checks_that_there_are_not_are_refused(till: Till) -> None:
    with pytest.raises(ValueError, match=r"checks is 'some'\. Choose one of 'all', 'failures', 'none'"):
        DbtOnAirflow(manifest=till.manifest, tasks=BUILD, checks="some")  # type: ignore[arg-type]


def declared(dbt: DbtOnAirflow) -> Sequence[dg.AssetCheckKey]:
    return [spec.key for each in dbt.defs().asset_checks or () for spec in each.check_specs]


def test_the_declared_checks_are_those_of_dagster_dbt_and_of_fresh_sources(till: Till) -> None:
    @dbt_assets(manifest=till.manifest)
    def theirs() -> Iterator[object]:
        yield from ()

    ours = declared(DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtTaskLogs()]))

    fresh = dg.AssetCheckKey(dg.AssetKey(["shop", "shelves"]), "dbt_source_freshness")
    assert sorted(ours) == sorted([*theirs.check_keys, fresh])


def test_nothing_is_declared_where_nobody_looks_for_results(till: Till) -> None:
    assert declared(DbtOnAirflow(manifest=till.manifest, tasks=BUILD)) == []


def test_a_check_of_a_migrated_task_belongs_to_what_dagster_runs(till: Till) -> None:
    tasks = {
        "nightly": {
            "build": DbtCommand("build", select="sales"),
            "seed": DbtCommand("build", select="growing"),
        }
    }
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=tasks, results=[DbtTaskLogs()])
    migrated = dbt.migrate("nightly", "build", project=DbtProject(till.folder))
    defs = migrated.defs()

    executable = {
        key for each in defs.assets or () if isinstance(each, dg.AssetsDefinition) for key in each.check_keys
    }

    assert {key.asset_key.to_user_string() for key in executable} == {"sales"}
    assert {key.asset_key.to_user_string() for key in declared(migrated)} == {"growing"}
    assert not executable & set(declared(migrated))
    defs.resolve_asset_graph()


def test_a_run_of_the_checks_runs_no_dbt(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    job = dg.define_asset_job("look", selection=dg.AssetSelection.all_asset_checks())
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=[DbtResultStore(str(tmp_path))])
    defs = dg.Definitions.merge(dbt.defs(), dg.Definitions(jobs=[job]))
    shown = observing(fake, dagster, dbt, defs)
    stored(tmp_path, "r1", "build", results(fake, "test", {"test.till.sales_are_dear": "fail"}))
    run_task(fake, "r1", "build", "failed")
    shown.tick()

    result = defs.resolve_job_def("look").execute_in_process(instance=dagster)

    (only,) = result.get_asset_check_evaluations()
    assert (only.check_name, only.passed) == ("sales_are_dear", False)
    assert shown.tick() == []


def test_a_task_that_only_tests_tells_of_its_tests_and_of_nothing_else(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till, tmp_path: Path
) -> None:
    fake.add_dag("nightly", {"build": ["test"], "test": []})
    fake.set_task("nightly", "r0", "build")
    fake.edit_task("nightly", "r0", "build", rendered_fields={"bash_command": "dbt run"})
    fake.set_task("nightly", "r0", "test")
    fake.edit_task("nightly", "r0", "test", rendered_fields={"bash_command": "dbt test"})
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    where = [DbtResultStore(str(tmp_path))]
    dbt = DbtOnAirflow(manifest=till.manifest, airflow=airflow, results=where)
    shown = observing(fake, dagster, dbt)
    tested = {
        "test.till.sales_are_dear": "fail",
        "test.till.one_of_two": "pass",
        "test.till.two_readers": "fail",
        "model.till.sales": "success",
    }
    stored(tmp_path, "r1", "test", results(fake, "build", tested))
    run_task(fake, "r1", "test", "failed")

    first, again = shown.tick(), shown.tick()

    assert shown.evaluations("sales", "sales_are_dear") == [False]
    assert shown.evaluations("growing", "one_of_two") == [True]
    for asset in ("sales", "growing"):
        (which,) = shown.daemon.observations(asset)
        assert which.description == "The dbt test two_readers, which is no asset check: fail."
    assert (first.count("sales"), first.count("growing")) == (3, 3)  # and the run before built them
    assert again == []


PER_MODEL = {
    "nightly": {
        "sales.run": DbtCommand("run", select="sales"),
        "broken_run": DbtCommand("run", select="broken"),
        "after_broken.run": DbtCommand("run", select="after_broken"),
    }
}


@pytest.fixture
def watched(fake: FakeAirflow) -> FakeAirflow:
    """A DAG of Cosmos in its watcher mode, whose producer has told of a build, and failed."""
    watching = {"sales.run": ["after_broken.run"], "broken_run": ["after_broken.run"], "after_broken.run": []}
    fake.add_dag("nightly", {"dbt_producer_watcher": list(watching), **watching})
    for task_id in watching:
        fake.set_operator("nightly", task_id, "cosmos.operators.watcher.DbtRunWatcherOperator")
    fake.set_operator(
        "nightly", "dbt_producer_watcher", "cosmos.operators.watcher.DbtProducerWatcherOperator"
    )
    run_task(fake, "r1", "dbt_producer_watcher", "failed")
    for name, status, event in (
        ("model__till__sales", "success", {"status": "success", "msg": "OK"}),
        ("model__till__broken", "error", {"status": "None", "msg": "There is no nowhere_at_all."}),
        ("model__till__after_broken", "failed", {"status": "skipped", "msg": "Finished running node …"}),
        ("test__till__not_null_sales_id__3d0421fce8", None, {"status": "pass", "msg": "Finished …"}),
        ("test__till__sales_are_dear", None, {"status": "None", "msg": "Got 1 result"}),
    ):
        if status:
            fake.set_xcom("nightly", "r1", "dbt_producer_watcher", f"{name}_status", {"status": status})
        fake.set_xcom("nightly", "r1", "dbt_producer_watcher", f"{name}_dbt_event", event)
    return fake


def discovering(fake: FakeAirflow, till: Till) -> DbtOnAirflow:
    """The producer is found out, so that it is known to run dbt."""
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    where = [CosmosWatcher(), DbtTaskLogs()]
    return DbtOnAirflow(manifest=till.manifest, airflow=airflow, tasks=PER_MODEL, results=where)


def test_the_tasks_that_watch_tell_of_their_models_and_the_producer_of_the_tests(
    watched: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    shown = observing(watched, dagster, discovering(watched, till))
    run_task(watched, "r1", "sales.run", "success")
    run_task(watched, "r1", "broken_run", "failed")
    run_task(watched, "r1", "after_broken.run", "upstream_failed")

    first, again = shown.tick(), shown.tick()

    assert shown.built == {"sales"}
    assert shown.not_built == {
        "broken": "dbt did not build it (error). There is no nowhere_at_all.",
        "after_broken": "dbt skipped it, because something before it failed.",
    }
    assert shown.evaluations("sales", "not_null_sales_id") == [True]
    assert shown.evaluations("sales", "sales_are_dear") == [False]
    assert (len(first), again) == (5, [])


def test_what_the_producer_built_is_shown_though_airflow_never_got_to_the_task_that_watches(
    watched: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=PER_MODEL, results=[CosmosWatcher()])
    shown = observing(watched, dagster, dbt)
    run_task(watched, "r1", "sales.run", "upstream_failed")

    shown.tick()

    assert shown.built == {"sales"}


def test_a_task_that_watched_in_vain_and_then_ran_dbt_itself_tells_of_that(
    watched: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=PER_MODEL, results=[CosmosWatcher(), DbtTaskLogs()])
    shown = observing(watched, dagster, dbt)
    watched.set_task("nightly", "r1", "broken_run", "up_for_retry")
    watched.retry_task("nightly", "r1", "broken_run")
    run_task(watched, "r1", "broken_run", "success")
    line = "1 of 1 OK created sql table model main.broken .... [OK in 0.13s]"
    watched.set_log("nightly", "r1", "broken_run", line, try_number=2)

    shown.tick()

    assert shown.built == {"broken"}
    assert shown.not_built == {}
    assert shown.daemon.events("broken")[0].metadata["Execution Duration"].value == 0.13


def test_why_a_task_that_ran_dbt_itself_failed_is_told_by_its_own_log_before_the_producer(
    watched: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks=PER_MODEL, results=[CosmosWatcher(), DbtTaskLogs()])
    shown = observing(watched, dagster, dbt)
    lines = [
        "1 of 1 ERROR creating sql table model main.broken .... [ERROR in 0.13s]",
        "Failure in model broken (models/broken.sql)",
        "  It is another reason.",
    ]
    for run_id, log in (("r1", "Nothing of dbt"), ("r2", "\n".join(lines))):
        for name, value in (
            ("status", {"status": "error"}),
            ("dbt_event", {"status": "None", "msg": "As told."}),
        ):
            watched.set_xcom("nightly", run_id, "dbt_producer_watcher", f"model__till__broken_{name}", value)
        watched.set_task("nightly", run_id, "broken_run", "up_for_retry")
        watched.retry_task("nightly", run_id, "broken_run")
        run_task(watched, run_id, "broken_run", "failed")
        watched.set_log("nightly", run_id, "broken_run", log, try_number=2)

    shown.tick()

    assert [str(each.description) for each in shown.daemon.observations("broken")] == [
        "dbt did not build it (error). It is another reason.",
        "dbt did not build it (error). As told.",
    ]


def test_what_a_producer_told_counts_though_it_skipped_itself_when_airflow_tried_it_again(
    watched: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    shown = observing(watched, dagster, discovering(watched, till))
    watched.retry_task("nightly", "r1", "dbt_producer_watcher")
    watched.set_task("nightly", "r1", "dbt_producer_watcher", "skipped")
    watched.set_task("nightly", "r1", "sales.run", "skipped")

    first, again = shown.tick(), shown.tick()

    assert shown.evaluations("sales", "not_null_sales_id") == [True]
    assert shown.evaluations("sales", "sales_are_dear") == [False]
    assert (len(first), again) == (3, [])


@pytest.mark.parametrize("where", [pytest.param([], id="nowhere"), pytest.param([DbtTaskLogs()], id="logs")])
def test_the_models_of_a_task_that_airflow_did_not_get_to_are_observed_once_as_not_built(
    where: list[DbtTaskLogs], fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    shown = observing(fake, dagster, DbtOnAirflow(manifest=till.manifest, tasks=BUILD, results=where))
    run_task(fake, "r1", "build", "upstream_failed")

    first, again = shown.tick(), shown.tick()

    assert shown.built == set()
    assert set(shown.not_built.values()) == {
        "Airflow did not get to the task build of the DAG nightly: a task before it failed."
    }
    assert (set(first), again) == (ALL, [])


def test_a_model_is_built_though_its_task_failed_at_a_test(
    fake: FakeAirflow, dagster: dg.DagsterInstance, till: Till
) -> None:
    fake.add_dag("nightly", {"sales_model_build": []})
    tasks = {"nightly": {"sales_model_build": DbtCommand("build", select="fqn:till.sales")}}
    shown = observing(
        fake, dagster, DbtOnAirflow(manifest=till.manifest, tasks=tasks, results=[DbtTaskLogs()])
    )
    lines = [
        "04:08:53  1 of 2 OK created sql table model main.sales ............ [\x1b[32mOK\x1b[0m in 0.08s]",
        "04:08:54  2 of 2 FAIL 1 sales_are_dear ....................... [\x1b[31mFAIL 1\x1b[0m in 0.05s]",
    ]
    run_task(fake, "r1", "sales_model_build", "failed")
    fake.set_log("nightly", "r1", "sales_model_build", "\n".join(lines))

    shown.tick()

    assert shown.built == {"sales"}
    assert shown.daemon.observations("sales") == []
    assert shown.evaluations("sales", "sales_are_dear") == [False]
