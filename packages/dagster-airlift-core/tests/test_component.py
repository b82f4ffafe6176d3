from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowFilter,
    AirflowInstanceComponent,
    AirflowUnreachable,
    HttpOptions,
    MappingError,
)
from dagster_airlift_core.component_fields import (
    AirflowDagMapping,
    AirflowTaskMapping,
    AssetBelow,
    NewAsset,
    with_mappings,
)
from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.mapping import entries_of
from dagster_airlift_core.snapshot_file import SnapshotFile
from dagster_airlift_core.testing import FakeAirflow

NOBODY = "http://127.0.0.1:9"
BASIC = '{type: basic_auth, webserver_url: "URL", username: viewer, password: viewer}'
MORE = """
filter: {airflow_tags: [a], owners: [airflow], paused: false}
default_sensor_status: STOPPED
task_assets: true
partition_source: run_after
mapped_tasks: each
trigger_dags: [etl]
run_timeline: true
"""


def component(url: str, more: str = "", auth: str = BASIC, name: str = "prod") -> AirflowInstanceComponent:
    return AirflowInstanceComponent.resolve_from_yaml(
        f"name: {name}\nauth: {auth.replace('URL', url)}\n{more}"
    )


@dg.asset
def orders() -> None: ...


def test_yaml_says_the_same_as_the_arguments() -> None:
    read = component(NOBODY, MORE)

    assert read.filter == AirflowFilter(airflow_tags=["a"], owners=["airflow"], paused=False)
    assert read.default_sensor_status == "STOPPED"
    assert read.task_assets
    assert read.partition_source == "run_after"
    assert read.mapped_tasks == "each"
    assert read.trigger_dags == ["etl"]
    assert read.run_timeline


def test_the_way_to_airflow_can_stand_in_yaml() -> None:
    way = "http: {verify: ca.pem, client_certificate: [a.pem, a.key], headers: {X-Gate: g}, allow_http: true, connections: 4}"

    read = component("http://airflow.example", way)

    assert read.http == HttpOptions(
        verify="ca.pem",
        client_certificate=("a.pem", "a.key"),
        headers={"X-Gate": "g"},
        allow_http=True,
        connections=4,
    )


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(Exception, match="Give two files"):
        component(NOBODY, "http: {client_certificate: [a.pem]}")


def test_a_refresh_goes_the_way_that_stands_in_yaml(fake: FakeAirflow, tmp_path: Path) -> None:
    component(fake.url, "http: {headers: {X-Gate: g}}").write_state_to_path(tmp_path / "state")

    assert {sent.headers.get("X-Gate") for sent in fake.sent} == {"g"}


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        pytest.param(BASIC, "AirflowBasicAuthBackend", id="basic"),
        pytest.param('{type: token, webserver_url: "URL", token: t}', "AirflowTokenAuthBackend", id="token"),
        pytest.param(
            '{type: mwaa, webserver_url: "URL", env_name: e, region_name: eu-west-1}',
            "MwaaSessionAuthBackend",
            id="MWAA by a session",
        ),
        pytest.param(
            '{type: mwaa, webserver_url: "URL", env_name: e, region_name: eu-west-1, access: rest_api}',
            "MwaaRestApiAuthBackend",
            id="MWAA by its REST API",
        ),
        pytest.param('{type: composer, webserver_url: "URL"}', "ComposerAuthBackend", id="Composer"),
        pytest.param(
            '{type: astronomer, webserver_url: "URL", api_token: t}', "AstronomerAuthBackend", id="Astronomer"
        ),
    ],
)
def test_each_kind_of_credentials_can_stand_in_yaml(auth: str, shown: str) -> None:
    read = component(NOBODY, auth=auth)

    assert type(read.auth).__name__ == shown
    assert read.auth.get_webserver_url() == NOBODY


def test_the_state_is_a_snapshot_and_outlives_a_refresh_that_fails(fake: FakeAirflow, tmp_path: Path) -> None:
    path = tmp_path / "state"

    component(fake.url).write_state_to_path(path)
    with pytest.raises(AirflowUnreachable):
        component(NOBODY).write_state_to_path(path)

    kept = SnapshotFile(path).read()
    assert kept
    assert set(kept.dags) == {"etl"}


def test_states_that_may_differ_have_keys_that_differ() -> None:
    keys = {
        component(NOBODY, more, name=name).defs_state_config.key
        for more in ("", MORE, "source_code_retrieval_enabled: true")
        for name in ("prod", "test")
    }

    assert len(keys) == 6


def test_mappings_of_yaml_add_up() -> None:
    (raw,) = (dg.AssetSpec("raw"),)
    mappings = [
        AirflowDagMapping(
            "etl",
            assets=[NewAsset(raw)],
            task_mappings=[AirflowTaskMapping("load", [AssetBelow(orders.key), NewAsset(raw)])],
        ),
        AirflowDagMapping("other", assets=[AssetBelow(orders.key)]),
    ]

    defs = with_mappings(dg.Definitions(assets=[orders]), mappings)

    found = {
        spec.key.to_user_string(): [entry.handle for entry in entries_of(spec)]
        for spec in defs.resolve_all_asset_specs()
    }
    assert found == {
        "orders": [TaskHandle("etl", "load"), DagHandle("other")],
        "raw": [TaskHandle("etl", "load"), DagHandle("etl")],
    }


@pytest.mark.parametrize(
    ("asset", "said"),
    [
        pytest.param(AssetBelow(dg.AssetKey("order")), "Did you mean orders?", id="a key that nobody has"),
        pytest.param(NewAsset(dg.AssetSpec("orders")), "is there already", id="a spec of a known asset"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(asset: AssetBelow | NewAsset, said: str) -> None:
    with pytest.raises(MappingError, match=said):
        with_mappings(dg.Definitions(assets=[orders]), [AirflowDagMapping("etl", assets=[asset])])
