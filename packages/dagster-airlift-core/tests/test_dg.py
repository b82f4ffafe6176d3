"""The component in a fresh project, by the commands that people type."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from dagster_airlift_core.testing import FakeAirflow

TYPE = "dagster_airlift_core.AirflowInstanceComponent"
DEFINITIONS = """\
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
PROJECT = """\
[project]
name = "fresh"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "fresh"
"""
NOBODY = "http://127.0.0.1:9"
ASSETS = """\
import dagster as dg


@dg.asset
def orders(): ...
"""


class Project:
    """A project as `create-dagster` lays it out, and `dg` in it."""

    def __init__(self, root: Path, fake: FakeAirflow) -> None:
        self.root = root
        self.defs = root / "src" / "fresh" / "defs"
        self.defs.mkdir(parents=True)
        (root / "pyproject.toml").write_text(PROJECT)
        (self.defs.parent / "definitions.py").write_text(DEFINITIONS)
        for folder in (self.defs.parent, self.defs):
            (folder / "__init__.py").touch()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_")},
            "PYTHONPATH": os.pathsep.join([str(root / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "DAGSTER_HOME": str(root / "home"),
            "DG_CLI_CONFIG": str(root / "dg.toml"),
            "DAGSTER_DG_DISABLE_TELEMETRY": "1",
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "AIRFLOW_WEBSERVER_URL": fake.url,
            "AIRFLOW_USERNAME": "viewer",
            "AIRFLOW_PASSWORD": "viewer",
            "COLUMNS": "200",
        }
        (root / "home").mkdir()
        (root / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def dg(self, *arguments: str, airflow: str = "") -> subprocess.CompletedProcess[str]:
        dg = Path(sys.executable).parent / "dg"
        url = {"AIRFLOW_WEBSERVER_URL": airflow} if airflow else {}
        return subprocess.run(
            [str(dg), *arguments],
            cwd=self.root,
            env={**self.environment, **url},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )


def test_the_component_is_scaffolded_refreshed_and_loads_also_when_airflow_is_down(
    tmp_path: Path, fake: FakeAirflow
) -> None:
    project = Project(tmp_path / "fresh", fake)

    scaffolded = project.dg("scaffold", "defs", TYPE, "airflow", "--name", "prod")

    assert scaffolded.returncode == 0, scaffolded.stderr + scaffolded.stdout
    written = project.defs / "airflow" / "defs.yaml"
    content = yaml.safe_load(written.read_text())
    assert content["type"] == TYPE
    assert content["attributes"]["name"] == "prod"
    assert content["attributes"]["auth"]["password"] == "{{ env.AIRFLOW_PASSWORD }}"

    content["attributes"]["mappings"] = [
        {"dag_id": "etl", "task_mappings": [{"task_id": "extract", "assets": [{"by_key": "orders"}]}]},
        {"dag_id": "etl", "assets": [{"spec": {"key": "whole"}}]},
    ]
    content["attributes"]["default_sensor_status"] = "STOPPED"
    written.write_text(yaml.safe_dump(content))
    (project.defs / "airflow" / "tables.py").write_text(ASSETS)
    without_state = project.dg("check", "defs", airflow=NOBODY)
    refreshed = project.dg("utils", "refresh-defs-state")
    refused = project.dg("utils", "refresh-defs-state", airflow=NOBODY)
    listed = project.dg("list", "defs", "--json", airflow=NOBODY)

    assert without_state.returncode == 0, without_state.stderr + without_state.stdout
    assert refreshed.returncode == 0, refreshed.stderr + refreshed.stdout
    assert refused.returncode != 0
    assert listed.returncode == 0, listed.stderr + listed.stdout
    assert all(key in listed.stdout for key in ("prod/dag/etl", "prod/instance", "orders", "whole"))
