"""Where results of dbt are found: in a store, in XComs, in logs; and what of it is believed."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from till import SOURCES, Till

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance, AirflowUnauthorized
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_core.testing import FakeAirflow, Reply
from dagster_airlift_dbt import CosmosWatcher, DbtResultStore, DbtResultXCom, DbtTaskLogs
from dagster_airlift_dbt.errors import DbtResultsUnavailable
from dagster_airlift_dbt.found import Found
from dagster_airlift_dbt.manifest import GivenManifest
from dagster_airlift_dbt.project import DbtProjectContent, read_project
from dagster_airlift_dbt.run_results import RunResults, read_run_results
from dagster_airlift_dbt.store_layout import folder_of

RUN = "manual__2026-01-15T12:00:00+00:00"


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        yield fake


@pytest.fixture
def airflow(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")


@pytest.fixture(scope="module")
def projects(till: Till) -> list[DbtProjectContent]:
    return [read_project(GivenManifest(json.loads(till.manifest.read_text())).pieces())]


@pytest.fixture(scope="module")
def instance(till: Till) -> TaskInstance:
    run = read_run_results(till.run_results)
    assert run.began_at
    assert run.ended_at
    second = timedelta(seconds=1)
    return TaskInstance(
        id="1",
        dag_id="nightly",
        run_id=RUN,
        task_id="grp.build",
        map_index=-1,
        state="failed",
        try_number=1,
        max_tries=0,
        operator="BashOperator",
        started_at=run.began_at - second,
        ended_at=run.ended_at + second,
    )


def statuses(found: Found) -> dict[str, str]:
    (run,) = found.runs
    return {each.unique_id: each.status for each in run.results}


def reasons(found: Found) -> dict[str, str]:
    (run,) = found.runs
    return {each.unique_id: each.message for each in run.results if each.message}


def expected(till: Till, *, of_tests: bool = True) -> dict[str, str]:
    return {
        each["unique_id"]: each["status"]
        for each in till.run_results["results"]
        if of_tests or not each["unique_id"].startswith("test.")
    }


Store = Callable[[dict[str, bytes]], DbtResultStore]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    def filled(files: dict[str, bytes]) -> DbtResultStore:
        for name, content in files.items():
            path = tmp_path / "store" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return DbtResultStore(str(tmp_path / "store"))

    return filled


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


OURS = "nightly/manual__2026-01-15T12%3A00%3A00%2B00%3A00/grp.build/-1/1"
COSMOS = f"nightly/{RUN}/grp.build/1"


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda content: {f"{OURS}/run_results.json": content}, id="ours"),
        pytest.param(lambda content: {f"{OURS}/run_results.json.gz": gzip.compress(content)}, id="packed"),
        pytest.param(lambda content: {f"{COSMOS}/target/run_results.json": content}, id="cosmos"),
        pytest.param(
            lambda content: {f"{COSMOS}/target.tar.gz": packed({"target/run_results.json": content})},
            id="cosmos-archive",
        ),
    ],
)
def test_a_store_has_a_folder_for_each_try(
    place: Callable[[bytes], dict[str, bytes]],
    store: Store,
    airflow: AirflowInstance,
    instance: TaskInstance,
    till: Till,
) -> None:
    full = store(place(json.dumps(till.run_results).encode()))

    assert statuses(full.results_of(airflow, instance, [])) == expected(till)
    assert full.results_of(airflow, replace(instance, try_number=2), []) == Found()
    assert full.results_of(airflow, replace(instance, map_index=0), []) == Found()


def test_a_store_on_any_file_system_is_read(
    airflow: AirflowInstance, instance: TaskInstance, till: Till
) -> None:
    from upath import UPath  # noqa: PLC0415 - only this test writes into memory

    file = UPath("memory://runs/till").joinpath(*folder_of(instance), "run_results.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(till.run_results))

    found = DbtResultStore("memory://runs/till").results_of(airflow, instance, [])

    assert statuses(found) == expected(till)


def test_several_commands_of_a_try_come_in_their_order(
    store: Store, airflow: AirflowInstance, instance: TaskInstance
) -> None:
    def run(which: str, at: str) -> bytes:
        return json.dumps(
            {"metadata": {"generated_at": at}, "args": {"which": which}, "results": []}
        ).encode()

    files = {
        f"{OURS}/run_results_b.json": run("seed", "2026-01-01T00:00:00Z"),
        f"{OURS}/run_results_a.json": run("run", "2026-01-01T00:01:00Z"),
        f"{OURS}/sources.json": json.dumps(SOURCES).encode(),
        f"{OURS}/manifest.json": b"not for us",
    }

    found = store(files).results_of(airflow, instance, [])

    assert [each.command for each in found.runs] == ["seed", "run", "freshness"]
    assert found.notes == ()


def test_a_file_that_is_none_is_named_and_stops_no_other(
    store: Store, airflow: AirflowInstance, instance: TaskInstance, till: Till
) -> None:
    files = {
        f"{OURS}/run_results.json": json.dumps(till.run_results).encode(),
        f"{OURS}/run_results_cut.json": b'{"results": [',
        f"{OURS}/run_results_old.json.gz": b"no gzip",
        f"{OURS}/sources.json": b"{}",
        f"{COSMOS}/target.tar.gz": b"no archive",
    }

    found = store(files).results_of(airflow, instance, [])

    assert statuses(found) == expected(till)
    assert len(found.notes) == 4
    assert "run_results_cut.json" in found.notes[0]


@pytest.mark.parametrize("name", ["../outside", "..", "/outside", "a/../../outside", "."])
def test_no_name_leads_out_of_the_store(
    name: str, store: Store, airflow: AirflowInstance, instance: TaskInstance, till: Till, tmp_path: Path
) -> None:
    outside = json.dumps(till.run_results).encode()
    for folder in (tmp_path, tmp_path / "outside", Path("/tmp")):
        assert folder.is_dir() or folder.mkdir() is None
    (tmp_path / "run_results.json").write_bytes(outside)
    (tmp_path / "outside/run_results.json").write_bytes(outside)
    inside = store({"here": b""})

    for changed in (
        replace(instance, dag_id=name),
        replace(instance, run_id=name),
        replace(instance, task_id=name),
        replace(instance, dag_id=name, run_id=name, task_id=name),
    ):
        assert inside.results_of(airflow, changed, []) == Found()
        assert ".." not in folder_of(changed)
        assert not any("/" in part for part in folder_of(changed))


def test_a_link_that_leads_out_of_the_store_is_not_followed(
    store: Store, airflow: AirflowInstance, instance: TaskInstance, till: Till, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(till.run_results))
    linked = store({f"{OURS}/here": b""})
    (tmp_path / "store" / OURS / "run_results.json").symlink_to(secret)

    assert linked.results_of(airflow, instance, []) == Found()


def test_a_store_that_is_not_there_is_named(airflow: AirflowInstance, instance: TaskInstance) -> None:
    (note,) = DbtResultStore("/no/such/store").results_of(airflow, instance, []).notes

    assert "/no/such/store" in note


def test_a_store_that_nothing_here_can_read_says_so(airflow: AirflowInstance, instance: TaskInstance) -> None:
    with pytest.raises(DbtResultsUnavailable, match=r"'gs://bucket' cannot be read: .*installed"):
        DbtResultStore("gs://bucket").results_of(airflow, instance, [])


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda results: results, id="value"),
        pytest.param(json.dumps, id="text"),
        pytest.param(lambda results: [results], id="list"),
    ],
)
def test_an_xcom_holds_run_results_in_whatever_wrapping(
    wrap: Callable[[Any], object],
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: TaskInstance,
    till: Till,
) -> None:
    fake.set_xcom("nightly", RUN, "grp.build", "dbt", wrap(till.run_results))

    assert statuses(DbtResultXCom("dbt").results_of(airflow, instance, [])) == expected(till)
    assert DbtResultXCom().results_of(airflow, instance, []) == Found()


@pytest.mark.parametrize("value", ["Done.", 1, None, {"results": 1}, [[]], {"result": []}])
def test_an_xcom_that_holds_something_else_says_nothing(
    value: object, fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance
) -> None:
    fake.set_xcom("nightly", RUN, "grp.build", "return_value", value)

    assert DbtResultXCom().results_of(airflow, instance, []).runs == ()


def test_a_log_of_json_tells_all_that_the_artifact_tells_of_statuses(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: TaskInstance,
    till: Till,
    projects: list[DbtProjectContent],
) -> None:
    fake.set_log("nightly", RUN, "grp.build", till.json_log)

    found = DbtTaskLogs().results_of(airflow, instance, projects)

    assert statuses(found) == expected(till)
    (run,) = found.runs
    assert run.invocation_id == till.run_results["metadata"]["invocation_id"]
    assert run.counts
    told = {each.unique_id: each for each in run.results}
    assert told["test.till.sales_are_dear"].failures == 1
    assert told["seed.till.raw_sales"].message == "INSERT 3"
    assert "nowhere_at_all" in str(told["model.till.broken"].message)
    assert told["model.till.sales"].relation == '"till"."main"."sales"'
    assert told["model.till.sales"].completed_at


def test_a_log_for_people_tells_the_same_statuses(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: TaskInstance,
    till: Till,
    projects: list[DbtProjectContent],
) -> None:
    fake.set_log("nightly", RUN, "grp.build", till.text_log)

    found = DbtTaskLogs().results_of(airflow, instance, projects)

    assert statuses(found) == expected(till)
    assert found.notes == ()
    assert reasons(found) == {
        each["unique_id"]: each["message"]
        for each in till.run_results["results"]
        if each["status"] in {"error", "fail", "warn"}
    }
    assert DbtTaskLogs(text=False).results_of(airflow, instance, projects) == Found()


FAILED_LINE = "04:08:40  1 of 2 ERROR creating sql table model main.broken .... [ERROR in 0.22s]"
HEAD_LINE = "04:08:40  Failure in model broken (models/broken.sql)"


def test_the_reason_of_a_failure_is_read_as_cosmos_logs_it(
    fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance, projects: list[DbtProjectContent]
) -> None:
    """With colours, without times before what belongs to one message, and with what Airflow says after it."""
    lines = [
        "\x1b[0m04:08:40  1 of 2 ERROR creating sql table model main.broken .... [\x1b[31mERROR\x1b[0m in 0.22s]",
        "\x1b[0m04:08:40  2 of 2 ERROR not_null_sales_id ....................... [\x1b[31mERROR\x1b[0m in 0.05s]",
        "\x1b[0m04:08:40",
        "\x1b[0m04:08:40  \x1b[31mFailure in model broken (models/broken.sql)\x1b[0m",
        "\x1b[0m04:08:40    Runtime Error in model broken (models/broken.sql)",
        "  Catalog Error: Table with name nowhere_at_all does not exist!",
        "",
        "  LINE 1: from nowhere_at_all",
        "\x1b[0m04:08:40",
        "\x1b[0m04:08:40    compiled code at target/compiled/till/models/broken.sql",
        "\x1b[0m04:08:40  \x1b[31mFailure in test not_null_sales_id (models/models.yml)\x1b[0m",
        "\x1b[0m04:08:40    Got 1 result, configured to fail if != 0",
        "\x1b[0m04:08:40  Failure in model of_nobody (models/of_nobody.sql)",
        "\x1b[0m04:08:40    Database Error",
        "\x1b[0m04:08:40  Done. PASS=0 WARN=0 ERROR=2 SKIP=0 NO-OP=0 TOTAL=2",
        "Task failed with exception",
    ]
    fake.set_log("nightly", RUN, "grp.build", "\n".join(lines))

    found = DbtTaskLogs().results_of(airflow, instance, projects)

    assert reasons(found) == {
        "model.till.broken": (
            "Runtime Error in model broken (models/broken.sql)\n"
            "  Catalog Error: Table with name nowhere_at_all does not exist!\n"
            "\n"
            "  LINE 1: from nowhere_at_all"
        ),
        "test.till.not_null_sales_id.3d0421fce8": "Got 1 result, configured to fail if != 0",
    }


def test_a_reason_is_cut_and_has_no_empty_lines_in_a_row(
    fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance, projects: list[DbtProjectContent]
) -> None:
    told = [f"line {number}" for number in range(100)]
    between = "\n" * 500
    fake.set_log("nightly", RUN, "grp.build", f"{FAILED_LINE}\n{HEAD_LINE}\n{between.join(told)}{between}")

    found = DbtTaskLogs().results_of(airflow, instance, projects)

    assert reasons(found)["model.till.broken"] == "\n\n".join(told[:60])


def test_colours_sources_batches_and_long_names_are_understood(
    fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance, projects: list[DbtProjectContent]
) -> None:
    lines = [
        "12:00:00  1 of 6 WARN freshness of shop.shelves .... [\x1b[33mWARN\x1b[0m in 0.06s]",
        "12:00:00  Batch 1 of 3 OK created batch 2026-01-01 of main.growing [SELECT 1 in 0.1s]",
        "12:00:00  2 of 6 PARTIAL SUCCESS created sql microbatch model main.growing . [PARTIAL SUCCESS (2/3) in 9s]",
        "12:00:00  3 of 6 SKIP relation main.after_broken due to ephemeral model status 'error'  [ERROR SKIP]",
        "12:00:00  4 of 6 \x1b[32mOK\x1b[0m created sql table model main.sales ... [\x1b[32mSELECT 2\x1b[0m in 1.5s]",
        "12:00:00  5 of 6 NO-OP exposure dashboard ... [NO-OP in 0.00s]",
        "12:00:00  6 of 6 FAIL 12 sales_are_dear ..... [FAIL 12 in 0.06s]",
        "I counted 3 of 4 OK sheep",
    ]
    fake.set_log("nightly", RUN, "grp.build", "\n".join(lines))

    found = DbtTaskLogs().results_of(airflow, instance, projects)

    assert statuses(found) == {
        "source.till.shop.shelves": "warn",
        "model.till.growing": "partial success",
        "model.till.after_broken": "skipped",
        "model.till.sales": "success",
        "test.till.sales_are_dear": "fail",
    }
    (run,) = found.runs
    assert {each.unique_id: each.failures for each in run.results}["test.till.sales_are_dear"] == 12
    assert {each.unique_id: each.seconds for each in run.results}["model.till.sales"] == 1.5
    assert found.notes == ()


def test_a_name_that_may_mean_two_things_is_not_guessed(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: TaskInstance,
    till: Till,
) -> None:
    manifest = json.loads(till.manifest.read_text())
    twin = {**manifest["nodes"]["model.till.sales"], "database": "other", "unique_id": "model.till.twin"}
    manifest["nodes"]["model.till.twin"] = twin
    line = "1 of 2 OK created sql table model main.sales .... [OK in 0.13s]\n2 of 2 OK created sql table model main.new [OK]"
    fake.set_log("nightly", RUN, "grp.build", line)

    found = DbtTaskLogs().results_of(airflow, instance, [read_project(GivenManifest(manifest).pieces())])

    assert found.runs == ()
    assert found.notes == (
        "'created sql table model main.sales' in the log may be any of model.till.sales, model.till.twin",
        "'created sql table model main.new' in the log is nothing in the manifest",
    )


def test_what_a_log_invents_is_counted_and_not_taken(
    fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance, projects: list[DbtProjectContent]
) -> None:
    def event(unique_id: str) -> str:
        node = {"unique_id": unique_id, "node_status": "success"}
        return json.dumps({"info": {"name": "LogModelResult"}, "data": {"node_info": node}})

    lines = [event("model.till.sales"), event("model.evil.x"), '{"info": 1, "data": 2}', '{"info" "data"']
    fake.set_log("nightly", RUN, "grp.build", "\n".join(lines))

    (run,) = DbtTaskLogs().results_of(airflow, instance, projects).runs

    assert [each.unique_id for each in run.results] == ["model.till.sales"]
    assert run.set_aside == ("1 results in the log are of nothing in the manifest",)


def test_a_log_that_is_gone_or_too_long_says_nothing(
    fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance, projects: list[DbtProjectContent]
) -> None:
    gone = DbtTaskLogs().results_of(airflow, instance, projects)
    airflow.version()
    fake.reply(Reply(413, {"detail": "too large"}), path="/logs/")

    long = DbtTaskLogs().results_of(airflow, instance, projects)

    assert (gone.runs, long.runs) == ((), ())
    assert (len(gone.notes), len(long.notes)) == (1, 1)


def test_a_right_that_is_missing_is_named(
    fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance, projects: list[DbtProjectContent]
) -> None:
    airflow.list_dags()
    refused = Reply(403, {"detail": "Forbidden"})
    fake.reply(refused, refused, path="/logs/")
    fake.reply(refused, refused, path="/xcomEntries/")

    with pytest.raises(AirflowUnauthorized, match="can read on Task Logs"):
        DbtTaskLogs().results_of(airflow, instance, projects)
    with pytest.raises(AirflowUnauthorized, match="can read on XComs"):
        DbtResultXCom().results_of(airflow, instance, projects)


def push(fake: FakeAirflow, task_id: str, told: Mapping[str, object]) -> None:
    """Have the producer of Cosmos tell what it told of a run with Cosmos 1.15."""
    for key, value in told.items():
        fake.set_xcom("nightly", RUN, task_id, key, value)


WHY = "Runtime Error in model broken (models/broken.sql)\n  Catalog Error: Table with name nowhere_at_all does not exist!"
SKIPPED = {
    "status": "skipped",
    "start_time": "04:08:04",
    "finish_time": None,
    "msg": "Finished running node …",
}
# Only what dbt ends with has a time; the event of a failure takes its place, and then the status is gone.
FAILED = {"status": "None", "start_time": None, "finish_time": None}
PRODUCED: Mapping[str, object] = {
    "producer_cmd_flags": ["--log-format", "json"],
    "model__till__sales_status": {"status": "success", "outlet_uris": []},
    "model__till__sales_dbt_event": {"status": "success", "finish_time": "04:08:03", "msg": "OK"},
    "model__till__sales_tests_status": "fail",
    "model__till__stg_sales_status": "success",
    "model__till__broken_status": {"status": "error", "outlet_uris": []},
    "model__till__broken_dbt_event": {**FAILED, "msg": WHY},
    "model__till__after_broken_status": {"status": "failed", "outlet_uris": []},
    "model__till__after_broken_dbt_event": SKIPPED,
    "model__till__growing_dbt_event": {"status": "executing", "start_time": "04:08:03", "msg": "Began"},
    "test__till__not_null_sales_id__3d0421fce8_dbt_event": {
        "status": "pass",
        "msg": "Finished running node …",
    },
    "test__till__unique_sales_id__734dbbcdc5_dbt_event": {"status": "warn", "msg": "Got 1 result"},
    "test__till__sales_are_dear_dbt_event": {**FAILED, "msg": "Got 1 result, configured to fail if != 0"},
    "test__till__not_null_after_broken_id__de0ddcb49e_dbt_event": SKIPPED,
    "model__other__x_status": {"status": "success", "outlet_uris": []},
    "task_status": "completed",
}


def test_the_producer_of_cosmos_watcher_tells_of_every_node_that_has_ended(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: TaskInstance,
    projects: list[DbtProjectContent],
) -> None:
    push(fake, "grp.dbt_producer_watcher", PRODUCED)

    found = CosmosWatcher().results_of(
        airflow, replace(instance, task_id="grp.dbt_producer_watcher"), projects
    )

    assert statuses(found) == {
        "model.till.after_broken": "skipped",
        "model.till.broken": "error",
        "model.till.sales": "success",
        "model.till.stg_sales": "success",
        "test.till.not_null_after_broken_id.de0ddcb49e": "skipped",
        "test.till.not_null_sales_id.3d0421fce8": "pass",
        "test.till.sales_are_dear": "fail",
        "test.till.unique_sales_id.734dbbcdc5": "warn",
    }
    (run,) = found.runs
    assert {each.unique_id: each.message for each in run.results if each.message} == {
        "model.till.broken": WHY,
        "test.till.sales_are_dear": "Got 1 result, configured to fail if != 0",
    }
    assert run.counts
    assert CosmosWatcher().results_of(airflow, instance, projects) == Found()


@pytest.mark.parametrize(
    ("task_id", "producer"),
    [
        pytest.param("broken_run", "dbt_producer_watcher", id="of-a-dag"),
        pytest.param("grp.marts.broken.run", "grp.dbt_producer_watcher", id="of-a-group"),
        pytest.param("grp.broken_run", "dbt_producer_watcher", id="of-a-dag-with-groups"),
    ],
)
def test_a_task_that_watches_learns_from_its_producer_why_its_model_failed(
    fake: FakeAirflow, airflow: AirflowInstance, instance: TaskInstance, task_id: str, producer: str
) -> None:
    push(fake, producer, PRODUCED)
    watching = replace(instance, task_id=task_id, operator="DbtRunWatcherOperator")

    found = CosmosWatcher().results_of_watched(airflow, watching, {"model.till.broken"})

    (run,) = found.runs
    assert [(each.unique_id, each.status, each.message) for each in run.results] == [
        ("model.till.broken", "error", WHY)
    ]


@pytest.mark.parametrize(
    ("unique_id", "state", "told"),
    [
        pytest.param("model.till.broken", "failed", 1, id="failed-and-failed"),
        pytest.param("model.till.broken", "success", 0, id="failed-and-built"),
        pytest.param("model.till.after_broken", "failed", 0, id="skipped-and-failed"),
        pytest.param("model.till.sales", "success", 1, id="built-and-built"),
        pytest.param("model.till.sales", "upstream_failed", 0, id="built-and-not-reached-again"),
        pytest.param("model.till.new", "failed", 0, id="nothing-told"),
    ],
)
def test_of_a_task_that_was_tried_again_the_producer_tells_what_fits_its_end(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    instance: TaskInstance,
    unique_id: str,
    state: str,
    told: int,
) -> None:
    push(fake, "dbt_producer_watcher", PRODUCED)
    again = replace(instance, task_id="some_run", try_number=2, state=state)

    found = CosmosWatcher().results_of_watched(airflow, again, {unique_id})

    assert [each.unique_id for run in found.runs for each in run.results] == [unique_id] * told


def test_runs_that_are_evident_need_no_command() -> None:
    assert RunResults(None, (), is_evident=True).counts
    assert not RunResults(None, ()).counts
