"""The specs, compared with those of dagster-dbt one by one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetSpec
from dagster_dbt import DagsterDbtTranslator, build_dbt_asset_specs

from dagster_airlift_dbt import (
    DbtCommand,
    DbtManifestError,
    DbtNode,
    DbtOnAirflow,
    DbtTranslator,
    Detail,
    ManifestSource,
)

MAPPING = "dagster-airlift/task-mapping"
# They hold the whole manifest, and the translator; Dagster shows neither.
NOT_SHOWN = {MAPPING, "dagster_dbt/manifest", "dagster_dbt/dagster_dbt_translator"}


def content_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "target" / "manifest.json").read_text())


def ours(
    manifest: ManifestSource, translator: DbtTranslator | None = None, detail: Detail = "full"
) -> dict[str, AssetSpec]:
    """The specs of everything that `dbt build` builds, by unique id."""
    command = DbtCommand("build", select="fqn:*")
    everything = DbtOnAirflow(manifest, {"dag": {"task": command}}, translator, detail).defs()
    return by_id(spec for spec in everything.assets or () if isinstance(spec, AssetSpec))


def by_id(specs: Iterable[AssetSpec]) -> dict[str, AssetSpec]:
    return {spec.metadata["dagster_dbt/unique_id"]: spec for spec in specs}


def shown(spec: AssetSpec) -> dict[str, Any]:
    """All that a spec says, in an order of its own."""
    metadata = {name: value for name, value in spec.metadata.items() if name not in NOT_SHOWN}
    deps = sorted((dep.asset_key, dep.partition_mapping, dict(dep.metadata)) for dep in spec.deps)
    return {**spec._asdict(), "metadata": metadata, "deps": deps, "owners": list(spec.owners)}


def manifest_of(*nodes: Mapping[str, Any], **members: object) -> dict[str, Any]:
    return {
        "metadata": {"project_name": "shop"},
        "nodes": {node["unique_id"]: node for node in nodes},
    } | members


def model(name: str, **fields: object) -> dict[str, Any]:
    return {
        "unique_id": f"model.shop.{name}",
        "resource_type": "model",
        "name": name,
        "package_name": "shop",
    } | fields


@pytest.mark.parametrize("name", ["shop", "jaffle", "example"])
def test_each_spec_equals_that_of_dagster_dbt(projects: Path, name: str) -> None:
    content = content_of(projects / name)

    found = ours(projects / name / "target" / "manifest.json")

    expected = by_id(build_dbt_asset_specs(manifest=content))
    # dagster-dbt makes an asset of a model without code too, though dbt passes over it.
    blank = {each for each in expected if not content["nodes"][each]["raw_code"] and "seed." not in each}
    assert found.keys() == expected.keys() - blank
    for unique_id, spec in found.items():
        assert shown(spec) == shown(expected[unique_id])


def test_a_translator_of_dagster_dbt_is_asked_as_dagster_dbt_asks_it(projects: Path) -> None:
    class Translator(DagsterDbtTranslator):
        def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
            return super().get_asset_key(dbt_resource_props).with_prefix(dbt_resource_props["package_name"])

        def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
            return {"type": dbt_resource_props["resource_type"]}

    content = content_of(projects / "shop")
    theirs = by_id(build_dbt_asset_specs(manifest=content, dagster_dbt_translator=Translator()))

    for unique_id, spec in ours(content, Translator()).items():
        assert shown(spec) == shown(theirs[unique_id])


def test_a_function_changes_specs_and_the_keys_that_others_depend_on(projects: Path) -> None:
    def prefixed(node: DbtNode, spec: AssetSpec) -> AssetSpec:
        return spec.replace_attributes(key=spec.key.with_prefix(node.resource_type))

    found = ours(projects / "shop" / "target" / "manifest.json", prefixed)

    assert found["model.shop.stg_clicks"].key == AssetKey(["model", "stg_clicks"])
    (dep,) = found["model.shop.stg_clicks"].deps
    assert dep.asset_key == AssetKey(["source", "web", "clicks"])
    assert dep.metadata["dagster/table_name"].endswith("web.clicks")
    assert {dep.asset_key for dep in found["model.shop.orders"].deps} == {
        AssetKey(["model", "stg_orders"]),
        AssetKey(["model", "stg_customers"]),
    }


def test_slim_specs_lack_columns_and_sql_alone(projects: Path) -> None:
    path = projects / "shop" / "target" / "manifest.json"

    slim = ours(path, detail="slim")

    for unique_id, full in ours(path).items():
        expected = shown(full)
        expected["metadata"].pop("dagster/column_schema", None)
        expected["description"] = expected["description"].partition("\n\n#### Raw SQL")[0]
        for _, _, metadata in expected["deps"]:
            metadata.pop("dagster/column_schema", None)
        assert shown(slim[unique_id]) == expected


def test_a_detail_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"detail is 'thin'\. Choose one of 'full', 'slim'"):
        DbtOnAirflow({}, {}, detail="thin")  # pyright: ignore[reportArgumentType]


def test_of_a_resource_nothing_but_its_id_has_to_be_there() -> None:
    (spec,) = ours({"nodes": {"model.shop.bare": {"fqn": ["shop", "bare"], "name": "bare"}}}).values()

    assert spec.key == AssetKey("bare")
    assert spec.kinds == {"dbt"}
    assert spec.code_version is None


def test_two_sources_with_one_key_say_nothing_about_it() -> None:
    sources = {
        f"source.shop.{name}.t": {
            "source_name": name,
            "name": "t",
            "config": {"meta": {"dagster": {"asset_key": "t"}}},
        }
        for name in ("a", "b")
    }
    top = model("top", fqn=["shop", "top"], depends_on={"nodes": list(sources)})

    (spec,) = ours(manifest_of(top, sources=sources)).values()

    assert [(dep.asset_key, dep.metadata) for dep in spec.deps] == [(AssetKey("t"), {})]


def test_a_model_with_the_key_of_a_source_is_refused() -> None:
    source = {"source.shop.raw.orders": {"source_name": "raw", "name": "orders"}}
    orders = model(
        "orders",
        fqn=["shop", "orders"],
        config={"schema": "raw"},
        depends_on={"nodes": ["source.shop.raw.orders"]},
    )

    with pytest.raises(
        DbtManifestError, match=r"'source\.shop\.raw\.orders' and 'model\.shop\.orders' both have"
    ):
        ours(manifest_of(orders, sources=source))


def test_what_dagster_refuses_is_told_with_the_resource_that_says_it() -> None:
    grouped = model("m", fqn=["shop", "m"], config={"group": "customer success"})

    with pytest.raises(
        DbtManifestError, match=r"refuses what the dbt project says about 'model\.shop\.m': .*group"
    ):
        ours(manifest_of(grouped))


def test_observing_needs_neither_dagster_dbt_nor_dbt(projects: Path) -> None:
    program = """
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"dagster_dbt", "dbt"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
from dagster_airlift_dbt import DbtCommand, DbtOnAirflow
defs = DbtOnAirflow(sys.argv[1], {"dag": {"task": DbtCommand("build")}}).defs()
print(len(list(defs.resolve_all_asset_specs())))
"""
    manifest = projects / "jaffle" / "target" / "manifest.json"

    ran = subprocess.run(
        [sys.executable, "-c", program, str(manifest)], capture_output=True, text=True, check=True
    )

    assert ran.stdout.strip() == "8"
