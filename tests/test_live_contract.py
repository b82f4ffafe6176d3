"""Real Airflows, 2.11 and 3.3: they keep the contract of the fake ones, and what Dagster shows of them is true."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
import requests
from sites.airflow_two import BIN_VARIABLE
from sites.live_airflow import DAGS, SECONDS, TOKEN_SECONDS, Live, running
from sites.peered import YOURS, peered

from dagster_airlift_core import (
    AirflowFilter,
    AirflowInstance,
    AirflowNotFound,
    AirflowTokenAuthBackend,
)
from dagster_airlift_core.snapshot_file import SnapshotFile
from dagster_airlift_core.testing import SensorDaemon
from peering_with_dbt.story.place import Place

CONTRACT = Path(__file__).parents[1] / "packages/dagster-airlift-core/tests/contract"
RAW = "live/asset/s3/bkt/contract/raw"
LEEWAY_SECONDS = 10
"""How late a token of Airflow 3 may be."""
pytestmark = pytest.mark.live


@pytest.fixture(
    scope="module",
    params=[
        "3.3",
        pytest.param(
            "2.11",
            marks=pytest.mark.skipif(
                BIN_VARIABLE not in os.environ, reason=f"{BIN_VARIABLE} names no Airflow 2"
            ),
        ),
    ],
)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The tests of this module share it, in their order: the last ones change it, and stop it."""
    with running(tmp_path_factory.mktemp("live") / "run", is_v1=request.param == "2.11") as live:
        yield live


def test_a_real_airflow_keeps_the_contract_of_the_fake_one(live: Live) -> None:
    place = live.place
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


def test_a_viewer_sees_dags_tasks_airflows_assets_and_import_problems(live: Live) -> None:
    shown = peered(live.viewer)

    specs = shown.specs
    assert {"live/instance", "live/dag/contract", "live/dag/contract_fails", RAW, *YOURS} <= set(specs)
    dag, loaded, part = specs["live/dag/contract"], specs["loaded"], specs["part"]
    assert (dag.description or "").startswith("What the contract asks about\n\nDefined in `")
    assert dag.metadata["Airflow Owners"] == "alice"
    assert (dag.metadata["Tasks Proxied"], dag.tags["airlift/runs-in"]) == ("0 of 3", "airflow")
    assert (loaded.tags["airlift/operator"], loaded.tags["airlift/task-group"]) == ("BashOperator", "grp")
    assert loaded.tags["airlift/runs-in"] == "airflow"
    assert "View Task" in part.metadata
    assert shown.verdicts["live/instance:airflow_snapshot_current"][0]
    assert "NameError: name 'broken' is not defined" in str(
        specs["live/instance"].metadata["Import Problems"]
    )


def test_airflows_asset_is_made_by_its_task_and_read_by_the_dag_that_waits_for_it(live: Live) -> None:
    specs = peered(live.viewer).specs

    assert specs[RAW].metadata["Airflow Asset URI"] == "s3://bkt/contract/raw"
    assert specs[RAW].tags["dagster-airlift/airflow-task-id"] == "extract"
    assert RAW in {dep.asset_key.to_user_string() for dep in specs["live/dag/contract_fails"].deps}


def test_a_mapping_to_a_task_that_a_real_airflow_does_not_have_fails_a_check(live: Live) -> None:
    verdicts = peered(live.viewer).verdicts

    passed, reason = verdicts["typo:airflow_mapping_valid__live"]
    assert not passed
    assert "has no task contract.lod. The tasks of contract are extract, grp.load, parts." in reason
    assert verdicts.keys() == {"typo:airflow_mapping_valid__live", "live/instance:airflow_snapshot_current"}


def test_what_a_run_did_arrives_once(live: Live) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = SensorDaemon(peered(live.viewer).defs, instance)

        first, again = daemon.tick(), daemon.tick()

        ours = ["live/dag/contract", "loaded", "part", "raw", RAW]
        failed = {"live/dag/contract_fails", "report"}
        assert sorted(key for key in first if key in ours) == sorted(2 * ours)
        assert not {*ours, *failed} & set(again)
        assert all(daemon.observations(key) and not daemon.events(key) for key in failed)
        run_ids = sorted(run.run_id for run in live.site.runs("contract"))
        for key in ours:
            assert sorted(e.metadata["Airflow Run ID"].value for e in daemon.events(key)) == run_ids


def test_credentials_that_expire_between_two_loads_are_renewed(live: Live) -> None:
    if live.is_v1:
        a_session_that_is_gone_is_renewed(live)
    else:
        a_token_that_lives_seconds_is_renewed(live.place)


def test_a_dag_that_was_renamed_and_one_that_was_deleted_leave_your_assets(live: Live) -> None:
    assert {"live/dag/contract", "live/dag/contract_fails"} <= set(peered(live.viewer, live.snapshot).specs)
    airflow = live.viewer
    assert "contract_fails" in {dag.dag_id for dag in airflow.list_dags().rows}

    rename_and_delete(live)

    gone = airflow.list_tasks_of(["contract_fails"])["contract_fails"]
    assert isinstance(gone, AirflowNotFound)
    assert "has no DAG 'contract_fails'" in str(gone)
    shown = peered(live.viewer, live.snapshot)
    assert not {"live/dag/contract", "live/dag/contract_fails"} & set(shown.specs)
    assert {"live/dag/contract_renamed", *YOURS} <= set(shown.specs)
    verdicts = shown.verdicts
    assert verdicts.pop("live/instance:airflow_snapshot_current")[0]
    assert set(verdicts) == {f"{key}:airflow_mapping_valid__live" for key in YOURS}
    assert not any(passed for passed, _ in verdicts.values())
    for key, dag_id in {"raw": "contract", "report": "contract_fails"}.items():
        reason = verdicts[f"{key}:airflow_mapping_valid__live"][1]
        assert f"Airflow instance 'live' has no DAG {dag_id}. Its DAGs are contract_renamed" in reason
        assert "Did you mean contract_renamed?" in reason


def test_an_airflow_that_was_stopped_is_shown_as_it_was(live: Live) -> None:
    """The last test of an Airflow: it stops it."""
    before = peered(live.viewer, live.snapshot)
    written = SnapshotFile(live.snapshot).read()
    assert written is not None
    live.processes.stop()

    after, without = peered(live.viewer, live.snapshot), peered(live.viewer)

    assert set(after.specs) == set(before.specs)
    passed, reason = after.verdicts["live/instance:airflow_snapshot_current"]
    assert not passed
    assert f"as of {written.taken_at:%Y-%m-%d %H:%M:%S}Z" in reason
    assert f"at {live.place.airflow_url} cannot be reached" in reason
    assert set(without.specs) == {"live/instance", *YOURS}
    passed, reason = without.verdicts["live/instance:airflow_snapshot_current"]
    assert not passed
    assert "There is no snapshot of the Airflow instance 'live'" in reason


def new_token(place: Place, path: str, body: Mapping[str, str]) -> str:
    answer = requests.post(f"{place.airflow_url}{path}", json=dict(body), timeout=60)
    return str(answer.json()["access_token"])


def a_token_that_lives_seconds_is_renewed(place: Place) -> None:
    body = {"username": "viewer", "password": place.viewer_password}

    def token(given: list[str]) -> str:
        given.append(new_token(place, "/auth/token/cli", body) if len(given) != 1 else given[0])
        return given[-1]

    asked: list[str] = []
    loaded: list[str] = []
    airflow, loading = (
        AirflowInstance(AirflowTokenAuthBackend(place.airflow_url, partial(token, given)), "live")
        for given in (asked, loaded)
    )

    assert airflow.list_dags().rows
    assert is_current(loading)
    time.sleep(TOKEN_SECONDS + LEEWAY_SECONDS + 1)
    # At four fifths of its life a token is asked for and it is the old one: the server refuses that.
    assert airflow.list_dags().rows
    assert len(asked) == 3
    assert is_current(loading)
    assert loaded[-1] != loaded[0]


def a_session_that_is_gone_is_renewed(live: Live) -> None:
    airflow, loading = live.viewer, live.viewer
    airflow.list_dags()
    assert is_current(loading)

    with sqlite3.connect(live.place.root / "airflow" / "airflow.db", timeout=60) as database:
        assert database.execute("DELETE FROM session").rowcount > 0

    assert airflow.list_dags().rows
    assert is_current(loading)


def is_current(airflow: AirflowInstance) -> bool:
    passed, _ = peered(airflow).verdicts["live/instance:airflow_snapshot_current"]
    return passed


def rename_and_delete(live: Live) -> None:
    """Put a file with the DAG under another name in the place of the one with both, and delete one of them."""
    place = live.place
    text = DAGS.read_text()
    assert text.count('"contract"') == 1
    (place.dags / "renamed.py").write_text(
        text.partition('\nwith DAG("contract_fails"')[0].replace('"contract"', '"contract_renamed"')
    )
    (place.dags / "contract.py").unlink()
    body = {"username": "admin", "password": place.admin_password}
    token = None if live.is_v1 else new_token(place, "/auth/token", body)
    answer = requests.delete(
        f"{place.airflow_url}/api/{'v1' if live.is_v1 else 'v2'}/dags/contract_fails",
        headers={"Authorization": f"Bearer {token}"} if token else {},
        auth=("admin", place.admin_password) if live.is_v1 else None,
        timeout=60,
    )
    assert answer.ok, answer.text
    airflow, ours = live.viewer, AirflowFilter(dag_id_ilike="contract")
    live.processes.wait_until(
        lambda: [dag.dag_id for dag in airflow.list_dags(ours).rows] == ["contract_renamed"],
        "the DAG has its new name",
        SECONDS,
        place.logs / "airflow-scheduler.log",
    )
