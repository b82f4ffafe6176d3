from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from dagster_airlift_core import (
    DagHandle,
    MappingError,
    TaskHandle,
    assets_with_dag_mappings,
    assets_with_multiple_task_mappings,
    assets_with_task_mappings,
)
from dagster_airlift_core.mapping import AssetMapping, claimed, entries_of, with_entries
from dagster_airlift_core.wire import DAG_MAPPING_METADATA_KEY, TASK_MAPPING_METADATA_KEY


@dg.multi_asset(specs=[dg.AssetSpec("a", kinds={"dbt"}), dg.AssetSpec("b", deps=["a"])], can_subset=True)
def executable() -> tuple[None, None]:
    return None, None


def mapping_of(spec: dg.AssetSpec, key: str = TASK_MAPPING_METADATA_KEY) -> object:
    value = spec.metadata[key]
    assert isinstance(value, dg.JsonMetadataValue)
    return value.data


with pytest.warns(DeprecationWarning, match="SourceAsset"):
    OLD = dg.SourceAsset("old")

NOT_ASSETS = [
    pytest.param(dg.AssetSpec("a"), "which is no list", id="a bare spec"),
    pytest.param(executable, "which is no list", id="a bare definition"),
    pytest.param("orders", "which is no list", id="a text"),
    pytest.param(dg.AssetKey("orders"), "which is no list", id="a key"),
    pytest.param(None, "which is no list", id="nothing"),
    pytest.param(["orders"], "a str", id="texts"),
    pytest.param([dg.AssetKey("orders")], "give dg.AssetSpec", id="keys"),
    pytest.param([OLD], "a SourceAsset", id="an asset of an old kind"),
]


@pytest.mark.parametrize(("assets", "said"), NOT_ASSETS)
def test_what_cannot_be_mapped_is_refused_with_its_task_and_what_is_accepted(
    assets: Any,  # noqa: ANN401 - of every wrong type
    said: str,
) -> None:
    with pytest.raises(MappingError, match="The task 'load' of the DAG 'etl' is mapped to") as caught:
        assets_with_task_mappings("etl", {"load": assets})
    with pytest.raises(MappingError, match="The DAG 'etl' is mapped to"):
        assets_with_dag_mappings({"etl": assets})
    with pytest.raises(MappingError, match="The task 'load' of the DAG 'etl' is mapped to"):
        assets_with_multiple_task_mappings(assets, [TaskHandle("etl", "load")])

    assert said in str(caught.value)
    assert "Give a list of asset specs and definitions" in str(caught.value)


@pytest.mark.parametrize("mappings", [None, "load", [dg.AssetSpec("a")]])
def test_mappings_that_are_no_dict_are_refused(mappings: Any) -> None:  # noqa: ANN401 - of every wrong type
    with pytest.raises(MappingError, match=r"The tasks of the DAG 'etl' are mapped by .* Give a dict"):
        assets_with_task_mappings("etl", mappings)
    with pytest.raises(MappingError, match=r"DAGs are mapped by .* Give a dict"):
        assets_with_dag_mappings(mappings)


@pytest.mark.parametrize("tasks", [TaskHandle("etl", "load"), "load", ["load"], {"dag_id": "etl"}])
def test_tasks_that_are_no_list_of_tasks_are_refused(tasks: Any) -> None:  # noqa: ANN401 - of every wrong type
    with pytest.raises(MappingError, match=r"Expected .* TaskHandle\('etl', 'load'\)|Give \[TaskHandle"):
        assets_with_multiple_task_mappings([dg.AssetSpec("a")], tasks)


def test_a_task_mapping_is_json_metadata_of_the_spec() -> None:
    (spec,) = assets_with_task_mappings("etl", {"load": [dg.AssetSpec("a", metadata={"mine": 1})]})

    assert isinstance(spec, dg.AssetSpec)
    assert mapping_of(spec) == [{"dag_id": "etl", "task_id": "load"}]
    assert spec.metadata["mine"] == 1


def test_a_dag_mapping_is_json_metadata_of_the_spec() -> None:
    (spec,) = assets_with_dag_mappings({"etl": (dg.AssetSpec(key) for key in ["a"])})

    assert isinstance(spec, dg.AssetSpec)
    assert mapping_of(spec, DAG_MAPPING_METADATA_KEY) == [{"dag_id": "etl"}]


def test_an_executable_definition_stays_one_and_the_argument_stays_as_it_was() -> None:
    (asset,) = assets_with_task_mappings("etl", {"load": [executable]})

    assert isinstance(asset, dg.AssetsDefinition)
    assert asset.is_executable
    assert [mapping_of(spec) for spec in asset.specs] == [[{"dag_id": "etl", "task_id": "load"}]] * 2
    assert not any(TASK_MAPPING_METADATA_KEY in spec.metadata for spec in executable.specs)
    assert next(spec for spec in asset.specs if spec.key == dg.AssetKey("a")).kinds == {"dbt"}


def test_mapping_twice_adds_and_does_not_repeat() -> None:
    once = assets_with_task_mappings("etl", {"load": [dg.AssetSpec("a")]})
    twice = assets_with_task_mappings("etl", {"load": once})
    (spec,) = assets_with_task_mappings("other", {"copy": twice})

    assert isinstance(spec, dg.AssetSpec)
    assert mapping_of(spec) == [{"dag_id": "etl", "task_id": "load"}, {"dag_id": "other", "task_id": "copy"}]


def test_one_asset_of_two_tasks_in_one_call_is_returned_once() -> None:
    spec = dg.AssetSpec("a")

    assets = assets_with_task_mappings("etl", {"load": [spec, executable], "check": [spec, executable]})

    assert len(assets) == 2
    assert isinstance(assets[0], dg.AssetSpec)
    assert mapping_of(assets[0]) == [
        {"dag_id": "etl", "task_id": "load"},
        {"dag_id": "etl", "task_id": "check"},
    ]


def test_two_different_specs_of_one_asset_cannot_be_meant() -> None:
    specs = [dg.AssetSpec("a", description="one"), dg.AssetSpec("a", description="other")]

    with pytest.raises(MappingError, match="Two different specs of the asset"):
        assets_with_task_mappings("etl", {"load": specs})


def test_tasks_of_several_dags_are_given_as_handles_or_as_the_peer_writes_them() -> None:
    handles = [TaskHandle("etl", "load"), {"dag_id": "other", "task_id": "copy"}]

    (spec,) = assets_with_multiple_task_mappings([dg.AssetSpec("a")], handles)

    assert isinstance(spec, dg.AssetSpec)
    assert [entry.handle for entry in entries_of(spec)] == [
        TaskHandle("etl", "load"),
        TaskHandle("other", "copy"),
    ]


def test_a_task_handle_without_task_cannot_be_meant() -> None:
    with pytest.raises(MappingError, match="Expected a task like"):
        assets_with_multiple_task_mappings([dg.AssetSpec("a")], [{"dag_id": "etl"}])


@pytest.mark.parametrize("value", [["load"], {"task_id": "load"}, [{"dag_id": "etl"}], "load"])
def test_foreign_metadata_under_our_key_names_asset_and_entry(value: object) -> None:
    spec = dg.AssetSpec("a", metadata={TASK_MAPPING_METADATA_KEY: value})

    with pytest.raises(MappingError, match="of the asset 'a' has the entry"):
        entries_of(spec)


def test_plain_lists_are_read_too() -> None:
    spec = dg.AssetSpec("a", metadata={TASK_MAPPING_METADATA_KEY: [{"dag_id": "etl", "task_id": "load"}]})

    assert [entry.handle for entry in entries_of(spec)] == [TaskHandle("etl", "load")]


def test_an_instance_claims_what_no_other_has() -> None:
    (spec,) = assets_with_task_mappings("etl", {"load": [dg.AssetSpec("a")]})
    assert isinstance(spec, dg.AssetSpec)

    first = claimed(spec, "prod")
    again = claimed(first, "test")

    assert mapping_of(first) == [{"airflow_instance": "prod", "dag_id": "etl", "task_id": "load"}]
    assert again == first


def test_the_mapping_of_an_instance_holds_its_own_entries_only() -> None:
    (task,) = assets_with_task_mappings("etl", {"load": [dg.AssetSpec("a")]})
    (dag,) = assets_with_dag_mappings({"etl": [dg.AssetSpec("b")]})
    assert isinstance(task, dg.AssetSpec)
    assert isinstance(dag, dg.AssetSpec)

    mapping = AssetMapping.of("prod", [claimed(task, "prod"), claimed(dag, "prod"), with_entries(dag, [])])

    assert mapping.tasks == {TaskHandle("etl", "load"): (dg.AssetKey("a"),)}
    assert mapping.dags == {DagHandle("etl"): (dg.AssetKey("b"),)}
    assert mapping.keys_by_dag() == {"etl": {dg.AssetKey("a"), dg.AssetKey("b")}}
    assert AssetMapping.of("test", [claimed(task, "prod")]).dag_ids == frozenset()
