"""The example DAGs of the documentation: they parse, and they run."""

import configparser
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.db import initdb

from airflow.providers.dagster import wire
from airflow.providers.dagster.get_provider_info import get_provider_info
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.testing import FakeDagster, FakeKeys
from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import sync_bag_to_db

FOLDER = Path(__file__).parent / "system" / "dagster"
MOMENT = 1_800_000_000.0


@pytest.fixture
def dags(read_dags: Callable[[Path], Any]) -> dict[str, Any]:
    bag = read_dags(FOLDER)
    assert bag.import_errors == {}
    initdb(**({} if AIRFLOW_3 else {"load_connections": False}))
    if AIRFLOW_3:
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(bag, "dags-folder", None)
    else:
        bag.sync_to_db()
    return dict(bag.dags)


@pytest.mark.filterwarnings("default")  # Airflow runs here as a whole, and what warns is its own affair
@pytest.mark.usefixtures("connection")
def test_each_example_runs(dags: dict[str, Any], dagster: FakeDagster) -> None:
    dagster.launch_statuses = ("SUCCESS",)
    dagster.add_asset("loaded", ("prod", "example_proxying", "load"), ("prod", "example_operators", "load"))
    dagster.add_asset("whole", ("prod", "example_whole_dag"))
    dagster.add_asset("copies", ("prod", "example_mapped", "load"))
    dagster.add_asset("refunds", group="sales")
    for key in ("raw/orders", "raw/customers"):
        dagster.add_asset(key)
    dagster.add_asset("by_region", partitions=FakeKeys(["eu", "us"]))
    dagster.assets.jobs.append(("defs", "nightly"))
    earlier = dagster.add_run({}, "SUCCESS")
    dagster.assets.materializations[("raw", "orders")] = [("", MOMENT, earlier.run_id)]

    ended = {dag_id: dag.test().state for dag_id, dag in dags.items()}

    assert set(ended.values()) == {"success"}
    assert {f"{dag_id}.py" for dag_id in ended} >= {path.name for path in FOLDER.glob("example_*.py")}
    launched = [run.tags[wire.TASK_ID_TAG] for run in dagster.runs.values() if run is not earlier]
    assert sorted(launched) == [
        "eu",
        "extract",
        "load",
        "load",
        "load",
        "nightly",
        "nightly",
        "orders",
        "sales",
    ]


def test_the_connection_of_the_example_is_one_that_airflow_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    exported = [
        line for line in (FOLDER / "connection.sh").read_text().splitlines() if line.startswith("export")
    ]
    (assignment,) = shlex.split(exported[0].removeprefix("export "))
    name, _, value = assignment.partition("=")
    monkeypatch.setenv(name, value)

    assert DagsterHook("dagster_default").address.url == "http://127.0.0.1:3000"


def test_the_command_of_the_example_writes_files(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "etl.py").write_text((FOLDER / "example_sensors.py").read_text())
    _, *arguments = shlex.split((FOLDER / "scaffold.sh").read_text())

    subprocess.run([sys.executable, *arguments], cwd=tmp_path, check=True)

    assert (tmp_path / "dags" / "migration_state" / "example_sensors.yaml").is_file()


def test_the_options_of_the_example_are_those_of_the_provider() -> None:
    example = configparser.ConfigParser()
    example.read(FOLDER / "policy.cfg")

    assert set(example["dagster"]) <= set(get_provider_info()["config"]["dagster"]["options"])
