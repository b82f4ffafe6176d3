"""The fake Airflow and a real one give the same answers to the same contract."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.place import fresh_place
from peering_with_dbt.story.processes import Processes

CONTRACT = Path(__file__).parents[1] / "packages/dagster-airlift-core/tests/contract"
DAG_ID = "load_lakehouse"
SECONDS = 180.0


@pytest.mark.live
def test_a_real_airflow_keeps_the_contract_of_the_fake_one(tmp_path: Path) -> None:
    with fresh_place(tmp_path / "run") as place, Processes(place.logs) as processes:
        airflow = AirflowSite(place, processes)
        processes.finish(airflow.migrate_database(), SECONDS)
        airflow.start()
        run_twice_and_leave_one_queued(airflow, processes, place.logs / "airflow-scheduler.log")

        contract = subprocess.run(
            [sys.executable, "-m", "pytest", "-m", "live", "-q", str(CONTRACT)],
            env={
                **os.environ,
                "AIRLIFT_LIVE_AIRFLOW_URL": place.airflow_url,
                "AIRLIFT_LIVE_AIRFLOW_USERNAME": "viewer",
                "AIRLIFT_LIVE_AIRFLOW_PASSWORD": place.viewer_password,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert contract.returncode == 0, contract.stdout
    assert "skipped" not in contract.stdout


def run_twice_and_leave_one_queued(airflow: AirflowSite, processes: Processes, log: Path) -> None:
    airflow.set_paused(DAG_ID, paused=False)
    processes.wait_until(lambda: bool(airflow.runs(DAG_ID)), "the first run is there", SECONDS, log)
    airflow.trigger(DAG_ID)
    processes.wait_until(
        lambda: [run.state for run in airflow.runs(DAG_ID)] == ["success", "success"],
        f"{DAG_ID} has run twice",
        SECONDS,
        log,
    )
    airflow.set_paused(DAG_ID, paused=True)
    airflow.trigger(DAG_ID)
