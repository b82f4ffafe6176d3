"""What is read of `run_results.json` and `sources.json`, whichever dbt has written it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from till import SOURCES, Till

from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt.belonging import why_not_of
from dagster_airlift_dbt.run_results import DbtResultsError, NodeResult, RunResults, read_run_results

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
TRY = TaskInstance(
    id="1",
    dag_id="nightly",
    run_id="r1",
    task_id="build",
    map_index=-1,
    state="success",
    try_number=2,
    max_tries=2,
    operator="BashOperator",
    started_at=NOON,
    ended_at=NOON + timedelta(minutes=5),
)
STAMP = {
    "AIRFLOW_DAG_ID": "nightly",
    "AIRFLOW_RUN_ID": "r1",
    "AIRFLOW_TASK_ID": "build",
    "AIRFLOW_MAP_INDEX": "-1",
    "AIRFLOW_TRY_NUMBER": "2",
}


def payload(which: str | None, *results: dict[str, Any], **metadata: object) -> dict[str, Any]:
    return {"metadata": metadata, "args": {"which": which} if which else {}, "results": list(results)}


def test_what_dbt_writes_is_read_as_it_stands(till: Till) -> None:
    run = read_run_results(till.run_results)

    statuses = {each.unique_id: each.status for each in run.results}
    assert statuses == {each["unique_id"]: each["status"] for each in till.run_results["results"]}
    assert (run.command, run.counts, run.set_aside) == ("build", True, ())
    seed = next(each for each in run.results if each.unique_id == "seed.till.raw_sales")
    assert seed.answer == {"_message": "INSERT 3", "code": "INSERT", "rows_affected": 3}
    assert seed.started_at
    assert seed.completed_at
    assert run.began_at
    assert run.ended_at
    assert run.began_at < seed.started_at < seed.completed_at < run.ended_at


@pytest.mark.parametrize(
    ("which", "counts"),
    [
        *((which, True) for which in ("build", "run", "seed", "snapshot", "test", "retry")),
        *(
            (which, False)
            for which in ("compile", "generate", "show", "list", "run-operation", "clone", None)
        ),
    ],
)
def test_only_a_command_that_does_something_counts(which: str | None, counts: bool) -> None:  # noqa: FBT001
    assert read_run_results(payload(which)).counts is counts


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(
            {
                "unique_id": "model.a.b",
                "status": "success",
                "adapter_response": "SELECT 1",
                "compiled_sql": "select 1",
                "message": "SELECT 1",
                "execution_time": 2,
            },
            id="v1-to-v3",
        ),
        pytest.param(
            {
                "unique_id": "model.a.b",
                "status": "SUCCESS",
                "message": "SELECT 1",
                "compiled_code": "select 1",
                "compiled": True,
                "execution_time": 2.0,
                "batch_results": None,
            },
            id="v6",
        ),
    ],
)
def test_every_version_is_read(result: dict[str, Any]) -> None:
    (read,) = read_run_results(payload("run", result)).results

    assert read == NodeResult(
        "model.a.b", "success", message="SELECT 1", compiled="select 1", seconds=2.0, answer={}
    )


def test_what_fusion_leaves_out_is_missing_and_no_error() -> None:
    fusion = {"args": {"command": "dbt run", "which": "run", "__other__": {}}, "metadata": {"env": {}}}
    results = [{"unique_id": "model.a.b", "status": "reused", "timing": [], "failures": None}]

    run = read_run_results({**fusion, "results": results})

    assert run.results == (NodeResult("model.a.b", "reused"),)
    assert (run.began_at, run.ended_at) == (None, None)


def test_the_batches_of_a_microbatch_model_are_counted() -> None:
    batches = {"successful": [["2026-01-01", "2026-01-02"]] * 3, "failed": [["2026-01-04", "2026-01-05"]]}
    result = {"unique_id": "model.a.b", "status": "partial success", "batch_results": batches}

    (read,) = read_run_results(payload("run", result)).results

    assert read.batches
    assert (read.batches.successful, read.batches.failed) == (3, 1)


def test_the_age_of_a_source_is_read() -> None:
    run = read_run_results(SOURCES)

    (source,) = run.results
    assert (run.command, run.counts) == ("freshness", True)
    assert (source.unique_id, source.status) == ("source.till.shop.shelves", "warn")
    assert source.loaded_at == datetime(2026, 11, 25, 0, 57, 24, 768559, tzinfo=UTC)
    assert source.age_seconds == pytest.approx(259256.94, abs=0.01)


def test_an_entry_that_cannot_be_read_stops_no_other() -> None:
    good = {"unique_id": "model.a.b", "status": "success", "timing": "soon", "execution_time": True}

    run = read_run_results(payload("run", {"unique_id": "model.a.c"}, {"status": "success"}, good))

    assert run.results == (NodeResult("model.a.b", "success"),)
    assert run.set_aside == ("model.a.c has no status", "a result has no unique_id")


@pytest.mark.parametrize("value", [None, [], "text", {"nodes": {}}, {"results": {}}])
def test_what_holds_no_results_is_refused(value: object) -> None:
    with pytest.raises(DbtResultsError):
        read_run_results(value)


def test_the_stamp_of_the_try_is_proof_whatever_the_clocks_say() -> None:
    mine = RunResults("run", (), started_at=NOON - timedelta(days=1), stamp=STAMP)

    assert why_not_of(mine, TRY) is None


@pytest.mark.parametrize(("name", "value"), [*((name, "other") for name in STAMP)])
def test_results_of_another_task_or_try_are_refused(name: str, value: str) -> None:
    stale = RunResults("run", (), started_at=NOON, generated_at=NOON, stamp={**STAMP, name: value})

    why = why_not_of(stale, TRY)

    assert why
    assert name in why


def test_results_without_a_stamp_must_be_of_the_time_of_the_try() -> None:
    mine = RunResults("run", (), started_at=NOON, generated_at=NOON + timedelta(minutes=4))

    assert why_not_of(mine, TRY) is None
    assert why_not_of(replace(mine, started_at=NOON - timedelta(minutes=1)), TRY)
    assert why_not_of(replace(mine, generated_at=NOON + timedelta(minutes=6)), TRY)
    assert why_not_of(replace(mine, stamp={"AIRFLOW_DAG_ID": "nightly"}), TRY) is None


def test_results_that_tell_no_time_are_taken_from_where_they_lie() -> None:
    assert why_not_of(RunResults("run", ()), TRY) is None
