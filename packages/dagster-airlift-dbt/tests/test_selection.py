from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import AssetKey, AssetSpec, Definitions

from dagster_airlift_dbt import DbtCommand, DbtOnAirflow, DbtSelectionError


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


@pytest.mark.parametrize(
    "term",
    [
        "path:models/marts",
        "models/marts",
        "1+path:models/marts+",
        "state:modified",
        "access:public",
        "package:this",
    ],
)
@pytest.mark.parametrize("position", ["select", "exclude"])
def test_a_term_that_needs_more_than_a_manifest_is_refused(manifest: Path, term: str, position: str) -> None:
    selection = {"select": "marts", "exclude": "tag:x", position: f"tag:daily {term}"}

    with pytest.raises(DbtSelectionError, match="cannot be resolved from a manifest alone"):
        defs_of(manifest, DbtCommand("run", **selection))


def test_a_source_is_only_a_dependency(
    manifest: Path, mapped_specs: Callable[[Definitions], list[AssetSpec]]
) -> None:
    (spec,) = mapped_specs(defs_of(manifest, DbtCommand("run", select="stg_shelves")))

    assert [dep.asset_key for dep in spec.deps] == [AssetKey(["library", "shelves"])]
