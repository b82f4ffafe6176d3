"""What the provider asks of a real Dagster before it launches: the mapped assets, and their partition."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import requests

from airflow.providers.dagster import calls, wire
from airflow.providers.dagster.asking_together import ask_together
from airflow.providers.dagster.client import DagsterAddress, DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError, InvalidPartition, NothingToRun
from airflow.providers.dagster.lookup import Lookup
from airflow.providers.dagster.mapping_cache import MappingCache
from airflow.providers.dagster.named_assets import Groups
from airflow.providers.dagster.partition_keys import PartitionCheck
from airflow.providers.dagster.partition_questions import NO_PARTITION, PartitionQuestion
from airflow.providers.dagster.partitions import Choice, partition_tags
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.ports import SystemClock
from airflow.providers.dagster.selection import Wanted
from airflow.providers.dagster.steps import take
from airflow.providers.dagster.waiting import wait_for_run
from airflow.providers.dagster.watching import look_for_materialization

LOG = logging.getLogger("live")
SECONDS = 180.0
DEFINITIONS = """
from datetime import datetime

import dagster as dg

def asset(name, partitions_def=None, task="load", group=None):
    tasks = [{"airflow_instance": "prod", "dag_id": "etl", "task_id": task}]

    @dg.asset(
        name=name,
        partitions_def=partitions_def,
        group_name=group,
        metadata={"dagster-airlift/task-mapping": tasks},
    )
    def made(context):
        key = context.partition_key if context.has_partition_key else None
        return dg.MaterializeResult(metadata={"airflow/return_value": {"partition": key}})

    return made

hours = dg.HourlyPartitionsDefinition("2026-10-01-00:00", timezone="Europe/Berlin")
shops = dg.DynamicPartitionsDefinition(name="shops")
dimensions = dg.MultiPartitionsDefinition(
    {"day": dg.DailyPartitionsDefinition("2026-01-01"), "region": dg.StaticPartitionsDefinition(["eu", "us"])}
)
regions = dg.StaticPartitionsDefinition([f"r{number}" for number in range(3000)])
index = {"tasks": {"load": [["plain"]], "timed": [["hourly"]]}, "dag": []}
defs = dg.Definitions(
    assets=[
        asset("plain", group="sales"),
        asset("hourly", hours, "timed"),
        asset("regional", regions, "static"),
        asset("by_both", dimensions, "both"),
        asset("shop", shops, "dynamic"),
        dg.AssetSpec(["prod", "dag", "etl"], metadata={"dagster-airlift/mapped-assets": dg.MetadataValue.json(index)}),
        *(dg.AssetSpec(f"other_{number}", partitions_def=hours, group_name="sales") for number in range(500)),
    ],
    executor=dg.in_process_executor,
)
"""
DAGSTER_YAML = """
telemetry: {enabled: false}
run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}
"""

pytestmark = pytest.mark.live


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagsterClient]:
    home = tmp_path_factory.mktemp("dagster")
    (home / "dagster.yaml").write_text(DAGSTER_YAML)
    (home / "shop_defs.py").write_text(DEFINITIONS)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "dagster_webserver",
        "-f",
        "shop_defs.py",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    log = (home / "log").open("w")
    server = subprocess.Popen(
        command, cwd=home, env={**os.environ, "DAGSTER_HOME": str(home)}, stdout=log, stderr=subprocess.STDOUT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_up(f"{url}/server_info", server, home / "log")
        client = DagsterClient(DagsterAddress(url=url, conn_id="dagster_live"))
        yield client
        client.close()
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    session = requests.Session()
    session.trust_env = False
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if session.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture
def patience() -> Patience:
    return Patience(30.0, SystemClock(), LOG)


@pytest.fixture
def lookup(client: DagsterClient, patience: Patience, tmp_path: Path) -> Lookup:
    return Lookup(client, patience, MappingCache(tmp_path, client.address.url), LOG)


def names(lookup: Lookup, wanted: Wanted) -> list[str]:
    return [asset.name for assets in lookup.select(wanted).by_location for asset in assets]


def test_a_group_is_what_dagster_can_run_of_it(client: DagsterClient) -> None:
    groups = Groups(client, Patience(30.0, SystemClock(), LOG), LOG)

    assert groups.keys(["sales"]) == {("plain",)}
    with pytest.raises(NothingToRun, match="in the asset group lake"):
        groups.keys(["lake"])


def test_what_is_mapped_is_found_by_the_dag_asset(lookup: Lookup, tmp_path: Path) -> None:
    assert names(lookup, Wanted("prod", "etl", "load")) == ["plain"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_mapped_is_found_without_a_dag_asset_and_remembered(lookup: Lookup, tmp_path: Path) -> None:
    assert names(lookup, Wanted("", "etl", "static")) == ["regional"]
    assert names(lookup, Wanted("", "etl", "load")) == ["plain"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "choice", "partition"),
    [
        pytest.param("plain", Choice("nothing"), None, id="none"),
        pytest.param(
            "hourly",
            Choice("moment", moment=int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp())),
            "2026-10-25-02:00",
            id="02:30, before the clocks go back",
        ),
        pytest.param(
            "hourly",
            Choice("moment", moment=int(datetime(2026, 10, 25, 1, 30, tzinfo=UTC).timestamp())),
            "2026-10-25-02:00+0100",
            id="02:30, after it",
        ),
        pytest.param(
            "hourly", Choice("key", key="2026-10-25-02:00+0100"), "2026-10-25-02:00+0100", id="given"
        ),
        pytest.param("regional", Choice("key", key="r2999"), "r2999", id="static"),
        pytest.param("by_both", Choice("key", key="2026-01-02|us"), "2026-01-02|us", id="dimensions"),
    ],
)
def test_dagster_names_and_checks_the_partition(
    client: DagsterClient, patience: Patience, name: str, choice: Choice, partition: str | None
) -> None:
    # Asked for with the asset, and afterwards.
    for question in (choice.question, NO_PARTITION):
        assets = ask_together(client, patience, partial(calls.assets, [(name,)]), question)
        tags = partition_tags(assets, choice, PartitionCheck(client, patience))
        assert tags.get("dagster/partition") == partition


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        pytest.param("hourly", Choice("moment", moment=0), id="long before the first"),
        pytest.param("hourly", Choice("moment", moment=4_000_000_000), id="long after the last"),
        pytest.param("hourly", Choice("key", key="2026-10-25-02:30"), id="between two hours"),
        pytest.param("hourly", Choice("key", key="2026-10-24-02:00+0100"), id="the other of one hour"),
        pytest.param("regional", Choice("key", key="r3000"), id="static"),
        pytest.param("by_both", Choice("key", key="2026-01-02|de"), id="dimension"),
        pytest.param("shop", Choice("key", key="berlin"), id="dynamic"),
    ],
)
def test_a_partition_that_dagster_does_not_have_is_refused(
    client: DagsterClient, patience: Patience, name: str, choice: Choice
) -> None:
    for question in (choice.question, NO_PARTITION):
        assets = ask_together(client, patience, partial(calls.assets, [(name,)]), question)
        with pytest.raises(InvalidPartition):
            partition_tags(assets, choice, PartitionCheck(client, patience))


@pytest.mark.parametrize(
    ("names", "question", "status"),
    [
        pytest.param(["plain", "hourly", "shop"], PartitionQuestion(moment=1_792_890_000), None, id="moment"),
        pytest.param(
            ["plain", "hourly"], PartitionQuestion(key="2026-10-24-02:00"), None, id="key of a window"
        ),
        pytest.param(["plain", "regional", "shop"], PartitionQuestion(key="r7"), None, id="key"),
        pytest.param(
            ["plain", "regional"], PartitionQuestion(moment=1_792_890_000), 500, id="moment, static"
        ),
        pytest.param(["by_both"], PartitionQuestion(moment=1_792_890_000), 500, id="moment, dimensions"),
        pytest.param(["by_both"], PartitionQuestion(key="r7"), 500, id="key, dimensions"),
    ],
)
def test_dagster_refuses_what_a_kind_of_partitions_cannot_answer(
    client: DagsterClient, names: list[str], question: PartitionQuestion, status: int | None
) -> None:
    call = calls.assets([(name,) for name in names], question)

    if status is None:
        assert len(client.ask(call)) == len(names)
    else:
        with pytest.raises(DagsterApiError) as caught:
            client.ask(call)
        assert caught.value.status == status


def test_a_run_makes_the_partition_and_publishes_its_value(client: DagsterClient, patience: Patience) -> None:
    assets = client.ask(calls.assets([("by_both",)]))
    start = datetime.now(UTC) - timedelta(seconds=5)
    tags = partition_tags(assets, Choice("key", key="2026-01-02|us"), PartitionCheck(client, patience))
    (job,) = [each for each in client.ask(calls.jobs()) if each.job == "__ASSET_JOB"]
    clock = SystemClock()

    work = replace(job, asset_keys=(assets[0].key,), tags=tags)
    # An Airflow instance without a name.
    named = {"k": "v", wire.INSTANCE_TAG: ""}

    run = client.launch(work, named)
    ended = wait_for_run(client, run, clock, LOG)
    (made,) = client.materialized(run.run_id)

    assert (ended.status.is_success, ended.tags["k"]) == (True, "v")
    assert [each.run_id for each in client.runs(named)] == [run.run_id]
    assert (made.key, made.value) == ("by_both", {"partition": "2026-01-02|us"})
    for partition, expected in (("2026-01-02|us", run.run_id), ("2026-01-02|eu", None), (None, run.run_id)):
        steps = look_for_materialization(assets[0].key, partition, start.timestamp(), clock, LOG)
        assert take(steps, client, clock) == expected
    steps = look_for_materialization(assets[0].key, None, clock.now() + 60, clock, LOG)
    assert take(steps, client, clock) is None
