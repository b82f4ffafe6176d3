from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from dagster_airlift_dbt import DbtGraph, DbtSelectionError, IndirectSelection, SelectingCommand


def node(unique_id: str, *parents: str, path: str = "", **fields: object) -> dict[str, Any]:
    kind, package, *name = unique_id.split(".")
    return {
        "resource_type": kind,
        "package_name": package,
        "name": name[0],
        "fqn": [package, *path.split("/")[1:-1], *name],
        "original_file_path": path,
        "depends_on": {"nodes": list(parents)},
        **fields,
    }


MANIFEST: dict[str, Any] = {
    "metadata": {"project_name": "shop"},
    "nodes": {
        "seed.shop.raw": node("seed.shop.raw", path="seeds/raw.csv"),
        "model.shop.stg": node("model.shop.stg", "seed.shop.raw", path="models/staging/stg.sql", tags=["daily"]),
        "model.shop.mart": node(
            "model.shop.mart",
            "model.shop.stg",
            "model.lib.base",
            path="models/marts/mart.sql",
            patch_path="shop://models/marts/marts.yml",
            config={"meta": {"tier": 1}, "severity": "WARN", "flags": [True, "x"]},
        ),
        "model.shop.item.v1": node("model.shop.item.v1", path="models/marts/item_v1.sql", version=1, latest_version=2),
        "model.shop.item.v2": node("model.shop.item.v2", path="models/marts/item.sql", version=2, latest_version=2),
        "model.shop.item.beta": node("model.shop.item.beta", path="models/beta.sql", version="beta", latest_version=2),
        "model.shop.blank": node("model.shop.blank", path="models/blank.sql", raw_code=" \n"),
        "model.shop.off": node("model.shop.off", path="models/off.sql", config={"enabled": False}),
        "model.lib.base": node("model.lib.base", "model.lib.gone", path="models/staging/base.sql"),
        "test.shop.both": node("test.shop.both", "model.shop.stg", "model.shop.mart", path="tests/both.sql"),
    },
    "sources": {"source.shop.web.clicks": node("source.shop.web", source_name="web", fqn=["shop", "web", "clicks"])},
    "unit_tests": {"unit_test.shop.mart.sums": node("unit_test.shop.sums", "model.shop.mart", config={"tags": "unit"})},
    "disabled": {"model.shop.old": [node("model.shop.old", path="models/old/old.sql")]},
    "selectors": {
        "nightly": {"definition": {"method": "tag", "value": "daily", "children": True}, "default": True},
        "same": {"definition": {"value": "nightly", "method": "selector"}},
        "later": {"definition": {"value": "number", "method": "selector"}},
        "number": {"definition": {"union": [{"config.meta.tier": 1}]}},
        "earlier_run": {"definition": {"method": "state", "value": "modified"}},
    },
}  # fmt: skip


@pytest.fixture
def graph() -> DbtGraph:
    return DbtGraph.from_manifest(MANIFEST)


def names(ids: frozenset[str]) -> set[str]:
    return {unique_id.split(".", 2)[2] for unique_id in ids}


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        pytest.param("mart", {"mart"}, id="name"),
        pytest.param("shop.staging", {"stg"}, id="folder-of-a-package"),
        pytest.param("staging", {"stg", "base"}, id="folder-of-any-package"),
        pytest.param("item", {"item.v1", "item.v2", "item.beta"}, id="every-version"),
        pytest.param("item.v1", {"item.v1"}, id="version-by-dot"),
        pytest.param("item_v2", {"item.v2"}, id="version-by-underscore"),
        pytest.param("*.v?", {"item.v1", "item.v2"}, id="pattern"),
        pytest.param("shop.m*.mart", {"mart"}, id="pattern-in-the-middle"),
        pytest.param("STG", set[str](), id="case-counts"),
        pytest.param("models/staging", {"stg", "base"}, id="path-of-any-package"),
        pytest.param("path:models/marts/marts.yml", {"mart"}, id="yaml-file"),
        pytest.param("path:models/old", set[str](), id="folder-of-a-disabled-model"),
        pytest.param("models/*/*t*.sql", {"stg", "mart", "item.v1", "item.v2"}, id="path-pattern"),
        pytest.param("path:models/**/stg.sql", {"stg"}, id="folders-between"),
        pytest.param("path:models/marts/mart.sql/", set[str](), id="a-file-is-no-folder"),
        pytest.param("stg.sql", {"stg"}, id="file"),
        pytest.param("file:it*", {"item.v1", "item.v2"}, id="file-pattern"),
        pytest.param("package:this,+mart", {"stg", "mart"}, id="this-package"),
        pytest.param("config.severity:warn", {"mart"}, id="severity-in-any-case"),
        pytest.param("config.flags:TRUE", {"mart"}, id="truth-in-a-list"),
        pytest.param("config.meta.tier:1", set[str](), id="text-is-no-number"),
        pytest.param("config.meta.tier.deeper:1", set[str](), id="nothing-below-a-number"),
        pytest.param("version:old", {"item.v1"}, id="old"),
        pytest.param("version:prerelease", {"item.beta"}, id="prerelease"),
        pytest.param("1+mart", {"mart", "stg", "base"}, id="one-step-up"),
        pytest.param("0+mart", {"mart"}, id="no-step-up"),
        pytest.param("@stg", {"stg", "mart", "base"}, id="parents-of-children"),
    ],
)
def test_a_term_names_models_as_in_dbt(graph: DbtGraph, select: str, expected: set[str]) -> None:
    assert names(graph.select(select, command="run")) == expected


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param("run", {"stg"}, id="run"),
        pytest.param("seed", {"raw"}, id="seed"),
        pytest.param("test", {"both"}, id="test"),
        pytest.param("build", {"raw", "stg", "both"}, id="build"),
    ],
)
def test_a_command_takes_its_resource_types(
    graph: DbtGraph, command: SelectingCommand, expected: set[str]
) -> None:
    assert names(graph.select("+stg", command=command)) == expected


@pytest.mark.parametrize(
    ("indirect", "expected"),
    [
        pytest.param("eager", {"both", "mart.sums"}, id="eager"),
        pytest.param("cautious", {"mart.sums"}, id="cautious"),
        pytest.param("buildable", {"both", "mart.sums"}, id="buildable"),
        pytest.param("empty", set[str](), id="empty"),
    ],
)
def test_tests_come_along_as_asked(graph: DbtGraph, indirect: IndirectSelection, expected: set[str]) -> None:
    assert names(graph.select("mart", command="test", indirect_selection=indirect)) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("generic", set[str](), id="generic"),
        pytest.param("singular", {"both"}, id="singular"),
        pytest.param("unit", {"mart.sums"}, id="unit"),
        pytest.param("data", {"both"}, id="data"),
    ],
)
def test_a_test_has_a_type(graph: DbtGraph, kind: str, expected: set[str]) -> None:
    assert names(graph.select(f"test_type:{kind}", command="test")) == expected


def test_a_test_comes_along_once_the_whole_selection_has_its_parents(graph: DbtGraph) -> None:
    found = graph.select("mart stg", command="test", indirect_selection="cautious")

    assert names(found) == {"both", "mart.sums"}


def test_only_listing_shows_what_is_blank(graph: DbtGraph) -> None:
    assert names(graph.select("blank", command="ls")) == {"blank"}
    assert graph.select("blank", command="run") == frozenset()


def test_what_is_disabled_is_not_there(graph: DbtGraph) -> None:
    assert graph.select("off old", command="ls") == frozenset()


def test_nothing_selected_is_the_default_selector(graph: DbtGraph) -> None:
    assert names(graph.select(command="run")) == {"stg", "mart"}
    assert graph.select(command="run", exclude="stg") > graph.select(selector="nightly", command="run") - {
        "model.shop.stg"
    }


def test_without_a_default_selector_nothing_selected_is_everything() -> None:
    graph = DbtGraph.from_manifest({**MANIFEST, "selectors": None})

    assert graph.select(command="ls") == frozenset(graph.nodes)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param("same", {"stg", "mart"}, id="selector-of-a-selector"),
        pytest.param("number", {"mart"}, id="number"),
    ],
)
def test_a_yaml_selector_names_models(graph: DbtGraph, selector: str, expected: set[str]) -> None:
    assert names(graph.select(selector=selector, command="run")) == expected


def test_resource_types_are_narrowed(graph: DbtGraph) -> None:
    narrowed = graph.select("+stg", resource_types=["default"], exclude_resource_types=["test"])

    assert names(narrowed) == {"raw", "stg"}
    assert names(graph.select("+stg", resource_types=["seed"])) == {"raw"}
    assert graph.select("+stg", command="test", resource_types=["all"]) == graph.select("stg", command="test")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"select": "state:modified+"}, "'state:modified' cannot .* manifest alone", id="state"),
        pytest.param({"exclude": "result:error"}, "'result:error' cannot .* manifest alone", id="result"),
        pytest.param({"select": "source_status:fresher+"}, "cannot .* manifest alone", id="source-status"),
        pytest.param({"selector": "earlier_run"}, "'state:modified' cannot .* manifest alone", id="in-yaml"),
        pytest.param({"select": "tag:{{ ds }}"}, r"'\{\{' begins a template or a variable", id="jinja"),
        pytest.param({"select": "$MODELS"}, r"'\$M' begins a template or a variable", id="variable"),
        pytest.param({"select": "tags:x"}, "'tags' in 'tags:x' is no selection method", id="no-method"),
        pytest.param({"select": "@stg+"}, r"'@' before and '\+' after 'stg' exclude", id="at-and-plus"),
        pytest.param({"select": "path:../x"}, "is none in the dbt project", id="path-out-of-the-project"),
        pytest.param({"select": "/models"}, "is none in the dbt project", id="absolute-path"),
        pytest.param({"select": "path:mod**/x"}, r"'\*\*' in the path", id="part-of-a-folder"),
        pytest.param({"select": "version:v1"}, "After 'version:' stands latest", id="version"),
        pytest.param({"select": "test_type:e2e"}, "After 'test_type:' stands generic", id="test-type"),
        pytest.param({"select": "resource_type:table"}, "After 'resource_type:' stands", id="resource-type"),
        pytest.param({"select": "source:a.b.c.d"}, "After 'source:' stands source", id="source"),
        pytest.param({"select": "exposure:a.b.c"}, "After 'exposure:' stands name", id="exposure"),
        pytest.param(
            {"selector": "weekly"}, r"no selector 'weekly' .* earlier_run, later, n", id="no-selector"
        ),
        pytest.param({"selector": "later"}, "no selector 'number'", id="selector-above-its-own"),
        pytest.param({"selector": "same", "select": "x"}, "dbt ignores --select", id="selector-and-select"),
        pytest.param({"command": "compile"}, "'compile' is not among build, ls", id="command"),
        pytest.param({"indirect_selection": "lazy"}, "'lazy' is not among eager", id="indirect"),
        pytest.param({"command": "run", "resource_types": ["seed"]}, "no --resource-type", id="run-has-none"),
        pytest.param({"resource_types": ["table"]}, "'table' is no resource type", id="unknown-type"),
    ],
)
def test_what_cannot_be_resolved_is_refused(
    graph: DbtGraph, arguments: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(DbtSelectionError, match=message):
        graph.select(**cast("Any", arguments))


@pytest.mark.parametrize(
    "definition",
    [
        pytest.param(["stg"], id="list"),
        pytest.param({"union": ["stg", 1]}, id="number"),
        pytest.param({"union": "stg"}, id="text-for-a-list"),
        pytest.param({"value": "stg", "children": True}, id="no-method"),
        pytest.param({"method": "fqn", "value": "stg", "indirect_selection": "lazy"}, id="indirect"),
    ],
)
def test_a_malformed_selector_is_refused(definition: object) -> None:
    graph = DbtGraph.from_manifest({**MANIFEST, "selectors": {"bad": {"definition": definition}}})

    with pytest.raises(DbtSelectionError, match=r"The selector 'bad' holds .* no definition of a selection"):
        graph.select(selector="bad")


def test_a_term_is_one_line() -> None:
    graph = DbtGraph.from_manifest({**MANIFEST, "selectors": {"bad": {"definition": "stg\nmart"}}})

    with pytest.raises(DbtSelectionError, match="is no dbt selection"):
        graph.select(selector="bad")


def test_only_configuration_compares_with_other_than_text() -> None:
    selectors = {"bad": {"definition": {"tag": 2024}}}

    with pytest.raises(DbtSelectionError, match="'tag: 2024' has to be text"):
        DbtGraph.from_manifest({**MANIFEST, "selectors": selectors}).select(selector="bad")


def test_a_manifest_without_optional_fields_is_read() -> None:
    graph = DbtGraph.from_manifest({"nodes": {"model.shop.bare": {}, "model.shop.short": {"fqn": ["short"]}}})

    assert graph.select("resource_type:model") == {"model.shop.bare", "model.shop.short"}
    assert graph.select("short s*t") == {"model.shop.short"}
    assert graph.select("package:this") == frozenset()
