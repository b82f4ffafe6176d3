"""What our client needs of Airflow's REST API, asked of the fakes always and of a real Airflow when there is one.

A real one is named by AIRLIFT_LIVE_AIRFLOW_URL, AIRLIFT_LIVE_AIRFLOW_USERNAME and
AIRLIFT_LIVE_AIRFLOW_PASSWORD; the role Viewer is enough. It must have the DAGs of `tests/sites/contract_dags.py`
and one broken DAG file, two successful runs of `contract`, and a failed one of `contract_fails`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
import requests

from dagster_airlift_core import (
    AirflowApiError,
    AirflowBasicAuthBackend,
    AirflowFilter,
    AirflowInstance,
    AirflowNotFound,
    AirflowTokenAuthBackend,
    AirflowUnauthorized,
    DagRunRequest,
    TaskHandle,
)
from dagster_airlift_core._listing import pages
from dagster_airlift_core.model import AssetUpdate, Dag, DagRun, Page, Span, TaskInstance, Window
from dagster_airlift_core.testing import FakeAirflow

PREFIX = "AIRLIFT_LIVE_AIRFLOW_"
AGES = timedelta(days=10_000)
SAID = '{"said": "hello"}'
URI = "s3://bkt/contract/raw"


@dataclass(frozen=True)
class Server:
    """An Airflow to ask, with or without our client."""

    url: str
    username: str
    password: str

    @property
    def airflow(self) -> AirflowInstance:
        return AirflowInstance(AirflowBasicAuthBackend(self.url, self.username, self.password), "contract")

    @property
    def is_v1(self) -> bool:
        return requests.get(f"{self.url}/api/v2/version", timeout=60).status_code == 404

    @property
    def everything(self) -> Window:
        return Window(self.airflow.server_time() - AGES, None)


@pytest.fixture(
    params=["fake 3.3", "fake 2.11", pytest.param("live", marks=pytest.mark.live)],
)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    if request.param == "live":
        if PREFIX + "URL" not in os.environ:
            pytest.skip(f"{PREFIX}URL names no Airflow")
        yield Server(*(os.environ[PREFIX + name] for name in ("URL", "USERNAME", "PASSWORD")))
        return
    with FakeAirflow(version="3.3.2" if request.param == "fake 3.3" else "2.11.2") as fake:
        fill(fake)
        yield Server(fake.url, "viewer", "viewer")


def fill(fake: FakeAirflow) -> None:
    tasks = {"extract": ["grp.load"], "grp.load": ["parts"], "parts": []}
    what = "What the contract asks about"
    fake.add_dag("contract", tasks, owners=["alice"], tags=["core", "eu"], description=what)
    fake.tasks["contract"]["parts"]["is_mapped"] = True
    fake.add_dag("contract_fails", {"good": ["bad"], "bad": ["never"], "never": []})
    fake.add_asset(URI, producing=[("contract", "extract")], scheduled=["contract_fails"])
    for run in ("r1", "r2"):
        fake.set_log("contract", run, "extract", f"Running command\n\n{SAID}")
        fake.set_xcom("contract", run, "extract", "return_value", SAID)
    fake.add_import_error("broken.py", "Traceback\nNameError: name 'broken' is not defined\n")
    for run in ("r1", "r2"):
        fake.now += timedelta(seconds=1)
        fake.add_asset_event(URI, source=("contract", run, "extract"))
        for task in ("extract", "grp.load"):
            fake.set_task("contract", run, task)
        for index in range(3):
            fake.set_task("contract", run, "parts", map_index=index)
        fake.set_run("contract", run)
    fake.set_task("contract_fails", "r1", "good")
    fake.set_task("contract_fails", "r1", "bad", "failed")
    fake.set_task("contract_fails", "r1", "never", "upstream_failed")
    fake.set_run("contract_fails", "r1", "failed")
    for dag_id, run, task, index in list(fake.task_instances):
        command = {"bad": "false", "extract": f"echo; echo '{SAID}'"}.get(task, "true")
        fake.render_task(dag_id, run, task, {"bash_command": command, "env": None}, map_index=index)
    fake.now += timedelta(seconds=5)


def instances(server: Server, window: Window, *, with_unreached: bool = False) -> list[TaskInstance]:
    airflow = server.airflow
    rows: list[TaskInstance] = []
    token: str | None = None
    while True:
        page = airflow.list_ended_task_instances(window, token, with_unreached=with_unreached)
        assert not page.bad_rows
        rows += page.rows
        token = page.next_page
        if token is None:
            return rows


def runs(server: Server, window: Window) -> list[DagRun]:
    airflow = server.airflow
    rows: list[DagRun] = []
    token: str | None = None
    while True:
        page = airflow.list_ended_dag_runs(window, token)
        assert not page.bad_rows
        rows += page.rows
        token = page.next_page
        if token is None:
            return rows


def ids(page: Page[Dag]) -> list[str]:
    return [dag.dag_id for dag in page.rows if dag.dag_id.startswith("contract")]


def test_the_version_is_told_without_credentials_and_with_the_servers_clock(server: Server) -> None:
    api = "v1" if server.is_v1 else "v2"

    answer = requests.get(f"{server.url}/api/{api}/version", timeout=60)

    assert answer.json()["version"].startswith("2.11" if server.is_v1 else "3.")
    assert server.airflow.version() == answer.json()["version"]
    assert isinstance(server.airflow.server_time(), datetime)


def test_a_wrong_password_is_refused(server: Server) -> None:
    with pytest.raises(AirflowUnauthorized, match="does not accept the credentials") as caught:
        replace(server, password="no").airflow.list_dags()

    assert "Check username and password." in str(caught.value)


def test_a_token_that_is_none_is_refused(server: Server) -> None:
    airflow = AirflowInstance(AirflowTokenAuthBackend(server.url, "garbage"), "contract")

    with pytest.raises(AirflowUnauthorized):
        airflow.list_dags()


def test_dags_come_once_each_in_order_with_what_airflow_says_of_them(server: Server) -> None:
    dags = server.airflow.list_dags().rows

    listed = [dag.dag_id for dag in dags]
    (contract,) = (dag for dag in dags if dag.dag_id == "contract")
    assert listed == sorted(set(listed))
    assert (contract.owners, set(contract.tags)) == (("alice",), {"core", "eu"})
    assert contract.description == "What the contract asks about"
    assert not contract.is_stale
    assert contract.file


def test_dags_are_filtered_alike(server: Server) -> None:
    airflow = server.airflow

    assert ids(airflow.list_dags(AirflowFilter(dag_id_ilike="ONTRACT_f"))) == ["contract_fails"]
    assert ids(airflow.list_dags(AirflowFilter(dag_id_ilike="con%fails"))) == ["contract_fails"]
    assert ids(airflow.list_dags(AirflowFilter(airflow_tags=["other", "eu"]))) == ["contract"]
    assert ids(airflow.list_dags(AirflowFilter(owners=["alice"]))) == ["contract"]
    paused = ids(airflow.list_dags(AirflowFilter(paused=True)))
    others = ids(airflow.list_dags(AirflowFilter(paused=False)))
    assert sorted([*paused, *others]) == ids(airflow.list_dags())
    assert set(ids(airflow.list_dags())) <= set(ids(airflow.list_dags(AirflowFilter(include_stale=True))))


def test_tasks_name_the_tasks_after_them_their_group_and_whether_they_are_mapped(server: Server) -> None:
    tasks = {task.task_id: task for task in server.airflow.list_tasks("contract").rows}

    assert {name: set(task.downstream_task_ids) for name, task in tasks.items()} == {
        "extract": {"grp.load"},
        "grp.load": {"parts"},
        "parts": set(),
    }
    assert tasks["grp.load"].group_id == "grp"
    assert [name for name, task in tasks.items() if task.is_mapped] == ["parts"]
    assert {task.operator for task in tasks.values()} == {"BashOperator"}
    assert not any(task.is_proxied for task in tasks.values())


def test_tasks_name_the_class_of_their_operator(server: Server) -> None:
    tasks = server.airflow.list_tasks("contract").rows

    assert {task.operator_class for task in tasks} == {
        "airflow.providers.standard.operators.bash.BashOperator"
    }


def test_what_the_tasks_of_many_dags_ran_last_comes_at_once(server: Server) -> None:
    airflow = server.airflow

    rendered = airflow.rendered_fields_of(
        {"contract": ["extract", "parts", "no_such"], "contract_fails": ["bad"]}
    )

    commands = {
        (dag_id, task_id): [(each.map_index, each.fields["bash_command"]) for each in rows]
        for dag_id, found in rendered.items()
        if isinstance(found, Mapping)
        for task_id, rows in found.items()
    }
    assert commands == {
        ("contract", "extract"): [(-1, f"echo; echo '{SAID}'")],
        ("contract", "parts"): [(0, "true"), (1, "true"), (2, "true")],
        ("contract_fails", "bad"): [(-1, "false")],
    }


def test_the_last_runs_of_a_dag_come_newest_first(server: Server) -> None:
    newest_first = sorted(
        (run for run in runs(server, server.everything) if run.dag_id == "contract"),
        key=lambda run: run.ended_at or datetime.min.replace(tzinfo=UTC),
        reverse=True,
    )

    latest = server.airflow.dag_runs.latest("contract", 2).rows

    assert [run.run_id for run in latest] == [run.run_id for run in newest_first]
    assert server.airflow.dag_runs.latest("contract", 1).rows == latest[:1]


def test_the_tasks_of_many_dags_come_at_once_and_a_dag_that_is_gone_stops_none(server: Server) -> None:
    airflow = server.airflow
    airflow.list_dags()

    tasks = airflow.list_tasks_of(["contract", "contract_fail", "contract_fails"])

    gone = tasks["contract_fail"]
    assert isinstance(gone, AirflowNotFound)
    assert "has no DAG 'contract_fail'. Close to it: contract_fails" in str(gone)
    counts = {dag_id: len(page.rows) for dag_id, page in tasks.items() if isinstance(page, Page)}
    assert counts == {"contract": 3, "contract_fails": 3}


def test_an_asset_names_the_tasks_that_produce_it_and_the_dags_that_wait_for_it(server: Server) -> None:
    (asset,) = server.airflow.list_airflow_assets(AirflowFilter(dataset_uri_ilike="BKT/contract")).rows

    assert (asset.uri, asset.name) == (URI, URI)
    assert asset.group == (None if server.is_v1 else "asset")
    assert asset.producing_tasks == {TaskHandle("contract", "extract")}
    assert asset.consuming_dag_ids == {"contract_fails"}
    assert not server.airflow.list_airflow_assets(AirflowFilter(dataset_uri_ilike="bkt/other")).rows


def test_a_file_that_cannot_be_imported_is_told_with_its_reason(server: Server) -> None:
    problems = server.airflow.list_import_problems().rows

    (broken,) = (problem for problem in problems if problem.file.endswith("broken.py"))
    assert broken.message == "NameError: name 'broken' is not defined"


def test_the_source_of_a_dag_is_its_text(server: Server) -> None:
    assert "contract" in server.airflow.dag_source("contract")
    with pytest.raises(AirflowNotFound):
        server.airflow.dag_source("no_such_dag")


def test_only_what_succeeded_or_failed_is_listed_and_all_of_it(server: Server) -> None:
    tasks = [row for row in instances(server, server.everything) if row.dag_id.startswith("contract")]
    found = [row for row in runs(server, server.everything) if row.dag_id.startswith("contract")]

    assert {(row.task_id, row.state) for row in tasks if row.dag_id == "contract_fails"} == {
        ("good", "success"),
        ("bad", "failed"),
    }
    assert {row.state for row in tasks if row.dag_id == "contract"} == {"success"}
    assert [row.state for row in found if row.dag_id == "contract"] == ["success"] * 2
    assert {row.state for row in found if row.dag_id == "contract_fails"} == {"failed"}
    assert not any(row.never_ran for row in tasks)


def test_every_success_is_listed_once_with_an_identity_of_its_own(server: Server) -> None:
    rows = [row for row in instances(server, server.everything) if row.dag_id == "contract"]

    names = sorted((row.task_id, row.map_index) for row in rows)
    assert names == sorted([("extract", -1), ("grp.load", -1), *(("parts", n) for n in range(3))] * 2)
    assert len({row.id for row in rows}) == len(rows) == 10
    assert all(row.ended_at and row.started_at and row.try_number >= 1 for row in rows)


def test_what_airflow_did_not_get_to_is_listed_where_it_is_asked_for(server: Server) -> None:
    plain = instances(server, server.everything)

    rows = instances(server, server.everything, with_unreached=True)

    (never,) = [row for row in rows if row.state == "upstream_failed" and row.dag_id == "contract_fails"]
    assert {row.id for row in plain} == {row.id for row in rows if row.state != "upstream_failed"}
    assert (never.task_id, never.operator, never.map_index) == ("never", "BashOperator", -1)
    assert never.id not in {row.id for row in plain}
    assert never.ended_at


def test_a_page_is_the_same_when_it_is_read_again(server: Server) -> None:
    airflow, window = server.airflow, server.everything

    first = airflow.list_ended_task_instances(window, None)

    assert airflow.list_ended_task_instances(window, None).rows == first.rows


def test_nothing_was_changed_in_the_future(server: Server) -> None:
    future = Window(server.airflow.server_time() + timedelta(days=1), None)

    assert instances(server, future) == []
    assert runs(server, future) == []


def test_no_run_that_was_due_lately_is_left_out(server: Server) -> None:
    window = server.everything

    assert instances(server, replace(window, run_after=window.since)) == instances(server, window)
    assert runs(server, replace(window, run_after=window.since)) == runs(server, window)


def test_of_the_runs_that_changed_it_is_told_when_the_first_was_due_unless_a_scan_leaves_out_none(
    server: Server,
) -> None:
    airflow, window = server.airflow, server.everything
    dues = [run.run_after for run in runs(server, window) if run.run_after]
    now = airflow.server_time() + timedelta(seconds=1)

    first = airflow.runs_due.first_changed(replace(window, run_after=now))

    assert first == (None if server.is_v1 else min(dues))
    assert airflow.runs_due.first_changed(replace(window, run_after=window.since)) is None
    assert airflow.runs_due.first_changed(Window(now + timedelta(days=1), now)) is None


def test_a_page_token_that_is_none_is_a_bad_request(server: Server) -> None:
    airflow = server.airflow
    for read in (airflow.list_ended_task_instances, airflow.list_ended_dag_runs, airflow.list_asset_updates):
        with pytest.raises(AirflowApiError) as caught:
            read(server.everything, "garbage!")

        assert caught.value.status == 400


def test_the_instances_of_a_mapped_task_are_those_of_that_task_and_run(server: Server) -> None:
    airflow = server.airflow
    rows = [row for row in instances(server, server.everything) if row.is_mapped]

    assert len(rows) == 6
    for row in rows:
        pages = list(airflow.instances_of_task(row.dag_id, row.run_id, row.task_id))
        found = [one for page in pages for one in page.rows]
        assert row in found
        assert sorted(one.map_index for one in found) == [0, 1, 2]
        assert {(one.dag_id, one.run_id, one.task_id) for one in found} == {
            (row.dag_id, row.run_id, row.task_id)
        }


def test_the_run_of_a_task_instance_is_found_by_the_moment_at_which_it_was_due(server: Server) -> None:
    airflow = server.airflow
    rows = [row for row in instances(server, server.everything) if row.dag_id == "contract"]
    dues = [due for row in rows if (due := airflow.runs_due.moment_of(row))]

    assert len(dues) == len(rows)
    for row, due in zip(rows, dues, strict=True):
        for span in (Span(due, due, "contract"), Span(due, due), Span(min(dues), max(dues))):
            found = {
                (run.dag_id, run.run_id): run for page in airflow.runs_due.within(span) for run in page.rows
            }
            run = found[row.dag_id, row.run_id]
            assert (run.logical_date, run.run_after) == (row.logical_date, row.run_after)
            assert (run.data_interval_start is None) == (run.logical_date is None)
    before = Span(min(dues) - timedelta(days=2), min(dues) - timedelta(days=1), "contract")
    assert not [run for page in airflow.runs_due.within(before) for run in page.rows]


def asset_events(server: Server, window: Window) -> list[AssetUpdate]:
    airflow = server.airflow
    found = list(pages(lambda token: airflow.list_asset_updates(window, token)))
    assert not [row for page in found for row in page.bad_rows]
    return [row for page in found for row in page.rows if row.uri == URI]


def test_what_a_task_updates_is_recorded_with_its_source(server: Server) -> None:
    events = asset_events(server, server.everything)

    tasks = {row.run_id for row in instances(server, server.everything) if row.task_id == "extract"}
    assert {event.run_id for event in events} == tasks
    assert {(event.dag_id, event.task_id, event.map_index) for event in events} == {
        ("contract", "extract", -1)
    }
    assert len({event.id for event in events}) == len(events) >= 2
    assert {event.partition_key for event in events} == {None}


def test_what_is_recorded_of_assets_is_told_since_a_moment(server: Server) -> None:
    events = sorted(asset_events(server, server.everything), key=lambda event: event.at)

    since = asset_events(server, Window(events[1].at, None))

    assert {event.id for event in since} == {event.id for event in events if event.at >= events[1].at}
    assert asset_events(server, Window(server.airflow.server_time() + timedelta(days=1), None)) == []


def test_links_lead_to_the_pages_of_that_version(server: Server) -> None:
    airflow = server.airflow
    airflow.version()
    (row, *_) = (row for row in instances(server, server.everything) if row.is_mapped)

    links = airflow.links
    pages = [links.dag("contract"), links.task("contract", "extract")]
    pages += [links.dag_run(row.dag_id, row.run_id), links.task_instance(row)]

    assert all(page.startswith(f"{server.url}/dags/contract") for page in pages)
    assert all(("/grid" in page) == server.is_v1 for page in pages)


def test_the_log_of_a_try_has_each_line_that_the_task_wrote(server: Server) -> None:
    left = server.airflow.left_behind
    (row, *_) = (row for row in instances(server, server.everything) if row.task_id == "extract")

    lines = list(left.log_lines(row))

    (at,) = (number for number, line in enumerate(lines) if line.endswith(SAID))
    _, begins, said = lines[at - 1].rpartition(" INFO -")
    assert (bool(begins), said.strip()) == (server.is_v1, ""), "the task wrote an empty line before"
    with pytest.raises(AirflowNotFound):
        list(left.log_lines(replace(row, run_id="no such run")))


def test_an_xcom_is_what_was_pushed(server: Server) -> None:
    left = server.airflow.left_behind
    (row, *_) = (row for row in instances(server, server.everything) if row.task_id == "extract")

    value = left.xcom(row, "return_value")

    assert "return_value" in left.xcom_keys(row)
    assert value == SAID
    assert left.xcom(row, "no such key") is None
    assert left.xcom_keys(replace(row, run_id="no such run")) == ()


def test_a_dag_and_a_dag_run_are_asked_for_by_their_ids(server: Server) -> None:
    runs = server.airflow.dag_runs
    (row, *_) = (row for row in instances(server, server.everything) if row.task_id == "extract")

    found = runs.get("contract", row.run_id)

    assert found
    assert (found.run_id, found.state, found.is_finished) == (row.run_id, "success", True)
    assert runs.get("contract", "no such run") is None
    assert not runs.dag("contract").is_paused
    with pytest.raises(AirflowNotFound):
        runs.dag("no such dag")


def test_the_task_instances_of_a_dag_run_are_narrowed_by_when_they_changed(server: Server) -> None:
    runs = server.airflow.dag_runs
    (row, *_) = (row for row in instances(server, server.everything) if row.task_id == "extract")

    def tasks(since: datetime | None) -> set[str]:
        return {
            one.task_id for page in runs.task_instances("contract", row.run_id, since) for one in page.rows
        }

    assert tasks(None) == tasks(server.everything.since) == {"extract", "grp.load", "parts"}
    assert tasks(server.airflow.server_time() + timedelta(days=1)) == set()


def test_a_viewer_may_neither_trigger_nor_end_a_dag_run(server: Server) -> None:
    runs = server.airflow.dag_runs

    with pytest.raises(AirflowUnauthorized, match="Give the user the role User"):
        runs.trigger("contract", "by_a_viewer", DagRunRequest())
    with pytest.raises(AirflowUnauthorized, match="Give the user the role User"):
        runs.fail("contract", "by_a_viewer")
    assert runs.get("contract", "by_a_viewer") is None
