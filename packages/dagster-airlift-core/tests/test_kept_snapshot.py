"""The last good snapshot: whose it is, what it holds, and what is shown of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowFilter, AirflowInstance
from dagster_airlift_core.filters import EVERYTHING
from dagster_airlift_core.loading import Loaded, load
from dagster_airlift_core.model import Dag
from dagster_airlift_core.reading import NOT_ASKED, Reading
from dagster_airlift_core.snapshot_file import SnapshotFile
from dagster_airlift_core.testing import FakeAirflow, Reply


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def two_dags(fake: FakeAirflow) -> None:
    fake.add_dag("a", {"t": []}, tags=["gold"])
    fake.add_dag("b", {"t": []}, tags=["silver"])
    fake.remove_dag("etl")


def named(wanted: str) -> Callable[[Dag], bool]:
    return lambda dag: dag.dag_id == wanted


def off(fake: FakeAirflow) -> None:
    fake.reply(*[Reply(503, {}, headers={"Retry-After": "3600"})] * 20, path="/version|/dags")


def dags_of(loaded: Loaded) -> list[str]:
    return sorted(loaded.snapshot.dags) if loaded.snapshot else []


def test_functions_that_cannot_be_told_apart_never_show_each_others_dags(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    up = [load(Reading(airflow, selects=named(wanted)), None) for wanted in "ab"]
    off(fake)

    down = [load(Reading(airflow, selects=named(wanted)), None) for wanted in "ab"]

    assert [dags_of(loaded) for loaded in up] == [["a"], ["b"]]
    assert [dags_of(loaded) for loaded in down] == [["a"], ["b"]]
    assert [len(loaded.snapshot.tasks) for loaded in down if loaded.snapshot] == [1, 1]


def test_a_function_that_was_added_or_changed_finds_the_last_snapshot(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    load(Reading(airflow, selects=named("a")), None)
    off(fake)

    changed = load(Reading(airflow, selects=named("b")), None)
    removed = load(Reading(airflow), None)

    assert dags_of(changed) == ["b"]
    assert changed.snapshot
    assert changed.snapshot.unread == {"b": NOT_ASKED}
    assert dags_of(removed) == ["a", "b"]


@pytest.mark.parametrize("is_named", [pytest.param(True, id="snapshot_path"), pytest.param(False, id="home")])
@pytest.mark.parametrize(
    ("before", "now", "dags", "may_miss"),
    [
        pytest.param(EVERYTHING, AirflowFilter(airflow_tags=["gold"]), ["a"], False, id="added"),
        pytest.param(AirflowFilter(airflow_tags=["gold"]), EVERYTHING, ["a"], True, id="taken away"),
        pytest.param(
            AirflowFilter(dag_id_ilike="a"), AirflowFilter(dag_id_ilike="b"), [], True, id="changed"
        ),
    ],
)
def test_a_filter_that_was_changed_finds_the_last_snapshot_and_says_what_may_be_missing(
    fake: FakeAirflow,
    airflow: AirflowInstance,
    home: Path,
    before: AirflowFilter,
    now: AirflowFilter,
    dags: list[str],
    *,
    may_miss: bool,
    is_named: bool,
) -> None:
    path = home / "prod.json" if is_named else None
    load(Reading(airflow, only=before), path)
    off(fake)

    loaded = load(Reading(airflow, only=now), path)

    assert dags_of(loaded) == dags
    assert loaded.stale_because
    assert ("DAGs and Airflow assets may be missing" in loaded.stale_because) is may_miss


def test_two_filters_of_one_instance_keep_a_snapshot_each(
    fake: FakeAirflow, airflow: AirflowInstance
) -> None:
    filters = [AirflowFilter(airflow_tags=[tag]) for tag in ("gold", "silver")]
    for only in filters:
        load(Reading(airflow, only=only), None)
    off(fake)

    down = [load(Reading(airflow, only=only), None) for only in filters]

    assert [dags_of(loaded) for loaded in down] == [["a"], ["b"]]


def test_a_file_of_another_instance_is_refused_and_left_as_it_is(
    fake: FakeAirflow, airflow: AirflowInstance, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = home / "one.json"
    other = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "test")
    load(Reading(other), path)
    written = path.read_bytes()

    with caplog.at_level(logging.WARNING):
        up = load(Reading(airflow), path)
    off(fake)
    down = load(Reading(airflow), path)

    assert dags_of(up) == ["a", "b"]
    assert "The new snapshot is not kept." in caplog.text
    assert down.snapshot is None
    assert down.stale_because
    assert "is of the Airflow instance 'test', not of 'prod'" in down.stale_because
    assert path.read_bytes() == written


def test_a_snapshot_of_the_same_name_at_another_url_is_shown_and_said(
    airflow: AirflowInstance, home: Path, fake: FakeAirflow
) -> None:
    moved = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "viewer", "viewer"), "prod")
    load(Reading(airflow), home / "prod.json")

    loaded = load(Reading(moved), home / "prod.json")

    assert dags_of(loaded) == ["a", "b"]
    assert loaded.stale_because
    assert f"taken at {fake.url}, not at http://127.0.0.1:9" in loaded.stale_because


def test_sources_and_assets_that_are_not_wanted_are_not_shown_of_an_older_snapshot(
    fake: FakeAirflow, airflow: AirflowInstance, home: Path
) -> None:
    fake.add_asset("s3://a", producing=[("a", "t")])
    path = home / "prod.json"
    for wanted in "ab":
        load(Reading(airflow, selects=named(wanted), with_sources=True), path)
    kept = SnapshotFile(path).read()
    off(fake)

    loaded = load(Reading(airflow, only=AirflowFilter(retrieve_datasets=False)), path)

    assert kept
    assert set(kept.sources) == {"a", "b"}
    assert loaded.snapshot
    assert (loaded.snapshot.sources, loaded.snapshot.assets) == ({}, ())


def test_only_where_there_is_an_older_snapshot_one_stays(
    airflow: AirflowInstance, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (home / "file").touch()

    with caplog.at_level(logging.WARNING):
        load(Reading(airflow), home / "file" / "prod.json")

    assert "cannot be written" in caplog.text
    assert "An older one stays" not in caplog.text
