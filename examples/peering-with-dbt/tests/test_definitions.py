"""What a person reads when Airflow or the manifest is not there: one paragraph with the cause and the remedy."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dagster_airlift_core.testing import FakeAirflow
from peering_with_dbt.story.place import EXAMPLE

STEPS = EXAMPLE / "src" / "peering_with_dbt"


LOAD = "import runpy, sys; runpy.run_path(sys.argv[1])"


def load(step: str, folder: Path, url: str, password: str = "viewer") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "SHOP_AIRFLOW_URL": url,
        "SHOP_AIRFLOW_USERNAME": "viewer",
        "SHOP_AIRFLOW_PASSWORD": password,
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_PROJECT_DIR": str(EXAMPLE / "dbt_project"),
        "DAGSTER_HOME": str(folder),
    }
    command = [sys.executable, "-c", LOAD, str(STEPS / f"{step}.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_closed_port_is_told_in_one_paragraph_and_the_location_loads(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

    loaded = load("peer", tmp_path, url)

    assert loaded.returncode == 0, loaded.stderr
    assert (
        f"Airflow instance 'shop' at {url} cannot be reached: "
        "[Errno 111] Connection refused. Check the URL, that Airflow's API server runs" in loaded.stderr
    )
    assert "Traceback" not in loaded.stderr


def test_a_wrong_password_is_told_in_one_paragraph_and_the_location_loads(tmp_path: Path) -> None:
    with FakeAirflow() as airflow:
        loaded = load("peer", tmp_path, airflow.url, password="wrong-password")

        assert loaded.returncode == 0, loaded.stderr
        assert (
            f"Airflow instance 'shop' at {airflow.url} does not accept the credentials "
            "(POST /auth/token answered HTTP 401: Invalid credentials). Check username and password."
            in loaded.stderr
        )
    assert "wrong-password" not in loaded.stdout + loaded.stderr
    assert "Traceback" not in loaded.stderr


@pytest.mark.parametrize("step", ["observe", "migrate"])
def test_a_missing_manifest_is_told_in_one_paragraph(tmp_path: Path, step: str) -> None:
    loaded = load(step, tmp_path, "http://127.0.0.1:9")

    path = tmp_path / "target" / "manifest.json"
    assert loaded.returncode == 1
    assert (
        f"DbtManifestError: There is no dbt manifest at '{path}'. Write it with `dbt parse` in the dbt project"
        in loaded.stderr
    )
    assert "During handling of the above exception" not in loaded.stderr
    assert "The above exception was" not in loaded.stderr
