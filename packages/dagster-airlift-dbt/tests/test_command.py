from __future__ import annotations

from typing import cast

import pytest

from dagster_airlift_dbt import DbtCommand, DbtSelectionError, RunCommand


def test_a_command_reads_as_dbt_would_take_it() -> None:
    command = DbtCommand("run", select="staging", exclude="tag:slow", flags=("--target", "prod"))

    assert str(command) == "dbt run --select staging --exclude tag:slow --target prod"


def test_without_a_selection_a_command_takes_everything() -> None:
    assert str(DbtCommand("build")) == "dbt build"


@pytest.mark.parametrize("command", ["compile", "docs", "retry"])
def test_a_command_that_neither_builds_nor_tests_is_refused(command: str) -> None:
    with pytest.raises(
        DbtSelectionError, match=f"`dbt {command}` materialises nothing.*build, run, seed, snapshot, test"
    ):
        DbtCommand(cast("RunCommand", command))


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        pytest.param(("--select", "sales"), "select", id="select"),
        pytest.param(("-s=sales",), "select", id="short"),
        pytest.param(("--target", "prod", "--exclude=sales"), "exclude", id="exclude"),
        pytest.param(("--selector", "nightly"), "selector", id="selector"),
        pytest.param(("--indirect-selection", "empty"), "indirect_selection", id="indirect"),
        pytest.param(("--resource-type", "model"), "resource_types", id="resource-type"),
    ],
)
def test_what_selects_is_no_flag(flags: tuple[str, ...], field: str) -> None:
    with pytest.raises(DbtSelectionError, match=f"selects what is built. Give it as `{field}=`"):
        DbtCommand("build", flags=flags)


def test_every_selecting_option_reads_as_dbt_would_take_it() -> None:
    command = DbtCommand(
        "build",
        selector="nightly",
        indirect_selection="cautious",
        resource_types=("model", "test"),
        exclude_resource_types=("seed",),
    )

    assert str(command) == (
        "dbt build --selector nightly --indirect-selection cautious "
        "--resource-type model --resource-type test --exclude-resource-type seed"
    )
