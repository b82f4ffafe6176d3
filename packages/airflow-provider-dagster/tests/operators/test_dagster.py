"""The operator in Airflow's own task runner, reached through a DAG file, against a fake Dagster."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout
from airflow.utils.db import initdb
from airflow.utils.session import create_session

from airflow.providers.dagster import wire
from airflow.providers.dagster.exceptions import DagsterError
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator, UnreadableStateOperator
from airflow.providers.dagster.ports import SystemClock
from airflow.providers.dagster.testing import FakeDagster, FakeDays, FakeKeys, Fault
from airflow.providers.dagster.triggers.dagster import DagsterRunTrigger
from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db
    from airflow.models.xcom import XComModel
else:
    from airflow.models.xcom import XCom as XComModel

TASK = ("prod", "etl", "load")
AT_ONCE = "retries=1, retry_delay=timedelta(0)"
DAG_FILE = """
from datetime import timedelta
from pathlib import Path

from airflow.providers.dagster.proxying import proxying_to_dagster
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.common.compat.sdk import DAG

with DAG("etl", schedule={schedule}) as dag:
    BashOperator(task_id="load", bash_command="exit 1", {arguments})

proxying_to_dagster(globals(), Path(__file__).parent / "migration_state"{options})
"""
DEFERRED = ", deferrable=True"
DEFERRAL = "Pausing task as DEFERRED" if AIRFLOW_3 else "running trigger in line"
"""What Airflow logs when it defers a task."""

pytestmark = [
    pytest.mark.usefixtures("connection"),
    # Airflow's in-process API server imports Starlette's test client, which asks for another library.
    pytest.mark.filterwarnings("ignore:Using `httpx` with `starlette.testclient`"),
]


@pytest.fixture(scope="module", autouse=True)
def database() -> None:
    initdb()
    if AIRFLOW_3:
        DagBundlesManager().sync_bundles_to_db()


class HurriedClock(SystemClock):
    """The time of this machine, but nobody waits long."""

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.02))


@pytest.fixture(autouse=True)
def no_waiting_in_the_triggerer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DagsterRunTrigger, "clock", HurriedClock())


class Outcome:
    """What a task left behind in Airflow."""

    def __init__(self, run: Any) -> None:  # noqa: ANN401
        (ti,) = run.get_task_instances()
        self.run_id: str = run.run_id
        self.state: str = ti.state
        self.try_number: int = ti.try_number
        with create_session() as session:
            rows = session.query(XComModel).filter(XComModel.run_id == run.run_id)
            # Airflow 2 has read the value when it loaded the row.
            read = XComModel.deserialize_value if AIRFLOW_3 else attrgetter("value")
            self.xcoms: dict[str, Any] = {row.key: read(row) for row in rows}


@pytest.fixture
def run(read_dags: Callable[[Path], Any]) -> Callable[..., Outcome]:
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    (folder / "migration_state").mkdir(parents=True, exist_ok=True)

    def run(
        arguments: str = "",
        state: str = "tasks: [{id: load, migrated: true}]",
        options: str = "",
        schedule: str = "None",
        logical_date: datetime | None = None,
    ) -> Outcome:
        (folder / "migration_state" / "etl.yaml").write_text(state)
        (folder / "etl.py").write_text(
            DAG_FILE.format(arguments=arguments, options=options, schedule=schedule)
        )
        bag = read_dags(folder)
        if AIRFLOW_3:
            sync_bag_to_db(bag, "dags-folder", None)
        else:
            bag.sync_to_db()
        try:
            return Outcome(bag.dags["etl"].test(**({"logical_date": logical_date} if logical_date else {})))
        except AirflowTaskTimeout:  # in Airflow 2 no Exception, so that only Airflow's own runner catches it
            return Outcome(DagRun.find(dag_id="etl")[-1])

    return run


@pytest.fixture
def read_log(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """What the task has logged: in a process of its own in Airflow 3, in this one in Airflow 2."""
    caplog.set_level(logging.INFO)
    return lambda: capfd.readouterr().out if AIRFLOW_3 else caplog.text


def test_the_mapped_assets_are_run_and_waited_for(dagster: FakeDagster, run: Callable[..., Outcome]) -> None:
    dagster.add_asset("raw/orders", TASK)
    dagster.add_asset("customers", TASK)
    dagster.add_asset("unrelated", ("prod", "etl", "other"))

    outcome = run()

    ((run_id, fake),) = dagster.runs.items()
    assert outcome.state == "success"
    assert fake.asset_keys == [["customers"], ["raw", "orders"]]
    assert outcome.xcoms == {
        "return_value": {"run_ids": [run_id], "asset_keys": ["customers", "raw/orders"]},
        "dagster_asset_keys": ["customers", "raw/orders"],
        "dagster_run_ids": [run_id],
        "dagster_run_url": f"{dagster.url}/runs/{run_id}",
    }
    page = "runs/" if AIRFLOW_3 else "grid?dag_run_id="
    run_id = outcome.run_id.replace(":", "%3A").replace("+", "%2B")
    assert fake.tags[wire.DAG_RUN_URL_TAG] == f"https://airflow.example.com/dags/etl/{page}{run_id}"
    assert fake.tags[wire.RUN_ID_TAG] == outcome.run_id


@pytest.mark.parametrize(
    ("state", "way_back"),
    [
        pytest.param(
            "tasks: [{id: load, migrated: true}]",
            "To run the task in Airflow again, set `migrated: false` for 'load' in etl.yaml.",
            id="task",
        ),
        pytest.param(
            "migrated: true",
            "To run the DAG in Airflow again, set `migrated: false` in etl.yaml.",
            id="whole DAG",
        ),
    ],
)
def test_the_first_line_says_what_runs_where_and_how_to_go_back(
    dagster: FakeDagster,
    run: Callable[..., Outcome],
    read_log: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    way_back: str,
) -> None:
    monkeypatch.setenv("AIRFLOW__DAGSTER__INSTANCE_NAME", "prod")
    dagster.add_asset("orders", TASK)
    dagster.add_dag_asset("prod", "etl")

    run(state=state)

    (fake,) = dagster.runs.values()
    ours = [line for line in read_log().splitlines() if "DagsterProxyOperator" in line]
    assert (
        f"Dagster at {dagster.url} runs orders for task etl.load of Airflow instance 'prod', under launch key "
        f"{fake.tags[wire.LAUNCH_KEY_TAG]}. {way_back}"
    ) in ours[0]


def test_two_small_questions_come_before_a_launch(
    dagster: FakeDagster, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAGSTER__INSTANCE_NAME", "prod")
    dagster.add_asset("orders", TASK)
    dagster.add_dag_asset("prod", "etl")
    for number in range(5_500):
        dagster.add_asset(f"other_{number}", partitions=FakeDays("2026-01-01", 365))

    outcome = run()

    operations = [request.operation for request in dagster.requests]
    assert outcome.state == "success"
    assert operations[:3] == ["AirflowMappingIndex", "AirflowMappedAssets", "AirflowLaunch"]
    assert dagster.bytes_sent < 100_000


def test_a_retry_finds_the_run_of_the_try_before_it_with_the_assets(
    dagster: FakeDagster, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DAGSTER__INSTANCE_NAME", "prod")
    dagster.add_asset("orders", TASK)
    dagster.add_dag_asset("prod", "etl")
    dagster.fail("AirflowRunAssets", Fault(status=400))

    outcome = run(AT_ONCE)

    assert (outcome.state, outcome.try_number) == ("success", 2)
    assert dagster.count("AirflowLaunch") == 1
    assert dagster.count("AirflowRuns") == 0


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 gives the run of a cron expression an interval")
@pytest.mark.parametrize(
    ("options", "expected"),
    [("", "2026-03-03"), (', partition_source="logical_date"', "2026-03-04")],
    ids=["as it is", "another source"],
)
def test_a_run_of_a_cron_expression_is_for_the_partition_that_has_just_ended(
    dagster: FakeDagster, run: Callable[..., Outcome], options: str, expected: str
) -> None:
    dagster.add_asset("orders", TASK, partitions=FakeDays("2026-01-01", 365))

    outcome = run(options=options, schedule='"@daily"', logical_date=datetime(2026, 3, 4, tzinfo=UTC))

    assert outcome.state == "success"
    assert [fake.tags["dagster/partition"] for fake in dagster.runs.values()] == [expected]


PUBLISHED_TEXT = {"__typename": "TextMetadataEntry", "text": "s3://bucket/orders"}
PUBLISHED_JSON = {"__typename": "JsonMetadataEntry", "jsonString": '{"rows": 7}'}


@pytest.mark.parametrize("options", ["", DEFERRED], ids=["waiting", "deferred"])
@pytest.mark.parametrize(
    ("published", "value"),
    [
        pytest.param({"orders": PUBLISHED_TEXT}, "s3://bucket/orders", id="one value"),
        pytest.param(
            {"orders": PUBLISHED_TEXT, "customers": PUBLISHED_JSON},
            {"orders": "s3://bucket/orders", "customers": {"rows": 7}},
            id="two values",
        ),
    ],
)
def test_what_an_asset_publishes_is_what_the_task_returns(
    dagster: FakeDagster,
    run: Callable[..., Outcome],
    published: dict[str, dict[str, Any]],
    value: object,
    options: str,
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.add_asset("customers", TASK)
    dagster.published |= published

    outcome = run(options=options)

    assert outcome.xcoms["return_value"] == value
    assert outcome.xcoms["dagster_asset_keys"] == ["customers", "orders"]


def test_a_failed_run_fails_the_task_and_keeps_the_link(
    dagster: FakeDagster, run: Callable[..., Outcome]
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["STARTED", "FAILURE"]

    outcome = run()

    (run_id,) = dagster.runs
    assert outcome.state == "failed"
    assert outcome.xcoms == {"dagster_run_ids": [run_id], "dagster_run_url": f"{dagster.url}/runs/{run_id}"}


def test_a_retry_launches_again_after_a_failed_run(dagster: FakeDagster, run: Callable[..., Outcome]) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["FAILURE"]

    outcome = run(AT_ONCE)

    first, second = dagster.runs.values()
    assert (outcome.state, outcome.try_number) == ("failed", 2)
    assert [first.tags[wire.TRY_NUMBER_TAG], second.tags[wire.TRY_NUMBER_TAG]] == ["1", "2"]
    assert first.tags[wire.LAUNCH_KEY_TAG] == second.tags[wire.LAUNCH_KEY_TAG]


def test_assets_in_two_code_locations_are_two_runs_and_one_link(
    dagster: FakeDagster, run: Callable[..., Outcome]
) -> None:
    dagster.add_asset("orders", TASK, location="a")
    dagster.add_asset("customers", TASK, location="b")

    outcome = run()

    key = next(iter(dagster.runs.values())).tags[wire.LAUNCH_KEY_TAG]
    assert outcome.xcoms["return_value"] == {
        "run_ids": list(dagster.runs),
        "asset_keys": ["customers", "orders"],
    }
    link = f"{dagster.url}/runs?q[0]=tag%3Adagster-airlift%2Flaunch-key%3D{key}"
    assert outcome.xcoms["dagster_run_url"] == link


def test_the_option_names_this_instance(
    dagster: FakeDagster, run: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    dagster.add_asset("mine", ("prod", "etl", "load"))
    dagster.add_asset("theirs", ("test", "etl", "load"))
    monkeypatch.setenv("AIRFLOW__DAGSTER__INSTANCE_NAME", "test")

    outcome = run()

    assert outcome.xcoms["return_value"]["asset_keys"] == ["theirs"]


@pytest.mark.parametrize(
    ("prepare", "retried"),
    [
        pytest.param(lambda _: None, False, id="nothing mapped"),
        pytest.param(lambda d: d.add_asset("a", TASK, is_executable=False), False, id="not executable"),
        pytest.param(lambda d: d.add_asset("a", TASK, partitions=FakeKeys(["x"])), False, id="partitioned"),
        pytest.param(lambda d: d.add_asset("a", TASK, ("test", "etl", "load")), False, id="two instances"),
        pytest.param(lambda d: d.broken_locations.update(defs="boom"), True, id="location not loaded"),
        pytest.param(
            lambda d: d.fail("AirflowMappingIndex", *[Fault(status=401)] * 2), True, id="unauthorized"
        ),
    ],
)
def test_what_a_person_has_to_mend_is_not_retried(
    dagster: FakeDagster,
    run: Callable[..., Outcome],
    prepare: Callable[[FakeDagster], None],
    retried: bool,  # noqa: FBT001
) -> None:
    prepare(dagster)

    outcome = run(AT_ONCE)

    assert (outcome.state, outcome.try_number) == ("failed", 2 if retried else 1)
    assert dagster.count("AirflowLaunch") == 0


def test_a_timeout_terminates_the_run(dagster: FakeDagster, run: Callable[..., Outcome]) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["STARTED"]

    outcome = run("execution_timeout=timedelta(seconds=1)")

    (fake,) = dagster.runs.values()
    assert outcome.state == "failed"
    assert fake.status in {"CANCELING", "CANCELED"}


def test_a_deferred_task_leaves_behind_what_another_does(
    dagster: FakeDagster, run: Callable[..., Outcome], read_log: Callable[[], str]
) -> None:
    dagster.add_asset("orders", TASK)

    outcome = run(options=DEFERRED)

    (run_id,) = dagster.runs
    assert outcome.state == "success"
    assert outcome.xcoms == {
        "return_value": {"run_ids": [run_id], "asset_keys": ["orders"]},
        "dagster_asset_keys": ["orders"],
        "dagster_run_ids": [run_id],
        "dagster_run_url": f"{dagster.url}/runs/{run_id}",
    }
    assert DEFERRAL in read_log()


def test_a_deferred_task_that_fails_gives_dagsters_reason(
    dagster: FakeDagster, run: Callable[..., Outcome], read_log: Callable[[], str]
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["STARTED", "FAILURE"]

    outcome = run(options=DEFERRED)

    (run_id,) = dagster.runs
    assert outcome.state == "failed"
    assert outcome.xcoms == {"dagster_run_ids": [run_id], "dagster_run_url": f"{dagster.url}/runs/{run_id}"}
    assert f"Dagster run {run_id} ended as FAILURE: step 'orders': ValueError" in read_log()


def test_a_run_that_has_ended_is_not_deferred(
    dagster: FakeDagster, run: Callable[..., Outcome], read_log: Callable[[], str]
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["SUCCESS"]

    assert run(options=DEFERRED).state == "success"
    assert DEFERRAL not in read_log()


@pytest.mark.parametrize("options", ["", DEFERRED])
def test_what_is_left_behind_names_the_run_in_which_dagster_has_retried(
    dagster: FakeDagster, run: Callable[..., Outcome], options: str
) -> None:
    dagster.add_asset("orders", TASK)
    retry = dagster.add_run({}, "STARTED", "SUCCESS", asset_keys=[["orders"]])
    dagster.launch_statuses = ["STARTED", "FAILURE"]
    dagster.launch_tags = {"dagster/will_retry": "true", "dagster/auto_retry_run_id": retry.run_id}

    outcome = run(options=options)

    assert (outcome.state, outcome.try_number) == ("success", 1)
    assert outcome.xcoms == {
        "return_value": {"run_ids": [retry.run_id], "asset_keys": ["orders"]},
        "dagster_asset_keys": ["orders"],
        "dagster_run_ids": [retry.run_id],
        "dagster_run_url": f"{dagster.url}/runs/{retry.run_id}",
    }


@pytest.mark.parametrize(
    ("cancel", "statuses"), [(True, {"CANCELING", "CANCELED"}), (False, {"STARTED"})], ids=["cancel", "keep"]
)
def test_a_deferred_task_that_times_out_ends_its_run_unless_told_otherwise(
    dagster: FakeDagster,
    run: Callable[..., Outcome],
    read_log: Callable[[], str],
    cancel: bool,  # noqa: FBT001
    statuses: set[str],
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["STARTED"]

    outcome = run("execution_timeout=timedelta(seconds=1)", options=f"{DEFERRED}, cancel_on_kill={cancel}")

    (fake,) = dagster.runs.values()
    assert outcome.state == "failed"
    assert fake.status in statuses
    assert outcome.xcoms["dagster_run_url"] == f"{dagster.url}/runs/{fake.run_id}"
    assert "have not ended, and its execution_timeout is over" in read_log()


def test_a_deferred_run_that_is_deleted_fails_the_task_without_a_retry(
    dagster: FakeDagster, run: Callable[..., Outcome]
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["STARTED"]
    gone = '{"data": {"runOrError": {"__typename": "RunNotFoundError", "message": "gone"}}}'
    dagster.fail("AirflowRun", Fault(status=200, content_type="application/json", body=gone))

    outcome = run(AT_ONCE, options=DEFERRED)

    assert (outcome.state, outcome.try_number) == ("failed", 1)


def test_what_the_trigger_gave_up_on_may_be_retried(connection: str) -> None:
    event = {"outcome": "gave_up", "launch_key": "k", "run_ids": ["a"], "message": "Dagster does not answer."}

    with pytest.raises(DagsterError, match=r"^Dagster does not answer.$") as caught:
        DagsterProxyOperator(task_id="load", dagster_conn_id=connection).dagster_run_complete({}, event)

    assert not isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize("event", [None, {}, {"status": "success"}])
def test_a_task_that_is_resumed_without_a_known_event_fails(event: object) -> None:
    with pytest.raises(DagsterError, match="which is no event of DagsterRunTrigger"):
        DagsterProxyOperator(task_id="load").dagster_run_complete({}, event)


def test_airflows_option_decides_who_is_deferred() -> None:
    code = "from airflow.providers.dagster.operators.dagster import DagsterProxyOperator as Operator\n"
    code += "print(Operator(task_id='load').deferrable)"
    environment = {**os.environ, "AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "True"}

    answer = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert answer.stdout.split()[-1] == "True"
    assert DagsterProxyOperator(task_id="load").deferrable is False


def test_killing_leaves_the_run_alone_where_that_is_asked_for(
    dagster: FakeDagster, run: Callable[..., Outcome]
) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["STARTED"]

    outcome = run("execution_timeout=timedelta(seconds=1)", options=", cancel_on_kill=False")

    assert outcome.state == "failed"
    assert dagster.count("AirflowTerminate") == 0


def test_a_broken_state_fails_the_task_without_a_retry(
    dagster: FakeDagster, run: Callable[..., Outcome]
) -> None:
    with pytest.warns(UserWarning, match=r"migration_state/etl.yaml:1:7: expected a list"):
        outcome = run(AT_ONCE, state="tasks:")

    assert (outcome.state, outcome.try_number) == ("failed", 1)
    assert dagster.requests == []


def test_the_stand_in_fails_with_its_reason() -> None:
    with pytest.raises(AirflowFailException, match=r"^the reason$"):
        UnreadableStateOperator(task_id="load", reason="the reason").execute({})


def test_killing_before_anything_was_launched_does_nothing(dagster: FakeDagster) -> None:
    DagsterProxyOperator(task_id="load").on_kill()

    assert dagster.requests == []


def test_killing_never_raises(dagster: FakeDagster, run: Callable[..., Outcome]) -> None:
    dagster.add_asset("orders", TASK)
    dagster.launch_statuses = ["STARTED"]
    dagster.fail("AirflowTerminate", Fault(drop=True))

    assert run("execution_timeout=timedelta(seconds=1)").state == "failed"


def test_the_connection_is_templated() -> None:
    assert DagsterProxyOperator.template_fields[0] == "dagster_conn_id"
