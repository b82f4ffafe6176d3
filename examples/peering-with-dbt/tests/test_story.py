"""The example itself, on a real Airflow, a real Dagster and a real dbt."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import psutil
import pytest

MARTS = ["best_customers", "customers", "orders", "revenue_by_month", "species_sold"]
STAGING = ["stg_customers", "stg_iris", "stg_order_items", "stg_orders", "stg_payments"]
SEEDS = ["raw_customers", "raw_order_items", "raw_orders", "raw_payments"]
CHECK_SECONDS = 600
STOP_SECONDS = 60


Story: TypeAlias = "subprocess.Popen[str]"
Start: TypeAlias = Callable[[Path], Story]


@pytest.fixture
def start() -> Generator[Start]:
    """Starts the story; stops it too, also when the test fails."""
    with ExitStack() as stories:

        def begin(folder: Path) -> Story:
            command = [sys.executable, "-m", "peering_with_dbt.story", "--check", "--run-dir", str(folder)]
            story = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            stories.enter_context(story)
            stories.callback(story.terminate)
            return story

        yield begin


@pytest.mark.live
def test_the_whole_story_holds(tmp_path: Path, start: Start, left_behind: Callable[[], list[str]]) -> None:
    story = start(tmp_path / "run")
    output, _ = story.communicate(timeout=CHECK_SECONDS)

    assert story.returncode == 0, output
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["dag_assets"] == ["shop/dag/dbt_dag", "shop/dag/load_lakehouse"]
    assert report["mapped_assets"] == {
        **dict.fromkeys(SEEDS, "dbt_dag.dbt_seed"),
        **dict.fromkeys(STAGING, "dbt_dag.dbt_run_staging"),
        **dict.fromkeys(MARTS, "dbt_dag.dbt_run_marts"),
        "customers_csv": "dbt_dag.export_customers",
        "lakehouse/iris": "load_lakehouse.load_iris",
        "shop/asset/duckdb/shop/lakehouse/iris": "load_lakehouse.load_iris",  # Airflow's own
    }
    assert report["proxied"]["materialized"] == MARTS
    migrated_run = report["proxied"]["airflow_run_id"]
    assert all(migrated_run in runs_of(report, key) for key in [*STAGING, *SEEDS, "customers_csv"])
    assert all(migrated_run not in runs_of(report, key) for key in MARTS)
    assert all(report["rolled_back"]["airflow_run_id"] in runs_of(report, key) for key in MARTS)
    assert report["rolled_back"]["dagster_runs"] == 0
    assert report["structure_unchanged"] is True
    assert report["duplicates"] == 0
    assert left_behind() == []


@pytest.mark.live
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "terminate"])
def test_an_interrupted_story_leaves_nothing_behind(
    tmp_path: Path, start: Start, left_behind: Callable[[], list[str]], number: signal.Signals
) -> None:
    run = tmp_path / "run"
    story = start(run)
    wait_for((run / "logs" / "dagster-daemon.log").exists, story)
    time.sleep(2)  # in the middle of Dagster's start, with Airflow up
    ports = listening(story)
    story.send_signal(number)
    output, _ = story.communicate(timeout=STOP_SECONDS)

    assert story.returncode == 128 + number, output
    assert left_behind() == []
    assert ports
    assert [port for port in ports if is_open(port)] == []


@pytest.mark.live
def test_two_runs_cannot_share_a_folder(tmp_path: Path, start: Start) -> None:
    run = tmp_path / "run"
    first = start(run)
    wait_for((run / "logs").exists, first)
    second = start(run)
    output, _ = second.communicate(timeout=STOP_SECONDS)

    assert second.returncode == 1
    assert "Another run of the example uses" in output


def runs_of(report: dict[str, dict[str, list[dict[str, str]]]], key: str) -> list[str]:
    return [event["airflow_run_id"] for event in report["observed"][key]]


def wait_for(condition: Callable[[], bool], story: Story) -> None:
    deadline = time.monotonic() + CHECK_SECONDS
    while not condition():
        assert story.poll() is None, story.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)


def listening(story: Story) -> list[int]:
    processes = psutil.Process(story.pid).children(recursive=True)
    return sorted({port for process in processes for port in ports_of(process)})


def ports_of(process: psutil.Process) -> set[int]:
    try:
        connections = process.net_connections("tcp")
    except psutil.NoSuchProcess:  # many children live for a moment only
        return set()
    return {found.laddr.port for found in connections if found.status == psutil.CONN_LISTEN}


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
