"""Operators that launch what they are told, not what is mapped: what they plan, against a fake Dagster."""

import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterError, InvalidArgument, InvalidPartition, NothingToRun
from airflow.providers.dagster.named_assets import Groups
from airflow.providers.dagster.operators.dagster import (
    DagsterMaterializeAssetsOperator,
    DagsterProxyOperator,
    DagsterRunJobOperator,
)
from airflow.providers.dagster.operators.launch import DagsterLaunchOperator
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.plans import Plan
from airflow.providers.dagster.targets import MappedToDag, MappedToTask
from airflow.providers.dagster.testing import FakeClock, FakeDagster, FakeDays, FakeKeys

TI = SimpleNamespace(dag_id="etl", task_id="load", run_id="r", map_index=-1, max_tries=0, try_number=1)
DAILY = {"ti": TI, "data_interval_start": datetime(2026, 3, 4, tzinfo=UTC)}


def plan(
    client: DagsterClient, operator: DagsterLaunchOperator, context: dict[str, Any] | None = None
) -> Plan:
    patience = Patience(30.0, FakeClock(), logging.getLogger("test"))
    return operator.plan(client, patience, context or {"ti": TI})


def test_named_assets_are_one_run_for_each_code_location(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.add_asset("raw/orders", location="a")
    dagster.add_asset("customers", location="b")
    dagster.add_asset("a/b c", location="b")
    operator = DagsterMaterializeAssetsOperator(
        task_id="operator",
        asset_keys=["raw/orders", "customers", ["a", "b c"]],
        run_config={"ops": {}},
        tags={"team": "sales"},
    )

    first, second = plan(client, operator).works

    assert (first.location, first.asset_keys) == ("a", (("raw", "orders"),))
    assert (second.location, second.asset_keys) == ("b", (("a", "b c"), ("customers",)))
    assert {(*work.run_config, *work.tags.items()) for work in (first, second)} == {
        ("ops", ("team", "sales"))
    }


def test_named_assets_run_in_the_partition_of_the_airflow_run(
    dagster: FakeDagster, client: DagsterClient
) -> None:
    dagster.add_asset("daily", partitions=FakeDays("2026-01-01", 365))
    operator = DagsterMaterializeAssetsOperator(task_id="operator", asset_keys=["daily"], tags={"a": "b"})

    (work,) = plan(client, operator, DAILY).works

    assert work.tags == {"a": "b", "dagster/partition": "2026-03-04"}
    assert work.name == "daily (partition 2026-03-04)"


def test_a_named_partition_is_taken(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.add_asset("by_region", partitions=FakeKeys(["eu", "us"]))
    operator = DagsterMaterializeAssetsOperator(
        task_id="operator", asset_keys=["by_region"], partition_key="us"
    )

    assert plan(client, operator, DAILY).works[0].tags == {"dagster/partition": "us"}


def test_a_group_is_all_that_dagster_can_run_of_it_in_every_code_location(
    dagster: FakeDagster, client: DagsterClient
) -> None:
    dagster.add_asset("orders", group="sales", location="a")
    dagster.add_asset("refunds", group="sales", location="b")
    dagster.add_asset("source", group="sales", location="b", is_executable=False)
    dagster.add_asset("people", group="staff", location="b")
    dagster.add_asset("extra", location="a")
    operator = named(asset_keys=["extra"], groups=["sales"])

    works = plan(client, operator).works

    assert [work.asset_keys for work in works] == [(("extra",), ("orders",)), (("refunds",),)]


def test_a_group_without_anything_to_run_is_named(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.add_asset("orders", group="sales")
    dagster.add_asset("source", group="lake", is_executable=False)

    with pytest.raises(NothingToRun, match="nothing that it can run in the asset group lake"):
        plan(client, named(asset_keys=[], groups=["sales", "lake"]))


def test_a_group_may_yet_have_assets_in_a_code_location_that_is_not_loaded(
    dagster: FakeDagster, client: DagsterClient, caplog: pytest.LogCaptureFixture
) -> None:
    dagster.add_asset("orders", group="sales")
    dagster.assets.broken_locations["b"] = "ImportError"
    log = logging.getLogger("test")
    groups = Groups(client, Patience(30.0, FakeClock(), log), log)

    assert groups.keys(["sales"]) == {("orders",)}
    assert "'b' is not loaded (ImportError). What it has of sales is left out." in caplog.text
    with pytest.raises(DagsterError, match="'b': ImportError") as raised:
        groups.keys(["lake"])
    assert not isinstance(raised.value, NothingToRun)  # which Airflow would not try again


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        pytest.param(["orders", "oders"], "Dagster has no asset oders.", id="unknown"),
        pytest.param([], "no asset for an empty list of keys", id="none"),
        pytest.param(["source"], "Dagster cannot run source: it only knows", id="external"),
    ],
)
def test_assets_that_dagster_cannot_run_are_an_error(
    dagster: FakeDagster, client: DagsterClient, keys: list[str], message: str
) -> None:
    dagster.add_asset("orders")
    dagster.add_asset("source", is_executable=False)

    with pytest.raises(NothingToRun, match=message):
        plan(client, DagsterMaterializeAssetsOperator(task_id="m", asset_keys=keys))


def named(**arguments: Any) -> DagsterMaterializeAssetsOperator:  # noqa: ANN401
    return DagsterMaterializeAssetsOperator(**{"task_id": "m", "asset_keys": ["orders"], **arguments})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"tags": {"n": None}}, r"The tag 'n' in `tags` is None \(NoneType\)", id="tag"),
        pytest.param({"tags": {"n": True}}, r"The tag 'n' in `tags` is True \(bool\)", id="boolean tag"),
        pytest.param({"tags": {1: "n"}}, "`tags` has the name 1", id="name of a tag"),
        pytest.param({"tags": "a=b"}, "`tags` is 'a=b'", id="tags"),
        pytest.param({"run_config": "{}"}, "`run_config` is '{}'", id="run config"),
        pytest.param(
            {"run_config": {"ops": [{"x": DAILY["data_interval_start"]}]}},
            r"`run_config\.ops\[0\]\.x` is datetime.*, which is no JSON",
            id="moment in the run config",
        ),
        pytest.param({"run_config": {"x": float("nan")}}, r"`run_config\.x` is nan", id="not a number"),
        pytest.param({"run_config": {1: 2}}, "`run_config` has the key 1", id="key of the run config"),
        pytest.param({"asset_keys": "orders"}, "`asset_keys` is 'orders' .* Give a list", id="text"),
        pytest.param({"asset_keys": '"orders"'}, "Give a list", id="JSON of a text"),
        pytest.param({"asset_keys": [1]}, "`asset_keys` holds 1", id="number"),
        pytest.param({"groups": "sales"}, "`groups` is 'sales' .* Give a list", id="text of groups"),
        pytest.param({"groups": [1]}, "`groups` holds 1", id="number in the groups"),
        pytest.param({"asset_keys": [["a", 1]]}, r"`asset_keys` holds \['a', 1\]", id="number in a key"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_named_before_dagster_is_asked(
    dagster: FakeDagster, client: DagsterClient, arguments: dict[str, Any], message: str
) -> None:
    dagster.add_asset("orders")

    with pytest.raises(InvalidArgument, match=message):
        plan(client, named(**arguments))

    assert dagster.requests == []


def test_a_number_is_a_tag_and_json_of_a_list_is_a_list(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.add_asset("orders")
    dagster.add_asset("a/b c")
    operator = named(
        asset_keys='["orders", ["a", "b c"]]', tags={"n": 3}, run_config={"x": [1, None, "y", {"z": 0.5}]}
    )

    (work,) = plan(client, operator).works

    assert (work.asset_keys, work.tags) == ((("a", "b c"), ("orders",)), {"n": "3"})
    assert work.run_config == {"x": [1, None, "y", {"z": 0.5}]}


@pytest.mark.parametrize("is_proxied", [True, False])
def test_a_partition_key_for_assets_without_partitions_is_an_error(
    dagster: FakeDagster, client: DagsterClient, *, is_proxied: bool
) -> None:
    dagster.add_asset("orders", ("prod", "etl", "load"))
    operator = (
        DagsterProxyOperator(task_id="load", partition_key="eu") if is_proxied else named(partition_key="eu")
    )

    with pytest.raises(
        InvalidPartition, match="`partition_key` is 'eu', but Dagster's assets orders are not"
    ):
        plan(client, operator, DAILY)


def test_a_partition_key_that_a_template_has_left_empty_is_an_error(
    dagster: FakeDagster, client: DagsterClient
) -> None:
    dagster.add_asset("orders", partitions=FakeDays("2026-01-01", 365))

    with pytest.raises(InvalidPartition, match="`partition_key` is empty"):
        plan(client, named(partition_key=""), DAILY)
    assert plan(client, named(partition_key=None), DAILY).works[0].tags == {"dagster/partition": "2026-03-04"}


def test_a_job_is_found_in_its_code_location(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.assets.jobs += [("a", "nightly"), ("b", "hourly")]
    operator = DagsterRunJobOperator(
        task_id="operator", job_name="nightly", run_config={"ops": {"x": {}}}, tags={"k": "v"}
    )

    (work,) = plan(client, operator).works

    assert (work.location, work.repository, work.job) == ("a", "__repository__", "nightly")
    assert (work.asset_keys, work.run_config, work.tags) == ((), {"ops": {"x": {}}}, {"k": "v"})
    assert work.name == "job nightly"


def test_of_two_jobs_of_one_name_the_code_location_decides(
    dagster: FakeDagster, client: DagsterClient
) -> None:
    dagster.assets.jobs += [("a", "nightly"), ("b", "nightly")]

    with pytest.raises(NothingToRun, match="a job of that name: 'a', 'b'"):
        plan(client, DagsterRunJobOperator(task_id="j", job_name="nightly"))
    operator = DagsterRunJobOperator(task_id="operator", job_name="nightly", location_name="b")
    assert plan(client, operator).works[0].location == "b"


def test_a_job_that_does_not_exist_is_an_error(client: DagsterClient) -> None:
    with pytest.raises(NothingToRun, match=r"exactly one job 'gone' in code location 'x'; .*: none"):
        plan(client, DagsterRunJobOperator(task_id="j", job_name="gone", location_name="x"))


@pytest.mark.parametrize("arguments", [{}, {"partition_key": "2026-03-04"}], ids=["moment", "key"])
def test_a_partitioned_asset_takes_two_small_answers_at_any_size_of_the_deployment(
    dagster: FakeDagster,
    client: DagsterClient,
    arguments: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__DAGSTER__INSTANCE_NAME", "prod")
    for number in range(5000):
        dagster.add_asset(f"other_{number}", partitions=FakeDays("2012-01-01", 6000))
    dagster.add_asset("daily", ("prod", "etl", "load"), partitions=FakeDays("2012-01-01", 6000))
    dagster.add_dag_asset("prod", "etl")

    planned = plan(client, DagsterProxyOperator(task_id="load", **arguments), DAILY)

    assert planned.works[0].tags == {"dagster/partition": "2026-03-04"}
    assert planned.seen == ()  # the runs of the task are in the second answer as well
    assert [request.operation for request in dagster.requests] == [
        "AirflowMappingIndex",
        "AirflowMappedAssets",
    ]
    assert dagster.bytes_sent < 5_000


def test_a_proxied_task_runs_its_assets_in_the_partition_of_the_airflow_run(
    dagster: FakeDagster, client: DagsterClient
) -> None:
    dagster.add_asset("daily", ("prod", "etl", "load"), partitions=FakeDays("2026-01-01", 365))

    (work,) = plan(client, DagsterProxyOperator(task_id="load"), DAILY).works

    assert work.tags == {"dagster/partition": "2026-03-04"}
    with pytest.raises(InvalidPartition):
        plan(client, DagsterProxyOperator(task_id="load"))


def test_a_target_says_what_a_proxied_task_runs(dagster: FakeDagster, client: DagsterClient) -> None:
    dagster.add_asset("whole", ("prod", "etl"))

    of_dag = plan(client, DagsterProxyOperator(task_id="load", target=MappedToDag()))
    of_task = plan(client, DagsterProxyOperator(task_id="load", target=MappedToTask(required=False)))

    assert [work.asset_keys for work in of_dag.works] == [(("whole",),)]
    assert of_task.works == ()


@pytest.mark.parametrize(
    ("operator", "fields"),
    [
        (DagsterProxyOperator, {"dagster_conn_id", "partition_key"}),
        (
            DagsterMaterializeAssetsOperator,
            {"dagster_conn_id", "asset_keys", "groups", "partition_key", "run_config", "tags"},
        ),
        (DagsterRunJobOperator, {"dagster_conn_id", "job_name", "location_name", "run_config", "tags"}),
    ],
)
def test_what_depends_on_the_run_is_templated(
    operator: type[DagsterLaunchOperator], fields: set[str]
) -> None:
    assert set(operator.template_fields) == fields
