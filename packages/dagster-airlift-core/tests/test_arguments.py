"""What cannot be meant is refused by its name, and says what to give."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    AirflowTokenAuthBackend,
    AirflowUnauthorized,
    DagTrigger,
    MappingError,
    assets_with_dag_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
    dag_triggering_assets,
    load_airflow_dag_asset_specs,
)
from dagster_airlift_core.conflicts import refuse_conflicts
from dagster_airlift_core.http_options import HttpOptions
from dagster_airlift_core.naming import nearest, some_of
from dagster_airlift_core.testing import FakeAirflow

BACKEND = AirflowBasicAuthBackend("http://127.0.0.1:9", "viewer", "secret")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("defs", [dg.AssetSpec("a")], r"of the type list\. Give dg\.Definitions", id="a list"),
        pytest.param("snapshot", "snap.json", r"named by snapshot_path=", id="a path"),
        pytest.param("retrieval_filter", "etl", r"Give an AirflowFilter", id="a filter"),
        pytest.param("dag_selector_fn", "etl", r"cannot be called", id="a selector"),
        pytest.param("airflow_asset_key_fn", "etl", r"cannot be called", id="a key function"),
        pytest.param("partition_key_fn", "etl", r"cannot be called", id="a partition function"),
        pytest.param("event_transformer_fn", "etl", r"cannot be called", id="a transformer"),
        pytest.param("task_results", [], r"the method `events_of` of TaskResults", id="results"),
        pytest.param("trigger_dags", {"etl": True}, r"Give a DagTrigger", id="a trigger"),
    ],
)
def test_an_argument_of_another_type_is_refused_by_its_name(
    airflow: AirflowInstance, name: str, value: object, told: str
) -> None:
    arguments: dict[str, Any] = {name: value}

    with pytest.raises(TypeError, match=rf"^{name}.*{told}"):
        build_defs_from_airflow_instance(airflow_instance=airflow, **arguments)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        pytest.param("mapped_tasks", "every", "'every'. Choose one of 'once', 'each'", id="mapped tasks"),
        pytest.param("partition_source", "interval", "Choose one of 'data_interval_start'", id="a source"),
        pytest.param("sensor_minimum_interval_seconds", -1, "is -1. Give a number of seconds", id="seconds"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_by_its_name(
    airflow: AirflowInstance, name: str, value: object, told: str
) -> None:
    arguments: dict[str, Any] = {name: value}

    with pytest.raises(ValueError, match=rf"^{name} is .*{told}|^{name} {told}"):
        build_defs_from_airflow_instance(airflow_instance=airflow, **arguments)


def test_what_is_no_instance_is_refused() -> None:
    backend: Any = BACKEND

    with pytest.raises(TypeError, match="airflow_instance is of the type AirflowBasicAuthBackend"):
        build_defs_from_airflow_instance(airflow_instance=backend)
    with pytest.raises(TypeError, match="airflow_instance is of the type AirflowBasicAuthBackend"):
        load_airflow_dag_asset_specs(backend)


def test_an_instance_is_made_of_a_backend_a_name_and_options() -> None:
    url: Any = "https://user:secret@airflow.example.com"
    options: Any = {"headers": {"X-Key": "secret"}}

    with pytest.raises(TypeError, match="auth_backend is of the type str") as of_url:
        AirflowInstance(url, "prod")
    with pytest.raises(TypeError, match="http is of the type dict") as of_options:
        AirflowInstance(BACKEND, "prod", http=options)
    with pytest.raises(TypeError, match="The name of an Airflow instance is of the type NoneType"):
        AirflowInstance(BACKEND, name=None)  # pyright: ignore[reportArgumentType]
    assert "secret" not in f"{of_url.value}{of_options.value}"


@pytest.mark.parametrize("path", ["/api", "/api/v1", "/api/v2/"])
def test_the_address_of_the_api_is_not_that_of_the_web_server(path: str) -> None:
    with pytest.raises(ValueError, match=r"is the address of the REST API.*without '/api"):
        HttpOptions().check(f"https://airflow.example.com/prod{path}")


def test_a_web_server_may_have_a_path() -> None:
    assert HttpOptions().check("https://airflow.example.com/prod/apiary") is None


@pytest.mark.parametrize("dag_id", [None, ""])
def test_nothing_is_mapped_to_no_dag(dag_id: str | None) -> None:
    with pytest.raises(MappingError, match="Ids of DAGs and tasks are texts"):
        assets_with_task_mappings(dag_id, {"load": [dg.AssetSpec("raw")]})  # pyright: ignore[reportArgumentType]


def test_a_mapped_asset_that_is_made_twice_is_refused_with_both_mappings(airflow: AirflowInstance) -> None:
    assets = [
        *assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("raw")]}),
        *assets_with_dag_mappings({"reports": [dg.AssetSpec("raw")]}),
    ]

    with pytest.raises(
        MappingError, match=r"'raw' stands .* twice, mapped to etl\.extract and mapped to reports"
    ):
        build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))


def test_what_is_mapped_again_as_the_refusal_says_is_mapped_to_both(airflow: AirflowInstance) -> None:
    first = assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("raw")]})
    assets = assets_with_dag_mappings({"etl": first})

    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))

    metadata = {spec.key: spec.metadata for spec in defs.resolve_all_asset_specs()}[dg.AssetKey("raw")]
    assert {"dagster-airlift/task-mapping", "dagster-airlift/dag-mapping"} <= set(metadata)


def test_an_executable_asset_beside_a_mapped_spec_is_a_conflict() -> None:
    @dg.asset
    def raw() -> None: ...

    specs = assets_with_task_mappings("etl", {"extract": [dg.AssetSpec("raw")]})

    with pytest.raises(MappingError, match="not mapped and mapped to"):
        refuse_conflicts([raw, *specs])


def test_conflicts_of_assets_that_nobody_maps_are_left_to_dagster() -> None:
    refuse_conflicts([dg.AssetSpec("raw"), dg.AssetSpec("raw"), dg.AssetSpec("raw", description="x")])


def test_of_many_names_some_are_told_and_how_many_more_there_are() -> None:
    assert some_of(["a", "b"], 2) == "a, b"
    assert some_of(["a", "b", "c"], 2) == "a, b and 1 more"
    assert some_of(["a", "b", "c"], 1, between="; ") == "a; and 2 more"
    assert some_of(["A.", "B.", "C."], 2, between=" ") == "A. B. And 1 more."


def test_the_name_that_may_have_been_meant_is_asked_for() -> None:
    assert nearest("laod", ["extract", "load"]) == " Did you mean load?"
    assert nearest("xyz", ["extract", "load"]) == ""


def test_a_token_that_airflow_does_not_take_is_not_called_a_missing_right(fake: FakeAirflow) -> None:
    airflow = AirflowInstance(AirflowTokenAuthBackend(fake.url, "of yesterday"), "prod")

    with pytest.raises(AirflowUnauthorized, match=r"does not accept the credentials .*Invalid JWT token"):
        airflow.list_dags()


def test_no_dag_is_triggered_for_no_asset(airflow: AirflowInstance) -> None:
    with pytest.raises(MappingError, match=r"No asset triggers the DAG 'etl'"):
        dag_triggering_assets(airflow_instance=airflow, dag_id="etl", specs=[])


def test_what_is_asked_of_airflow_is_a_request(
    airflow: AirflowInstance, dagster_instance: dg.DagsterInstance
) -> None:
    wrong: Any = DagTrigger(request=lambda _: {"team": "sales"})  # pyright: ignore[reportArgumentType]
    assets = dag_triggering_assets(
        airflow_instance=airflow, dag_id="etl", specs=[dg.AssetSpec("report")], trigger=wrong
    )

    with pytest.raises(TypeError, match="What `request` of a DagTrigger returned is of the type dict"):
        dg.materialize([assets], instance=dagster_instance)
