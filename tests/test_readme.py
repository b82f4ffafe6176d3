"""What the README says can be done as it says it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from dagster_airlift_core.testing import FakeAirflow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
MARTS = {"best_customers", "customers", "orders", "revenue_by_month", "species_sold"}


def blocks(language: str) -> list[str]:
    return [
        textwrap.dedent(f"{indent}{code}")
        for indent, code in re.findall(rf"```{language}\n( *)(.*?)```", README, re.DOTALL)
    ]


@pytest.fixture
def parsed_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which the example's manifest is at `target/manifest.json`."""
    project = str(ROOT / "examples/peering-with-dbt/dbt_project")
    dbt = shutil.which("dbt", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    subprocess.run(
        [str(dbt), "--quiet", "parse", "--project-dir", project, "--profiles-dir", project],
        env={
            **os.environ,
            "DBT_TARGET_PATH": str(tmp_path / "target"),
            "DBT_LOG_PATH": str(tmp_path / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "SHOP_DUCKDB": str(tmp_path / "shop.duckdb"),
        },
        check=True,
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("parsed_shop")
def test_the_lines_of_the_readme_peer_and_observe() -> None:
    names: dict[str, Any] = {}
    with FakeAirflow() as fake:
        fake.users["viewer"] = "..."
        fake.add_dag("dbt_dag", {"dbt_run_marts": []})
        for block in blocks("python"):
            exec(block.replace("http://localhost:8080", fake.url), names)

    keys = {spec.key.to_user_string() for spec in names["defs"].resolve_all_asset_specs()}
    assert {"shop/dag/dbt_dag", *MARTS} <= keys


def test_the_commands_of_the_readme_are_sessions_of_nox() -> None:
    first, second = (block.strip() for block in blocks("console"))
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-l"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout

    assert first == "python3 -m pip install 'nox[uv]' && python3 -m nox -s peering-with-dbt"
    assert second == "python3 -m nox -s tests"
    assert {"tests(provider)", "lint", "types", "live", "build", "peering-with-dbt"} <= set(listed.split())


def test_continuous_integration_calls_the_tests_as_the_readme_does() -> None:
    second = blocks("console")[1].strip()

    assert second in (ROOT / ".ci/run").read_text().splitlines()


def test_every_link_of_the_readme_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]

    assert [link for link in links if not (ROOT / link).exists()] == []
