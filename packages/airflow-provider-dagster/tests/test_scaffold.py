import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow.providers.dagster.migration_state import load_migration_state
from airflow.providers.dagster.scaffold import main
from airflow.providers.dagster.state_files import add_tasks, new_text, write_atomically
from airflow.providers.dagster.version_compat import AIRFLOW_3

DAGS = """
from airflow.providers.common.compat.sdk import DAG, TaskGroup
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("etl", schedule=None):
    EmptyOperator(task_id="extract") >> EmptyOperator(task_id="load")
    with TaskGroup("g"):
        EmptyOperator(task_id="1")

def make():
    with DAG("made", schedule=None):
        EmptyOperator(task_id="load")

make()
"""
FRESH = "tasks:\n  - {id: extract, migrated: false}\n  - {id: load, migrated: false}\n  - {id: g.1, migrated: false}\n"


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    (tmp_path / "etl.py").write_text(DAGS)
    return tmp_path


def test_each_dag_gets_a_file_by_which_nothing_is_migrated(
    dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(dags)]) == 0

    out = capsys.readouterr().out
    assert (dags / "migration_state" / "etl.yaml").read_text() == FRESH
    assert (dags / "migration_state" / "made.yaml").read_text() == "tasks:\n  - {id: load, migrated: false}\n"
    assert "etl: wrote migration_state/etl.yaml with 3 tasks.\n" in out
    assert "made: wrote migration_state/made.yaml with 1 task.\n" in out


def test_a_second_time_changes_nothing(dags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(dags)])
    before = {path: path.stat().st_mtime_ns for path in (dags / "migration_state").iterdir()}

    assert main([str(dags)]) == 0

    assert {path: path.stat().st_mtime_ns for path in (dags / "migration_state").iterdir()} == before
    assert "etl: migration_state/etl.yaml has all tasks." in capsys.readouterr().out


def test_one_dag_file_and_another_folder_may_be_given(dags: Path, tmp_path: Path) -> None:
    assert main([str(dags / "etl.py"), "--migration-state", str(tmp_path / "a" / "b")]) == 0

    assert (tmp_path / "a" / "b" / "etl.yaml").read_text() == FRESH


def test_the_file_of_each_dag_is_beside_its_dag_file(dags: Path) -> None:
    team = dags / "team"
    team.mkdir()
    (team / "sales.py").write_text(DAGS.replace('"etl"', '"sales"').replace('"made"', '"made_too"'))

    assert main([str(dags)]) == 0

    assert {str(path.relative_to(dags)) for path in dags.rglob("*.yaml")} == {
        *("migration_state/etl.yaml", "migration_state/made.yaml"),
        *("team/migration_state/sales.yaml", "team/migration_state/made_too.yaml"),
    }


@pytest.mark.parametrize("path", ["{dags}/all/states", "states"], ids=["absolute", "relative"])
def test_the_files_are_where_the_option_for_all_dag_files_leads(
    dags: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("AIRFLOW__DAGSTER__MIGRATION_STATE_PATH", path.format(dags=dags))

    assert main([str(dags)]) == 0

    folder = dags / path.format(dags=dags)
    assert sorted(dags.rglob("*.yaml")) == [folder / "etl.yaml", folder / "made.yaml"]


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 settles its folder of DAG files when it is imported")
def test_a_folder_above_the_dag_file_that_the_option_finds_is_the_one(
    dags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (dags / "team").mkdir()
    (dags / "states").mkdir()
    (dags / "etl.py").rename(dags / "team" / "etl.py")
    monkeypatch.setenv("AIRFLOW__DAGSTER__MIGRATION_STATE_PATH", "states")

    assert main([str(dags)]) == 0

    assert sorted(dags.rglob("*.yaml")) == [dags / "states" / "etl.yaml", dags / "states" / "made.yaml"]


# What stands in the file, and what stands there afterwards.
KEPT = {
    "block": (
        "# ours\ntasks:\n# first\n- {id: load, migrated: true}  # done in May\n\n# the end\n",
        (
            "# ours\ntasks:\n# first\n- {id: load, migrated: true}  # done in May\n"
            "- {id: extract, migrated: false}\n- {id: g.1, migrated: false}\n\n# the end\n"
        ),
    ),
    "long entries": (
        "tasks:\n    - id: load\n      migrated: true\n      mapped: once # for all\n    # the end",
        (
            "tasks:\n    - id: load\n      migrated: true\n      mapped: once # for all\n"
            "    - {id: extract, migrated: false}\n    - {id: g.1, migrated: false}\n    # the end"
        ),
    ),
    "no last newline": (
        "tasks:\n- {id: load, proxied: true}",
        "tasks:\n- {id: load, proxied: true}\n- {id: extract, migrated: false}\n- {id: g.1, migrated: false}\n",
    ),
    "one line": (
        "tasks: [{id: load, migrated: true}]  # short\n",
        "tasks: [{id: load, migrated: true}, {id: extract, migrated: false}, {id: g.1, migrated: false}]  # short\n",
    ),
    "empty list": (
        "tasks: [ ]",
        "tasks: [ {id: extract, migrated: false}, {id: load, migrated: false}, {id: g.1, migrated: false}]",
    ),
    "trailing comma": (
        "tasks: [\n  {id: load, migrated: true},\n]\n",
        "tasks: [\n  {id: load, migrated: true},\n{id: extract, migrated: false}, {id: g.1, migrated: false}]\n",
    ),
    "comment before the bracket": (
        "tasks: [\n  {id: load, migrated: true}  # done, in May,\n]\n",
        (
            "tasks: [\n  {id: load, migrated: true}  # done, in May,\n"
            ", {id: extract, migrated: false}, {id: g.1, migrated: false}]\n"
        ),
    ),
    "windows": (
        "\ufefftasks:\r\n- {id: load, migrated: true}\r\n# end\r\n",
        (
            "\ufefftasks:\r\n- {id: load, migrated: true}\r\n- {id: extract, migrated: false}\r\n"
            "- {id: g.1, migrated: false}\r\n# end\r\n"
        ),
    ),
    "whole": ("migrated: true  # at last\n", "migrated: true  # at last\n"),
}


@pytest.mark.parametrize(("text", "expected"), KEPT.values(), ids=list(KEPT))
def test_what_is_there_stays_and_what_is_missing_is_added(dags: Path, text: str, expected: str) -> None:
    path = dags / "migration_state" / "etl.yaml"
    path.parent.mkdir()
    path.write_bytes(text.encode())

    assert main([str(dags)]) == 0

    assert path.read_bytes().decode() == expected
    load_migration_state(path.parent, "etl")


def test_a_task_that_the_dag_lacks_is_named_with_the_nearest(
    dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dags / "migration_state").mkdir()
    (dags / "migration_state" / "etl.yaml").write_text("tasks:\n- {id: laod, migrated: true}\n")

    assert main([str(dags)]) == 1

    expected = "etl: migration_state/etl.yaml:2: DAG 'etl' has no task 'laod'. Did you mean 'load'?\n"
    assert expected in capsys.readouterr().err


def test_a_broken_file_is_left_alone_and_the_rest_is_done(
    dags: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (dags / "migration_state").mkdir()
    (dags / "migration_state" / "etl.yaml").write_text("tasks:")

    assert main([str(dags)]) == 1

    assert (dags / "migration_state" / "etl.yaml").read_text() == "tasks:"
    assert (dags / "migration_state" / "made.yaml").exists()
    assert "etl: migration_state/etl.yaml:1:7: expected a list" in capsys.readouterr().err


def test_a_dag_file_that_cannot_be_imported_is_named(dags: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dags / "broken.py").write_text(
        "import airflow.providers.common.compat.sdk as DAG\nraise RuntimeError('no database')"
    )

    assert main([str(dags)]) == 1

    assert f"{dags / 'broken.py'}: the file cannot be imported: " in capsys.readouterr().err
    assert (dags / "migration_state" / "etl.yaml").read_text() == FRESH


def test_a_folder_that_does_not_exist_is_a_wrong_argument(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / "absent")])

    assert caught.value.code == 2


def test_a_file_is_replaced_where_its_link_leads_and_keeps_its_rights(tmp_path: Path) -> None:
    target, link = tmp_path / "target.yaml", tmp_path / "link.yaml"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)

    write_atomically(link, "new")

    assert (link.is_symlink(), target.read_text(), target.stat().st_mode & 0o777) == (True, "new", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yaml", "target.yaml"]


def test_nothing_is_left_behind_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "etl.yaml").mkdir()

    with pytest.raises(OSError, match=r"etl\.yaml"):
        write_atomically(tmp_path / "etl.yaml", "new")

    assert [path.name for path in tmp_path.iterdir()] == ["etl.yaml"]


def test_only_a_list_can_be_added_to(folder: Path) -> None:
    (folder / "etl.yaml").write_text("migrated: true")

    with pytest.raises(TypeError, match="Only a file with a list of tasks"):
        add_tasks(folder / "etl.yaml", ["load"])


IDS = st.lists(st.from_regex(r"[\w.-]+", fullmatch=True), unique=True, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(first=IDS, more=IDS)
def test_what_is_written_is_read_back_whatever_the_tasks_are_called(
    folder: Path, first: list[str], more: list[str]
) -> None:
    path = folder / "etl.yaml"
    added = [task_id for task_id in more if task_id not in first]

    write_atomically(path, new_text(first))
    if added:
        write_atomically(path, add_tasks(path, added))

    state = load_migration_state(folder, "etl")
    assert [task.task_id for task in state.tasks] == [*first, *added]
    assert not state.migrated


def test_the_command_is_a_module(dags: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "airflow.providers.dagster.scaffold", str(dags)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert (dags / "migration_state" / "etl.yaml").read_text() == FRESH
