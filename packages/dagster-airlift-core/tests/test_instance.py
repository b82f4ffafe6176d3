from __future__ import annotations

import re
from datetime import timedelta

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowApiError,
    AirflowBasicAuthBackend,
    AirflowFilter,
    AirflowInstance,
    AirflowNotFound,
    AirflowPayloadError,
    AirflowUnreachable,
    TaskHandle,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.model import TaskInstance, Window
from dagster_airlift_core.testing import FakeAirflow, Reply


@pytest.mark.parametrize("name", ["", "a b", "prod/x", "ünï", "prod\n"])
def test_a_name_that_dagster_would_refuse_later_is_refused_at_once(name: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"An Airflow instance cannot have the name {name!r}")):
        AirflowInstance(AirflowBasicAuthBackend("https://airflow.example", "u", "p"), name)


@pytest.mark.parametrize("name", ["prod", "eu-west.1", "A_b"])
def test_a_name_that_is_taken_loads(fake: FakeAirflow, name: str) -> None:
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), name)

    defs = build_defs_from_airflow_instance(airflow_instance=airflow, task_assets=True)

    dg.Definitions.validate_loadable(defs)


def test_the_version_needs_no_credentials(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    assert airflow.version() == "3.3.2"
    assert [request.path for request in fake.requests] == ["/api/v2/version"]


def test_time_is_the_servers(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    assert airflow.server_time() == fake.now


def test_a_server_without_a_clock_is_refused(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.reply(Reply(200, {"version": "3.3.2"}, headers={"Date": "never"}))

    with pytest.raises(AirflowPayloadError, match="without a usable `Date` header"):
        airflow.server_time()


@pytest.mark.parametrize("cap", [1, 7, 100])
def test_all_dags_are_listed_whatever_the_page_cap(
    fake: FakeAirflow, airflow: AirflowInstance, cap: int
) -> None:
    fake.page_cap = cap
    for number in range(15):
        fake.add_dag(f"dag{number:02}")

    listed = airflow.list_dags()

    assert [dag.dag_id for dag in listed.rows] == sorted(dag.dag_id for dag in listed.rows)
    assert listed.received == 16


def test_a_dag_that_is_unknown_is_not_found(airflow: AirflowInstance) -> None:
    with pytest.raises(AirflowNotFound) as caught:
        airflow.list_tasks("a/b é")

    assert caught.value.url.endswith("/api/v2/dags/a%2Fb%20%C3%A9/tasks")


@pytest.mark.parametrize(
    "payload",
    [pytest.param([], id="a list"), pytest.param({"dags": {}}, id="no list"), pytest.param(1, id="a number")],
)
def test_an_answer_of_another_shape_is_a_payload_error(
    fake: FakeAirflow, airflow: AirflowInstance, payload: object
) -> None:
    fake.reply(Reply(200, payload), path="/dags")

    with pytest.raises(AirflowPayloadError, match="in a form that is not understood"):
        airflow.list_dags()


@pytest.mark.parametrize(
    "detail",
    [
        pytest.param("Invalid cursor token", id="text"),
        pytest.param({"reason": "bad", "message": "Invalid cursor token"}, id="object"),
        pytest.param([{"loc": ["query"], "msg": "Invalid cursor token"}], id="list"),
    ],
)
def test_an_error_says_what_airflow_said(fake: FakeAirflow, airflow: AirflowInstance, detail: object) -> None:
    fake.reply(Reply(400, {"detail": detail}), path="/dagRuns")

    with pytest.raises(AirflowApiError, match="Invalid cursor token") as caught:
        airflow.list_ended_dag_runs(Window(fake.now, None), "x")

    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"id": None}, "id is None", id="no id"),
        pytest.param({"end_date": "soon"}, "end_date is 'soon'", id="no instant"),
        pytest.param({"map_index": "first"}, "map_index is 'first'", id="no number"),
    ],
)
def test_a_row_that_cannot_be_read_does_not_hide_the_others(
    fake: FakeAirflow, airflow: AirflowInstance, fields: dict[str, object], reason: str
) -> None:
    fake.set_task("etl", "r1", "extract")
    fake.set_task("etl", "r1", "grp.load")
    fake.edit_task("etl", "r1", "extract", **fields)
    fake.reply(
        Reply(
            200,
            {
                "task_instances": [
                    fake.task_instances["etl", "r1", task, -1].payload for task in ("extract", "grp.load")
                ]
            },
        ),
        path="taskInstances",
    )

    page = airflow.list_ended_task_instances(Window(fake.now, None), None)

    assert [row.task_id for row in page.rows] == ["grp.load"]
    assert [str(bad) for bad in page.bad_rows] == [f"etl.r1.extract: {reason}"]


def test_links_are_built_from_our_url_with_every_part_quoted(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.set_task("a b", "manual__2026-01-01T00:00:00+00:00", "grp.load", map_index=3)
    page = airflow.list_ended_task_instances(Window(fake.now - timedelta(1), None), None)
    row: TaskInstance = page.rows[0]

    run = f"{fake.url}/dags/a%20b/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert airflow.links.dag_run(row.dag_id, row.run_id) == run
    assert airflow.links.task_instance(row) == f"{run}/tasks/grp.load/mapped/3?try_number=1"
    assert airflow.links.task("a b", "x/y") == f"{fake.url}/dags/a%20b/tasks/x%2Fy"


def test_what_is_asked_of_a_dag_is_told(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.add_dag("gone", is_stale=True)
    fake.add_dag("nightly", schedule="0 0 * * *", is_paused=True)

    dags = {dag.dag_id: dag for dag in airflow.list_dags(AirflowFilter(include_stale=True)).rows}

    assert dags["gone"].is_stale
    assert not dags["etl"].is_stale
    assert (dags["nightly"].schedule, dags["nightly"].is_paused) == ("0 0 * * *", True)
    assert not dags["etl"].is_paused


def test_a_task_tells_its_group_and_whether_dagster_does_its_work(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.proxy_task("etl", "extract")

    tasks = {task.task_id: task for task in airflow.list_tasks("etl").rows}

    assert tasks["extract"].is_proxied
    assert not tasks["grp.load"].is_proxied
    assert (tasks["extract"].group_id, tasks["grp.load"].group_id) == (None, "grp")


def test_an_airflow_asset_tells_the_tasks_and_dags_around_it(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.add_asset(
        "s3://bkt/raw",
        name="raw",
        producing=[("etl", "extract")],
        consuming=[("etl", "grp.load")],
        scheduled=["reports"],
    )

    (asset,) = airflow.list_airflow_assets().rows

    assert (asset.uri, asset.name, asset.group) == ("s3://bkt/raw", "raw", "asset")
    assert asset.producing_tasks == {TaskHandle("etl", "extract")}
    assert asset.consuming_tasks == {TaskHandle("etl", "grp.load")}
    assert asset.consuming_dag_ids == {"reports"}


def test_an_import_problem_is_the_last_line_of_its_stack_trace(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.add_import_error("etl.py", "Traceback\n  File 1\nNameError: x\n\n")
    fake.add_import_error("long.py", "y" * 1000)

    first, second = airflow.list_import_problems().rows

    assert (first.file, first.message) == ("etl.py", "NameError: x")
    assert len(second.message) == 300


def test_the_source_of_a_dag_is_its_text(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.sources["etl"] = "with DAG('etl'): ..."

    assert airflow.dag_source("etl") == "with DAG('etl'): ..."
    with pytest.raises(AirflowNotFound):
        airflow.dag_source("gone")


def test_the_tasks_of_many_dags_are_asked_for_at_once_and_a_bad_one_is_told_apart(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(30):
        fake.add_dag(f"dag{number}", {f"task{number}": []})

    tasks = airflow.list_tasks_of([*(f"dag{number}" for number in range(30)), "gone", "dag0"])

    gone = tasks["gone"]
    assert isinstance(gone, AirflowNotFound)
    assert len(tasks) == 31
    for number in range(30):
        page = tasks[f"dag{number}"]
        assert not isinstance(page, AirflowApiError)
        assert [task.task_id for task in page.rows] == [f"task{number}"]
    assert sum(request.path == "/auth/token" for request in fake.requests) == 1


def test_an_airflow_that_is_down_is_given_up_by_all_threads_together() -> None:
    with FakeAirflow() as fake:
        for number in range(100):
            fake.add_dag(f"dag{number}")
        airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
        airflow.list_dags()
        fake.reply(*[Reply(503, {}, headers={"Retry-After": "3600"})] * 100, path="/tasks")

        tasks = airflow.list_tasks_of(fake.dags)

        asked = sum(request.path.endswith("/tasks") for request in fake.requests)
    assert {type(page) for page in tasks.values()} == {AirflowUnreachable}
    assert asked < 40


def test_one_dag_that_airflow_chokes_on_does_not_stop_the_others(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(100):
        fake.add_dag(f"dag{number}")
    fake.reply(Reply(503, {}, headers={"Retry-After": "3600"}), path="/dag7/tasks")

    tasks = airflow.list_tasks_of(fake.dags)

    assert [dag_id for dag_id, page in tasks.items() if isinstance(page, AirflowApiError)] == ["dag7"]


def test_the_source_code_of_several_dags_is_asked_for_at_a_time_and_one_that_is_not_there_stops_no_other(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    for number in range(20):
        fake.add_dag(f"dag{number}")
    del fake.sources["dag7"]

    sources = airflow.dag_sources_of(fake.dags)

    assert [dag_id for dag_id, source in sources.items() if isinstance(source, AirflowNotFound)] == ["dag7"]
    assert sources["dag8"] == fake.sources["dag8"]
    assert fake.connections > 1


def test_no_dag_is_asked_for_when_the_time_is_up(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    airflow.list_dags()
    asked = len(fake.requests)

    tasks = airflow.list_tasks_of(["etl"], within=-1.0)

    assert "took more than -1 s for the tasks of all DAGs" in str(tasks["etl"])
    assert len(fake.requests) == asked


def test_a_server_that_gives_one_page_for_ever_is_not_asked_for_ever(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.reply(*[Reply(200, {"dags": [{"dag_id": "etl"}], "total_entries": 1})] * 9, path="/dags$")

    with pytest.raises(AirflowPayloadError, match="the same rows again and again"):
        airflow.list_dags()
