"""What a person reads when the definitions cannot load: one paragraph with the cause and the remedy."""

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


def validate(step: str, folder: Path, url: str, password: str = "viewer") -> str:
    environment = {
        **os.environ,
        "SHOP_AIRFLOW_URL": url,
        "SHOP_AIRFLOW_USERNAME": "viewer",
        "SHOP_AIRFLOW_PASSWORD": password,
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_PROJECT_DIR": str(EXAMPLE / "dbt_project"),
        "DAGSTER_HOME": str(folder),
    }
    command = ["-m", "dagster", "definitions", "validate", "-f", str(STEPS / f"{step}.py")]
    ended = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    return ended.stdout + ended.stderr


def test_a_closed_port_is_told_in_one_paragraph(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"

    told = validate("peer", tmp_path, url)

    assert (
        f"AirflowUnreachable: Airflow instance 'shop' at {url} cannot be reached: "
        "[Errno 111] Connection refused. Check the URL, that Airflow's API server runs" in told
    )
    assert "The above exception was caused by" not in told


def test_a_wrong_password_is_told_in_one_paragraph(tmp_path: Path) -> None:
    with FakeAirflow() as airflow:
        told = validate("peer", tmp_path, airflow.url, password="wrong-password")

        assert (
            f"AirflowUnauthorized: Airflow instance 'shop' at {airflow.url} does not accept the credentials "
            "(POST /auth/token answered HTTP 401: Invalid credentials). Check username and password." in told
        )
    assert "wrong-password" not in told
    assert "The above exception was caused by" not in told


@pytest.mark.parametrize("step", ["observe", "migrate"])
def test_a_missing_manifest_is_told_in_one_paragraph(tmp_path: Path, step: str) -> None:
    told = validate(step, tmp_path, "http://127.0.0.1:9")

    path = tmp_path / "target" / "manifest.json"
    assert (
        f"DbtManifestError: There is no dbt manifest at '{path}'. Write it with `dbt parse` in the dbt project"
        in told
    )
    assert "The above exception was caused by" not in told
