"""What the README says can be done as it says it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import AssetKey

from dagster_airlift_core import TaskHandle
from dagster_airlift_core.testing import FakeAirflow
from dagster_airlift_dbt import DbtCommand, DbtOnAirflowComponent, NonBuilding, Uncertain, parse_dbt

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
MARTS = TaskHandle("dbt_dag", "dbt_run_marts")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with FakeAirflow(users={"viewer": "..."}) as fake:
        fake.add_dag("dbt_dag", {"dbt_run_marts": []})
        fake.set_task("dbt_dag", "r1", "dbt_run_marts")
        fake.render_task("dbt_dag", "r1", "dbt_run_marts", {"bash_command": "dbt run --select marts"})
        yield fake


@pytest.fixture
def here(project: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the manifest and the project where the README has them, and a model that is tagged as there."""
    content = json.loads(manifest.read_text())
    content["nodes"]["model.books.bestsellers"]["tags"].append("nightly")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "manifest.json").write_text(json.dumps(content))
    (tmp_path / "dbt").symlink_to(project)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_the_lines_of_the_readme_run_one_after_the_other(fake: FakeAirflow) -> None:
    names: dict[str, Any] = {}
    indices: list[frozenset[str]] = []

    for block in blocks("python"):
        exec(block.replace("http://localhost:8080", fake.url), names)
        indices.append(names["dbt"].index().ids_of(MARTS))

    assert all("model.books.sales" in ids for ids in indices)
    assert names["dbt"].preflight("dbt_dag", "dbt_run_marts").exit_code == 0
    assert names["dbt"].index().key_of("model.books.sales") == AssetKey(["books", "sales"])
    assert names["graph"].select("tag:daily+", command="run") == {"model.books.bestsellers"}


def test_what_the_readme_says_of_scripts_is_found_in_them() -> None:
    (block,) = (block for block in blocks("python") if "parse_dbt" in block)
    scripts = re.findall(r"parse_dbt\(\s*\"(.*?)\"\s*\)", block, re.DOTALL)

    found = [parse_dbt(script) for script in scripts]

    kinds = [[type(each) for each in parsed] for parsed in found]
    assert kinds == [[DbtCommand], [Uncertain], [NonBuilding], []]


def test_the_yaml_of_the_readme_is_one_of_the_component(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WEBSERVER_URL", "http://127.0.0.1:9"), ("USERNAME", "u"), ("PASSWORD", "p")):
        monkeypatch.setenv(f"AIRFLOW_{name}", value)
    (block,) = blocks("yaml")

    read = DbtOnAirflowComponent.resolve_from_yaml(yaml.safe_dump(yaml.safe_load(block)["attributes"]))

    assert read.tasks is not None
    assert set(read.tasks) == {"legacy", "nightly"}
    assert [(each.dag_id, each.task_id) for each in read.migrate or ()] == [("dbt_dag", "dbt_run_marts")]
