from __future__ import annotations

import logging

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    MappingError,
    assets_with_dag_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
    load_airflow_dag_asset_specs,
)
from dagster_airlift_core.testing import FakeAirflow
from dagster_airlift_core.wire import MAPPED_ASSETS_METADATA_KEY, TASK_MAPPING_METADATA_KEY

DAG_KEY = dg.AssetKey(["prod", "dag", "etl"])


@dg.asset
def orders() -> None: ...


@dg.multi_asset(specs=[dg.AssetSpec("a"), dg.AssetSpec("b", deps=["a"])])
def tables() -> tuple[None, None]:
    return None, None


def specs_of(defs: dg.Definitions) -> dict[dg.AssetKey, dg.AssetSpec]:
    dg.Definitions.validate_loadable(defs)
    return {spec.key: spec for spec in defs.resolve_all_asset_specs()}


def peered(airflow: AirflowInstance, *assets: dg.AssetSpec | dg.AssetsDefinition) -> dg.Definitions:
    return build_defs_from_airflow_instance(airflow_instance=airflow, defs=dg.Definitions(assets=assets))


def test_each_dag_is_an_asset(fake: FakeAirflow, airflow: AirflowInstance) -> None:
    fake.add_dag("a.b", owners=["airflow", "team:core"], tags=["my tag"], description="Loads it all")

    spec = specs_of(build_defs_from_airflow_instance(airflow_instance=airflow))[
        dg.AssetKey(["prod", "dag", "a.b"])
    ]

    assert spec.kinds == {"airflow", "dag"}
    assert spec.group_name == "prod"
    assert spec.description == "Loads it all\n\nDefined in `a.b.py`."
    assert list(spec.owners) == ["team:core"]
    assert spec.metadata["Airflow Owners"] == "airflow, team:core"
    assert spec.metadata["Airflow Tags"] == "my tag"
    assert spec.metadata["View DAG"] == dg.MetadataValue.url(f"{fake.url}/dags/a.b")
    assert spec.tags["dagster-airlift/airflow-dag-id"] == "a.b"
    assert any(tag.startswith("airflow/my_tag_") for tag in spec.tags)


def test_owners_and_tags_that_dagster_shows_itself_are_told_once(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    fake.add_dag("plain", owners=["team:core"], tags=["nightly"])

    spec = specs_of(build_defs_from_airflow_instance(airflow_instance=airflow))[
        dg.AssetKey(["prod", "dag", "plain"])
    ]

    assert list(spec.owners) == ["team:core"]
    assert "airflow/nightly" in spec.tags
    assert {"Airflow Owners", "Airflow Tags"}.isdisjoint(spec.metadata)


def test_dag_specs_alone_are_the_same(airflow: AirflowInstance) -> None:
    (spec,) = load_airflow_dag_asset_specs(airflow_instance=airflow)

    assert spec == specs_of(build_defs_from_airflow_instance(airflow_instance=airflow))[DAG_KEY]


def test_the_sensor_is_named_after_the_instance_and_runs(fake: FakeAirflow) -> None:
    backend = AirflowBasicAuthBackend(fake.url, "viewer", "viewer")

    names = [
        sensor.name
        for name in ("prod", "eu-west", "eu.west")
        for sensor in build_defs_from_airflow_instance(
            airflow_instance=AirflowInstance(backend, name)
        ).sensors
        or ()
        if isinstance(sensor, dg.SensorDefinition) and sensor.default_status == dg.DefaultSensorStatus.RUNNING
    ]

    assert names[0] == "prod__airflow_sensor"
    assert len(set(names)) == 3


def test_the_dag_asset_reads_the_leaves_of_its_mapped_assets(airflow: AirflowInstance) -> None:
    defs = peered(
        airflow,
        *assets_with_task_mappings("etl", {"extract": [orders], "grp.load": [tables]}),
        *assets_with_dag_mappings({"etl": [dg.AssetSpec("whole", deps=["b"])]}),
    )

    deps = {dep.asset_key.to_user_string() for dep in specs_of(defs)[DAG_KEY].deps}

    assert deps == {"orders", "whole"}


def test_the_dag_asset_lists_the_assets_of_its_tasks_and_of_the_dag(airflow: AirflowInstance) -> None:
    defs = peered(
        airflow,
        *assets_with_task_mappings("etl", {"extract": [tables]}),
        *assets_with_dag_mappings({"etl": [dg.AssetSpec(["x/y", "z"])]}),
    )

    metadata = specs_of(defs)[DAG_KEY].metadata

    assert metadata[MAPPED_ASSETS_METADATA_KEY] == dg.MetadataValue.json(
        {"tasks": {"extract": [["a"], ["b"]]}, "dag": [["x/y", "z"]]}
    )


def test_a_dag_asset_never_closes_a_circle(
    airflow: AirflowInstance, caplog: pytest.LogCaptureFixture
) -> None:
    circular = dg.AssetSpec("circular", deps=[DAG_KEY])

    with caplog.at_level(logging.WARNING):
        defs = peered(
            airflow, *assets_with_task_mappings("etl", {"extract": [circular], "grp.load": [orders]})
        )

    assert [dep.asset_key for dep in specs_of(defs)[DAG_KEY].deps] == [dg.AssetKey("orders")]
    metadata = specs_of(defs)[DAG_KEY].metadata
    assert metadata["Would Close a Circle"] == dg.MetadataValue.json(["circular"])
    assert "prod/dag/etl cannot depend on circular: that would close a circle." in caplog.text


def test_a_mapped_asset_names_its_instance_and_shows_facts(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    specs = specs_of(peered(airflow, *assets_with_task_mappings("etl", {"extract": [orders]})))

    spec = specs[dg.AssetKey("orders")]

    assert spec.metadata[TASK_MAPPING_METADATA_KEY] == dg.MetadataValue.json(
        [{"airflow_instance": "prod", "dag_id": "etl", "task_id": "extract"}]
    )
    assert "airliftmapped" in spec.kinds
    assert spec.tags["airlift/operator"] == "BashOperator"
    assert spec.metadata["View Task"] == dg.MetadataValue.url(f"{fake.url}/dags/etl/tasks/extract")
    assert spec.tags["dagster-airlift/airflow-task-id"] == "extract"


def test_an_asset_of_two_tasks_shows_the_facts_of_both(airflow: AirflowInstance) -> None:
    specs = specs_of(
        peered(airflow, *assets_with_task_mappings("etl", {"extract": [orders], "grp.load": [orders]}))
    )

    metadata = specs[dg.AssetKey("orders")].metadata

    assert {"View Task (etl.extract)", "View Task (etl.grp.load)"} <= set(metadata)


def test_ten_kinds_of_ones_own_leave_no_room_for_ours(airflow: AirflowInstance) -> None:
    full = dg.AssetSpec("full", kinds={f"k{n}" for n in range(10)})

    specs = specs_of(peered(airflow, *assets_with_task_mappings("etl", {"extract": [full]})))

    assert len(specs[dg.AssetKey("full")].kinds) == 10


def test_a_mapping_to_what_is_gone_warns_and_keeps_the_asset(
    airflow: AirflowInstance, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        defs = peered(
            airflow,
            *assets_with_task_mappings("etl", {"extrct": [dg.AssetSpec("a")]}),
            *assets_with_task_mappings("elt", {"load": [dg.AssetSpec("b")]}),
            *assets_with_dag_mappings({"nightly": [dg.AssetSpec("c")]}),
        )

    assert {dg.AssetKey("a"), dg.AssetKey("b"), dg.AssetKey("c")} <= set(specs_of(defs))
    assert len(caplog.records) == 1
    assert (
        "Airflow instance 'prod' has no DAG elt. Its DAGs are etl. Did you mean etl? "
        "Airflow instance 'prod' has no task etl.extrct. The tasks of etl are extract, grp.load. "
        "Did you mean extract? "
        "Airflow instance 'prod' has no DAG nightly. Its DAGs are etl."
    ) in caplog.text


def test_an_airflow_without_dags_says_so(
    fake: FakeAirflow, airflow: AirflowInstance, caplog: pytest.LogCaptureFixture
) -> None:
    fake.remove_dag("etl")

    with caplog.at_level(logging.WARNING):
        peered(airflow, *assets_with_dag_mappings({"etl": [orders]}))

    assert "has no DAG etl. Its DAGs: none." in caplog.text


def test_two_instances_do_not_touch_each_others_assets(airflow: AirflowInstance) -> None:
    with FakeAirflow() as other:
        other.add_dag("etl", {"extract": []})
        test = AirflowInstance(AirflowBasicAuthBackend(other.url, "viewer", "viewer"), "test")
        first = build_defs_from_airflow_instance(
            airflow_instance=airflow,
            defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"extract": [orders]})),
        )

        specs = specs_of(build_defs_from_airflow_instance(airflow_instance=test, defs=first))

    assert specs[dg.AssetKey("orders")].tags["dagster-airlift/airflow-instance"] == "prod"
    assert [dep.asset_key for dep in specs[DAG_KEY].deps] == [dg.AssetKey("orders")]
    assert not list(specs[dg.AssetKey(["test", "dag", "etl"])].deps)


def test_one_instance_is_not_peered_twice(airflow: AirflowInstance) -> None:
    once = build_defs_from_airflow_instance(airflow_instance=airflow)

    with pytest.raises(MappingError, match="The Airflow instance 'prod' is in these definitions already"):
        build_defs_from_airflow_instance(airflow_instance=airflow, defs=once)


def test_everything_else_in_your_definitions_stays(airflow: AirflowInstance) -> None:
    @dg.asset_check(asset=orders)
    def fine() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    job = dg.define_asset_job("job", selection="orders")
    with pytest.warns(DeprecationWarning, match="SourceAsset"):
        old = dg.SourceAsset("old")
    mine = dg.Definitions(
        assets=[*assets_with_task_mappings("etl", {"extract": [orders]}), old],
        asset_checks=[fine],
        jobs=[job],
        schedules=[dg.ScheduleDefinition(job=job, cron_schedule="@daily")],
        resources={"warehouse": "duckdb"},
        metadata={"team": "core"},
    )

    defs = build_defs_from_airflow_instance(airflow_instance=airflow, defs=mine)

    dg.Definitions.validate_loadable(defs)
    assert job in (defs.jobs or ())
    assert len(list(defs.schedules or ())) == 1
    assert fine in (defs.asset_checks or ())
    assert (defs.resources or {})["warehouse"] == "duckdb"
    assert "team" in defs.metadata
    assert defs.resolve_job_def("job").execute_in_process().success


def test_a_dag_asset_of_your_own_is_not_made_twice(airflow: AirflowInstance) -> None:
    (spec,) = load_airflow_dag_asset_specs(airflow_instance=airflow)

    specs = specs_of(peered(airflow, spec.replace_attributes(description="mine")))

    assert specs[DAG_KEY].description == "mine"
