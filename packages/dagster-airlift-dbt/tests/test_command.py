from __future__ import annotations

from typing import cast

import pytest

from dagster_airlift_dbt import BuildingCommand, DbtCommand, DbtSelectionError


def test_a_command_reads_as_dbt_would_take_it() -> None:
    command = DbtCommand("run", select="staging", exclude="tag:slow", flags=("--target", "prod"))

    assert str(command) == "dbt run --select staging --exclude tag:slow --target prod"


def test_without_a_selection_a_command_takes_everything() -> None:
    assert str(DbtCommand("build")) == "dbt build"


@pytest.mark.parametrize("command", ["test", "compile", "docs"])
def test_a_command_that_builds_nothing_is_refused(command: str) -> None:
    with pytest.raises(
        DbtSelectionError, match=f"`dbt {command}` materialises nothing.*build, run, seed, snapshot"
    ):
        DbtCommand(cast("BuildingCommand", command))


@pytest.mark.parametrize(
    ("command", "left_out"),
    [
        pytest.param("build", set[str](), id="build-runs-all"),
        pytest.param("run", {"seed", "snapshot", "test", "unit_test"}, id="run"),
        pytest.param("seed", {"model", "snapshot", "test", "unit_test"}, id="seed"),
        pytest.param("snapshot", {"model", "seed", "test", "unit_test"}, id="snapshot"),
    ],
)
def test_a_command_leaves_out_what_dbt_leaves_out(command: BuildingCommand, left_out: set[str]) -> None:
    terms = DbtCommand(command).leaves_out.split()

    assert {term.removeprefix("resource_type:") for term in terms} == left_out
