from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, AssetSpec, Definitions

from dagster_airlift_dbt import DbtCommand, DbtManifestError, DbtOnAirflow, DbtSelectionError


def defs_of(manifest: Path, command: DbtCommand) -> Definitions:
    return DbtOnAirflow(manifest=manifest, tasks={"nightly": {"task": command}}).defs()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(DbtCommand("seed"), {"raw_sales"}, id="seed"),
        pytest.param(DbtCommand("run", select="marts"), {"sales", "bestsellers"}, id="folder"),
        pytest.param(DbtCommand("run", select="tag:daily"), {"bestsellers"}, id="tag"),
        pytest.param(DbtCommand("run", select="+sales"), {"sales", "stg_sales"}, id="run-leaves-out-seeds"),
        pytest.param(DbtCommand("build", select="+sales"), {"sales", "stg_sales", "raw_sales"}, id="build"),
        pytest.param(
            DbtCommand("run", select="marts staging", exclude="tag:daily"),
            {"sales", "stg_sales", "stg_shelves"},
            id="exclude",
        ),
        pytest.param(DbtCommand("run", select="marts,tag:daily"), {"bestsellers"}, id="intersection"),
        pytest.param(DbtCommand("run", select="path:models/marts"), {"sales", "bestsellers"}, id="path"),
        pytest.param(DbtCommand("run", select="1+models/marts/sales.sql"), {"sales", "stg_sales"}, id="file"),
        pytest.param(
            DbtCommand("run", exclude="models/staging"), {"sales", "bestsellers"}, id="without-path"
        ),
        pytest.param(DbtCommand("run", select="package:this,tag:daily"), {"bestsellers"}, id="package"),
        pytest.param(
            DbtCommand("build", select="+sales", resource_types=("seed",)), {"raw_sales"}, id="resource-type"
        ),
    ],
)
def test_the_assets_of_a_task_are_what_its_command_builds(
    manifest: Path,
    command: DbtCommand,
    expected: set[str],
    mapped_specs: Callable[[Definitions], list[AssetSpec]],
) -> None:
    specs = mapped_specs(defs_of(manifest, command))

    assert {spec.key.to_user_string() for spec in specs} == expected


def test_a_selection_that_names_nothing_says_what_there_is(manifest: Path) -> None:
    with pytest.raises(
        DbtSelectionError, match=r"`dbt run --select mart` selects nothing .*'books'.* marts,"
    ):
        defs_of(manifest, DbtCommand("run", select="mart"))


@pytest.mark.parametrize("term", ["state:modified", "1+result:error+", "tag:{{ params.tag }}", "$MODELS"])
@pytest.mark.parametrize("position", ["select", "exclude"])
def test_a_term_that_needs_more_than_a_manifest_is_refused(manifest: Path, term: str, position: str) -> None:
    selection = {"select": "marts", "exclude": "tag:x", position: f"tag:daily {term}"}

    with pytest.raises(
        DbtSelectionError, match=r"^`dbt run --select .*`: .*cannot be resolved from a manifest"
    ):
        defs_of(manifest, DbtCommand("run", **selection))


def test_a_selection_of_tests_alone_names_no_asset(manifest: Path) -> None:
    with pytest.raises(DbtSelectionError, match=r"selects nothing .* that is an asset"):
        defs_of(manifest, DbtCommand("build", select="test_type:generic"))


def test_an_ephemeral_model_is_no_asset(
    manifest_content: dict[str, Any], tmp_path: Path, mapped_specs: Callable[[Definitions], list[AssetSpec]]
) -> None:
    content = copy.deepcopy(manifest_content)
    content["nodes"]["model.books.stg_sales"]["config"]["materialized"] = "ephemeral"
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content))

    specs = mapped_specs(defs_of(path, DbtCommand("run", select="+sales")))

    assert [spec.key for spec in specs] == [AssetKey("sales")]


def test_two_resources_with_one_key_are_refused(manifest_content: dict[str, Any], tmp_path: Path) -> None:
    content = copy.deepcopy(manifest_content)
    content["nodes"]["model.books.sales"]["config"]["meta"] = {"dagster": {"asset_key": ["bestsellers"]}}
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(content))

    with pytest.raises(
        DbtManifestError, match=r"'model\.books\.bestsellers' and 'model\.books\.sales' both have"
    ):
        defs_of(path, DbtCommand("run"))


def test_a_source_is_only_a_dependency(
    manifest: Path, mapped_specs: Callable[[Definitions], list[AssetSpec]]
) -> None:
    (spec,) = mapped_specs(defs_of(manifest, DbtCommand("run", select="stg_shelves")))

    assert [dep.asset_key for dep in spec.deps] == [AssetKey(["library", "shelves"])]
