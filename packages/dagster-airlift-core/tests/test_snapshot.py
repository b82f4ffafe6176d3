from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_airlift_core import AirflowFilter, AirflowSnapshot, SnapshotError, TaskHandle
from dagster_airlift_core.model import AirflowAsset, Dag, ImportProblem, Task
from dagster_airlift_core.snapshot_file import SnapshotFile

text = st.text(max_size=8)
ids = st.text(min_size=1, max_size=8)
handles = st.builds(TaskHandle, ids, ids)
dags = st.builds(
    Dag,
    dag_id=ids,
    description=st.none() | text,
    owners=st.lists(text).map(tuple),
    tags=st.lists(text).map(tuple),
    schedule=st.none() | text,
    file=st.none() | text,
    is_paused=st.booleans(),
    is_stale=st.booleans(),
    has_import_errors=st.booleans(),
)
tasks = st.builds(
    Task,
    dag_id=ids,
    task_id=ids,
    operator=st.none() | text,
    downstream_task_ids=st.frozensets(ids),
    group_id=st.none() | text,
    is_mapped=st.booleans(),
    is_proxied=st.booleans(),
    operator_class=st.none() | ids,
)
assets = st.builds(
    AirflowAsset,
    uri=ids,
    name=ids,
    group=st.none() | text,
    producing_tasks=st.frozensets(handles),
    consuming_tasks=st.frozensets(handles),
    consuming_dag_ids=st.frozensets(ids),
)
snapshots = st.builds(
    AirflowSnapshot,
    instance=ids,
    taken_at=st.datetimes(timezones=st.just(UTC)),
    dags=st.lists(dags).map(lambda found: {dag.dag_id: dag for dag in found}),
    tasks=st.lists(tasks).map(lambda found: {TaskHandle(task.dag_id, task.task_id): task for task in found}),
    assets=st.lists(assets).map(tuple),
    import_problems=st.lists(st.builds(ImportProblem, text, text)).map(tuple),
    sources=st.dictionaries(ids, text),
    unread=st.dictionaries(ids, text),
    notes=st.lists(text).map(tuple),
    is_airflow_2=st.booleans(),
    url=text,
    asked_for=st.builds(
        AirflowFilter,
        dag_id_ilike=st.none() | text,
        airflow_tags=st.none() | st.lists(text),
        include_stale=st.booleans(),
    ),
)
SNAPSHOT = AirflowSnapshot(
    "prod",
    datetime(2026, 1, 15, 12, tzinfo=UTC),
    {"etl": Dag("etl", None, (), (), None, None)},
    {TaskHandle("etl", "load"): Task("etl", "load", "BashOperator", frozenset())},
)
TWO_TASKS = replace(
    SNAPSHOT, tasks={TaskHandle("etl", name): Task("etl", name, None, frozenset()) for name in "ab"}
)


@given(snapshots)
def test_a_snapshot_comes_back_as_it_was_written(snapshot: AirflowSnapshot) -> None:
    again = AirflowSnapshot.from_json(snapshot.to_json())

    assert again == snapshot
    assert again.to_json() == snapshot.to_json()


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("", id="nothing"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="no schema"),
        pytest.param('{"schema": 99}', id="of a later release"),
        pytest.param('{"schema": 2}', id="fields are missing"),
        pytest.param(SNAPSHOT.to_json()[:-20], id="truncated"),
        pytest.param(SNAPSHOT.to_json().replace('"etl"', "7"), id="an id that is no text"),
        pytest.param(SNAPSHOT.to_json().replace('["load"]', "[7]"), id="a task id that is no text"),
        pytest.param(
            SNAPSHOT.to_json().replace('["BashOperator"]', "[[]]"), id="an operator that is no text"
        ),
        pytest.param(SNAPSHOT.to_json().replace("[null]", "[7]"), id="a task after it that is no text"),
        pytest.param(SNAPSHOT.to_json().replace("[null]", "[[7]]"), id="one of several that is no text"),
        pytest.param(SNAPSHOT.to_json().replace("[null]", "[]"), id="columns of different lengths"),
        pytest.param(TWO_TASKS.to_json().replace('["a","b"]', '["b","a"]'), id="ids that are not in order"),
        pytest.param(SNAPSHOT.to_json().replace("[null],", ""), id="a column is missing"),
        pytest.param(SNAPSHOT.to_json().replace("[-1]", "[0]"), id="a class that is not there"),
        pytest.param(SNAPSHOT.to_json().replace("[-1]", '["a"]'), id="a class without a number"),
        pytest.param(SNAPSHOT.to_json().replace("[-1]", "[-1,-1]"), id="more classes than tasks"),
    ],
)
def test_what_is_no_snapshot_is_refused(written: str) -> None:
    with pytest.raises(SnapshotError, match="Take a new one"):
        AirflowSnapshot.from_json(written)


def test_every_release_reads_what_the_first_one_wrote() -> None:
    written = json.dumps(
        {
            "schema": 2,
            "instance": "prod",
            "taken_at": "2026-01-15T12:00:00+00:00",
            "dags": [["etl", "Loads", ["airflow"], ["a"], "@daily", "etl.py", [True, False, False]]],
            "tasks": {
                "etl": [["grp.load"], ["BashOperator"], ["end"], {"grp.load": "grp"}, ["grp.load"], []]
            },
            "assets": [["s3://a", "a", "asset", [["etl", "grp.load"]], [], ["reports"]]],
            "import_problems": [["bad.py", "SyntaxError"]],
            "sources": {},
            "unread": {},
            "notes": [],
            "is_airflow_2": True,
        }
    )

    snapshot = AirflowSnapshot.from_json(written)

    assert snapshot.dags["etl"].is_paused
    assert snapshot.tasks[TaskHandle("etl", "grp.load")].is_mapped
    assert snapshot.tasks[TaskHandle("etl", "grp.load")].operator_class is None
    assert snapshot.assets[0].consuming_dag_ids == {"reports"}


@given(snapshots, st.lists(handles))
def test_a_written_snapshot_has_the_tasks_that_it_was_written_with_and_no_others(
    snapshot: AirflowSnapshot, others: list[TaskHandle]
) -> None:
    again = AirflowSnapshot.from_json(snapshot.to_json())

    assert set(again.tasks) == set(snapshot.tasks)
    assert len(again.tasks) == len(snapshot.tasks)
    for handle in [*snapshot.tasks, *others]:
        assert (handle in again.tasks) == (handle in snapshot.tasks)
        assert again.tasks.get(handle) == snapshot.tasks.get(handle)
        assert again.progress.get(handle.dag_id) == snapshot.progress.get(handle.dag_id)
        assert again.task_ids(handle.dag_id) == snapshot.task_ids(handle.dag_id)


def test_a_snapshot_can_be_cut_to_some_dags() -> None:
    other = Dag("other", None, (), (), None, None)
    both = AirflowSnapshot("prod", SNAPSHOT.taken_at, {**SNAPSHOT.dags, "other": other}, SNAPSHOT.tasks)

    assert both.only(["etl", "gone"]) == SNAPSHOT
    assert both.only(["other"]).tasks == {}


def test_a_file_gives_back_the_snapshot(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "deep" / "prod.json")

    file.write(SNAPSHOT)

    assert file.read() == SNAPSHOT
    assert [path.name for path in file.path.parent.iterdir()] == ["prod.json"]


def test_no_file_is_no_snapshot(tmp_path: Path) -> None:
    assert SnapshotFile(tmp_path / "prod.json").read() is None


@given(st.data())
def test_a_damaged_file_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = SnapshotFile(tmp_path_factory.mktemp("state") / "prod.json")
    file.write(SNAPSHOT)
    whole = file.path.read_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    file.path.write_bytes(whole[:cut] + data.draw(st.sampled_from([b"", b"\x00"])))

    with pytest.raises(SnapshotError, match="damaged"):
        file.read()


def test_a_file_that_cannot_be_read_is_no_reason_to_crash(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="cannot be read"):
        SnapshotFile(tmp_path).read()


def test_a_write_that_fails_leaves_the_old_snapshot_and_no_litter(tmp_path: Path) -> None:
    folder = SnapshotFile(tmp_path / "prod.json")
    folder.path.mkdir()

    with pytest.raises(OSError, match=r"prod\.json"):
        folder.write(SNAPSHOT)

    assert [path.name for path in tmp_path.iterdir()] == ["prod.json"]
