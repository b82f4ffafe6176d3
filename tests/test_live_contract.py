"""The fake Airflows and real ones, 2.11 and 3.3, give the same answers to the same contract."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import pytest
import requests
from sites.airflow_two import BIN_VARIABLE, AirflowTwoSite

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowFilter,
    AirflowInstance,
    AirflowNotFound,
    AirflowTokenAuthBackend,
)
from peering_with_dbt.story.airflow_server import AirflowSite, DagRun
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes

CONTRACT = Path(__file__).parents[1] / "packages/dagster-airlift-core/tests/contract"
DAGS = Path(__file__).parent / "sites/contract_dags.py"
SECONDS = 180.0
TOKEN_SECONDS = 4
LEEWAY_SECONDS = 10
"""How late a token of Airflow 3 may be."""


class Site(Protocol):
    """What the test asks of a real Airflow of either version."""

    def set_paused(self, dag_id: str, *, paused: bool) -> None: ...

    def trigger(self, dag_id: str) -> DagRun: ...

    def runs(self, dag_id: str) -> list[DagRun]: ...

    def dag_ids(self) -> set[str]: ...


@pytest.mark.live
def test_a_real_airflow_3_keeps_the_contract_of_the_fake_one(tmp_path: Path) -> None:
    with fresh_place(tmp_path / "run") as place, Processes(place.logs) as processes:
        lay_out(place)
        settings = place.root / "airflow" / "airflow.cfg"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(f"[api_auth]\njwt_cli_expiration_time = {TOKEN_SECONDS}\n")
        site = AirflowSite(place, processes)
        processes.finish(site.migrate_database(), SECONDS)
        site.start()
        run_all(site, processes, place)
        keep_the_contract(place)
        a_token_that_lives_seconds_is_renewed(place)
        body = {"username": "admin", "password": place.admin_password}
        a_dag_that_was_deleted_is_told_apart(place, token=new_token(place, "/auth/token", body))


@pytest.mark.live
@pytest.mark.skipif(BIN_VARIABLE not in os.environ, reason=f"{BIN_VARIABLE} names no Airflow 2")
def test_a_real_airflow_2_keeps_the_contract_of_the_fake_one(tmp_path: Path) -> None:
    with fresh_place(tmp_path / "run") as place, Processes(place.logs) as processes:
        site = AirflowTwoSite(place, processes)
        lay_out(place)
        site.create_database()
        site.start()
        run_all(site, processes, place)
        keep_the_contract(place)
        a_session_that_is_gone_is_renewed(place)
        a_dag_that_was_deleted_is_told_apart(place, auth=("admin", place.admin_password))


def lay_out(place: Place) -> None:
    """Add the DAGs of the contract, and a file that is none."""
    (place.dags / "contract.py").write_text(DAGS.read_text())
    (place.dags / "broken.py").write_text("broken  # airflow DAG\n")


def run_all(site: Site, processes: Processes, place: Place) -> None:
    """Run what the contract asks about: two runs that succeed, then one that does not."""
    log = place.logs / "airflow-scheduler.log"
    dag_ids = {"contract", "contract_fails"}
    processes.wait_until(lambda: dag_ids <= site.dag_ids(), "the DAGs are parsed", SECONDS, log)
    site.set_paused("contract_fails", paused=True)
    site.set_paused("contract", paused=False)
    for _ in range(2):
        site.trigger("contract")
        time.sleep(1.1)  # Airflow 2 names a run by the moment
    processes.wait_until(
        lambda: [run.state for run in site.runs("contract")] == ["success"] * 2, "both end", SECONDS, log
    )
    site.trigger("contract_fails")
    site.set_paused("contract_fails", paused=False)
    processes.wait_until(
        lambda: {run.state for run in site.runs("contract_fails")} == {"failed"}, "it fails", SECONDS, log
    )


def keep_the_contract(place: Place) -> None:
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


def viewer(place: Place) -> AirflowInstance:
    return AirflowInstance(
        AirflowBasicAuthBackend(place.airflow_url, "viewer", place.viewer_password), "live"
    )


def new_token(place: Place, path: str, body: Mapping[str, str]) -> str:
    answer = requests.post(f"{place.airflow_url}{path}", json=dict(body), timeout=60)
    return str(answer.json()["access_token"])


def a_token_that_lives_seconds_is_renewed(place: Place) -> None:
    body = {"username": "viewer", "password": place.viewer_password}
    given: list[str] = []

    def token() -> str:
        given.append(new_token(place, "/auth/token/cli", body) if len(given) != 1 else given[0])
        return given[-1]

    airflow = AirflowInstance(AirflowTokenAuthBackend(place.airflow_url, token), "live")

    assert airflow.list_dags().rows
    time.sleep(TOKEN_SECONDS + LEEWAY_SECONDS + 1)
    # At four fifths of its life a token is asked for and it is the old one: the server refuses that.
    assert airflow.list_dags().rows
    assert len(given) == 3


def a_session_that_is_gone_is_renewed(place: Place) -> None:
    airflow = viewer(place)
    airflow.list_dags()

    with sqlite3.connect(place.root / "airflow" / "airflow.db", timeout=60) as database:
        assert database.execute("DELETE FROM session").rowcount > 0

    assert airflow.list_dags().rows


def a_dag_that_was_deleted_is_told_apart(
    place: Place, *, auth: tuple[str, str] | None = None, token: str = ""
) -> None:
    airflow = viewer(place)
    assert "contract_fails" in {dag.dag_id for dag in airflow.list_dags().rows}

    (place.dags / "contract.py").unlink()
    api = "v2" if token else "v1"
    answer = requests.delete(
        f"{place.airflow_url}/api/{api}/dags/contract_fails",
        headers={"Authorization": f"Bearer {token}"} if token else {},
        auth=auth,
        timeout=60,
    )
    assert answer.ok, answer.text

    tasks = airflow.list_tasks_of(["contract", "contract_fails"])
    gone = tasks["contract_fails"]
    assert isinstance(gone, AirflowNotFound)
    assert "has no DAG 'contract_fails'" in str(gone)
    assert not isinstance(tasks["contract"], AirflowNotFound)
    assert not airflow.list_dags(AirflowFilter(dag_id_ilike="contract_fails")).rows
