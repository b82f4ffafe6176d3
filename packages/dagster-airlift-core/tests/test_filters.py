from __future__ import annotations

from dataclasses import replace

import pytest

from dagster_airlift_core import AirflowFilter, AirflowInstance
from dagster_airlift_core.model import AirflowAsset, Dag
from dagster_airlift_core.testing import FakeAirflow

DAG = Dag("Sales_daily", None, ("alice", "bob"), ("core", "eu"), None, None)
ASSET = AirflowAsset("s3://bkt/Raw/orders", "orders", None, frozenset(), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("only", "is_wanted"),
    [
        pytest.param(AirflowFilter(), True, id="everything"),
        pytest.param(AirflowFilter(dag_id_ilike="LES_D"), True, id="part of the id in whatever case"),
        pytest.param(AirflowFilter(dag_id_ilike="s%daily"), True, id="percent for any characters"),
        pytest.param(AirflowFilter(dag_id_ilike="sales-daily"), False, id="another id"),
        pytest.param(AirflowFilter(dag_id_ilike="sales.daily"), False, id="a dot is a dot"),
        pytest.param(AirflowFilter(airflow_tags=["us", "eu"]), True, id="any of the tags"),
        pytest.param(AirflowFilter(airflow_tags=["e"]), False, id="a part of a tag is no tag"),
        pytest.param(AirflowFilter(airflow_tags=[]), False, id="none of no tags"),
        pytest.param(AirflowFilter(owners=["bob"]), True, id="any of the owners"),
        pytest.param(AirflowFilter(owners=["bo"]), False, id="a part of an owner is no owner"),
        pytest.param(AirflowFilter(paused=True), False, id="only paused ones"),
        pytest.param(AirflowFilter(paused=False), True, id="only others"),
    ],
)
def test_a_dag_is_wanted_when_every_condition_holds(only: AirflowFilter, *, is_wanted: bool) -> None:
    assert only.admits(DAG) is is_wanted


def test_a_stale_dag_is_wanted_only_when_asked_for() -> None:
    stale = replace(DAG, is_stale=True)

    assert not AirflowFilter().admits(stale)
    assert AirflowFilter(include_stale=True).admits(stale)


@pytest.mark.parametrize(
    ("only", "is_wanted"),
    [
        pytest.param(AirflowFilter(), True, id="everything"),
        pytest.param(AirflowFilter(dataset_uri_ilike="s3://%/raw/"), True, id="part of the uri"),
        pytest.param(AirflowFilter(dataset_uri_ilike="gs://"), False, id="another uri"),
        pytest.param(AirflowFilter(retrieve_datasets=False), False, id="none at all"),
    ],
)
def test_an_asset_is_wanted_by_its_uri(only: AirflowFilter, *, is_wanted: bool) -> None:
    assert only.admits_asset(ASSET) is is_wanted


def test_what_the_server_does_not_filter_as_we_do_is_filtered_here(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.add_dag("my_dag", owners=["al"])
    fake.add_dag("my-dag", owners=["al", "alice"])

    like = airflow.list_dags(AirflowFilter(dag_id_ilike="my_"))
    owned = airflow.list_dags(AirflowFilter(owners=["al"]))
    odd = airflow.list_dags(AirflowFilter(dag_id_ilike="É|my"))

    assert [dag.dag_id for dag in like.rows] == ["my_dag"]
    assert like.received == 2
    assert [dag.dag_id for dag in owned.rows] == ["my-dag", "my_dag"]
    assert not odd.rows


def test_no_asset_is_asked_for_when_none_is_wanted(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.add_asset("s3://bkt/a")

    assert not airflow.list_airflow_assets(AirflowFilter(retrieve_datasets=False)).rows
    assert not fake.requests


@pytest.mark.parametrize("name", ["airflow_tags", "owners"])
def test_a_text_in_the_place_of_several_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"AirflowFilter\({name}='gold'\) is a text.* {name}=\['gold'\]"):
        AirflowFilter(**{name: "gold"})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("wide", "narrow", "is_wider"),
    [
        pytest.param({}, {"airflow_tags": ["a"]}, True, id="everything"),
        pytest.param({"airflow_tags": ["a"]}, {}, False, id="one tag, all"),
        pytest.param({"owners": ["a", "b"]}, {"owners": ["b"]}, True, id="more owners"),
        pytest.param({"owners": ["a"]}, {"owners": ["b"]}, False, id="other owners"),
        pytest.param({"paused": True}, {"paused": False}, False, id="the others"),
        pytest.param({}, {"include_stale": True}, False, id="stale ones"),
        pytest.param({"retrieve_datasets": False}, {}, False, id="no assets"),
        pytest.param({"dataset_uri_ilike": "a"}, {}, False, id="some assets"),
        pytest.param({"dataset_uri_ilike": "a"}, {"retrieve_datasets": False}, True, id="assets not wanted"),
        pytest.param({"dag_id_ilike": "a"}, {"dag_id_ilike": "ab"}, False, id="another part of the id"),
    ],
)
def test_a_filter_covers_one_that_admits_no_more(
    wide: dict[str, object], narrow: dict[str, object], *, is_wider: bool
) -> None:
    filters = [AirflowFilter(**fields) for fields in (wide, narrow)]  # pyright: ignore[reportArgumentType]

    assert filters[0].covers(filters[1]) is is_wider
