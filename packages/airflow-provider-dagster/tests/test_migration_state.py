import ast
import json
import os
import pickle
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow.providers.dagster import migration_state, strict_yaml
from airflow.providers.dagster.migration_state import (
    MAX_BYTES,
    Copies,
    MigrationState,
    MigrationStateError,
    TaskState,
    load_migration_state,
)

TASK = "expected a task like {id: load, migrated: true}"
TASKS = "expected `tasks:` with a list of tasks like {id: load, migrated: true}, or `migrated: true` for the whole DAG"


def write(folder: Path, text: str | bytes, name: str = "etl.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_a_file_says_which_tasks_are_migrated(folder: Path) -> None:
    path = write(folder, "tasks:\n  - {id: load, migrated: true}\n  - id: g.check\n    migrated: false\n")

    state = load_migration_state(folder, "etl")

    assert state.path == path
    assert state.tasks == (TaskState("load", True, 2, 5), TaskState("g.check", False, 3, 5))  # noqa: FBT003
    assert state.migrated == {"load"}


@pytest.mark.parametrize("key", ["migrated", "proxied"])
@pytest.mark.parametrize("word", ["true", "false"])
def test_a_file_may_speak_of_the_whole_dag(folder: Path, key: str, word: str) -> None:
    path = write(folder, f"# ours\n{key}: {word}")

    state = load_migration_state(folder, "etl")

    assert state == MigrationState(path, whole_dag=word == "true", line=2)


def test_the_copies_of_a_mapped_task_run_each_unless_the_file_says_once(folder: Path) -> None:
    entries = (
        "{id: a, migrated: true}",
        "{id: b, migrated: true, mapped: each}",
        "{id: c, migrated: true, mapped: once}",
    )
    write(folder, f"tasks: [{', '.join(entries)}]")

    state = load_migration_state(folder, "etl")

    assert [task.copies for task in state.tasks] == [Copies.EACH, Copies.EACH, Copies.ONCE]


def test_without_folder_or_file_nothing_is_migrated(folder: Path) -> None:
    write(folder, "not: read", name="other.yaml")

    assert load_migration_state(folder, "etl").migrated == frozenset()
    assert load_migration_state(folder / "absent", "etl").tasks == ()


@pytest.mark.parametrize("dag_id", ["../secret", "..", "a/b", "/etc/passwd", "nul\0", "ETL", ""])
def test_a_dag_id_never_becomes_a_path(folder: Path, dag_id: str) -> None:
    write(folder.parent, "tasks: [{id: load, migrated: true}]", name="secret.yaml")
    write(folder, "tasks: [{id: load, migrated: true}]")

    assert load_migration_state(folder, dag_id).tasks == ()


def test_a_link_may_point_within_the_folder(folder: Path) -> None:
    (folder / "..data").mkdir()
    write(folder / "..data", "tasks: [{id: load, migrated: true}]", name="v1.yaml")
    (folder / "etl.yaml").symlink_to(folder / "..data" / "v1.yaml")

    assert load_migration_state(folder, "etl").migrated == {"load"}


def test_a_link_may_not_leave_the_folder(folder: Path) -> None:
    (folder / "etl.yaml").symlink_to(write(folder.parent, "tasks: []", name="outside.yaml"))

    with pytest.raises(MigrationStateError, match="is a symbolic link that leaves its folder"):
        load_migration_state(folder, "etl")


@pytest.mark.parametrize("kind", ["loop", "dangling", "folder", "fifo"])
def test_what_is_no_file_is_refused(folder: Path, kind: str) -> None:
    path = folder / "etl.yaml"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "loop" else folder / "absent")

    with pytest.raises(MigrationStateError, match=r"^migration_state/etl.yaml:1:1: "):
        load_migration_state(folder, "etl")


def test_a_folder_that_is_a_file_is_refused(folder: Path) -> None:
    with pytest.raises(MigrationStateError, match="the folder cannot be listed"):
        load_migration_state(write(folder, ""), "etl")


# What the file says, and the loader's answer: ids of the migrated tasks, or place and problem.
# The schema must agree, unless only the text shows what is wrong (third column).
CASES: dict[str, tuple[str, set[str] | str, bool]] = {
    "no tasks": ("tasks: []", set(), True),
    "quoted number as id": ("tasks: [{id: '1', migrated: true}]", {"1"}, True),
    "comment and document start": ("# ours\n---\ntasks: [{id: a, migrated: true}]", {"a"}, True),
    "byte order mark": ("\ufefftasks: [{id: a, migrated: true}]", {"a"}, True),
    "json": ('{"tasks": [{"id": "a", "migrated": true}]}', {"a"}, True),
    "no migrated": ("tasks:\n\n  - {id: load}", f"3:5: {TASK}, found {{'id': 'load'}}", True),
    "no id": ("tasks: [{migrated: true}]", f"1:9: {TASK}, found {{'migrated': true}}", True),
    "empty": ("", f"1:1: {TASKS}, found nothing", True),
    "no mapping": ("- load", f"1:1: {TASKS}, found ['load']", True),
    "empty mapping": ("{}", f"1:1: {TASKS}, found {{}}", True),
    "tasks empty": (
        "tasks:",
        "1:7: expected a list of tasks like {id: load, migrated: true}, found nothing",
        True,
    ),
    "task is text": ("tasks: [load]", f"1:9: {TASK}, found 'load'", True),
    "misspelt key": (
        "tasks: [{id: a, migrted: true}]",
        "1:17: unknown key 'migrted', did you mean 'migrated'?",
        True,
    ),
    "older key": ("tasks: [{id: a, proxied: true}, {id: b, proxied: false}]", {"a"}, True),
    "older and newer key": (
        "tasks: [{id: a, migrated: true, proxied: true}]",
        "1:42: `proxied` is the older name of `migrated`, keep one of them",
        True,
    ),
    "foreign key": (
        "tasks: [{id: a, when: true}]",
        "1:17: unknown key 'when', the keys here are id, migrated, proxied, mapped",
        True,
    ),
    "mapped": ("tasks: [{id: a, migrated: true, mapped: once}]", {"a"}, True),
    "misspelt mapped": (
        "tasks: [{id: a, migrated: true, mapped: onec}]",
        "1:41: expected each or once, found 'onec', did you mean 'once'?",
        True,
    ),
    "foreign mapped": (
        "tasks: [{id: a, migrated: true, mapped: zzz}]",
        "1:41: expected each or once, found 'zzz', it is one of each, once",
        True,
    ),
    "mapped is a boolean": (
        "tasks: [{id: a, migrated: true, mapped: true}]",
        "1:41: expected each or once, found true",
        True,
    ),
    "whole DAG and tasks": ("migrated: true\ntasks: []", f"1:1: {TASKS}, found both", True),
    "whole DAG twice": (
        "migrated: true\nproxied: true",
        "2:10: `proxied` is the older name of `migrated`, keep one of them",
        True,
    ),
    "whole DAG as text": (
        "migrated: 'true'",
        "1:11: expected true or false, in lower case and without quotes, found 'true'",
        True,
    ),
    "misspelt tasks": ("task: []", "1:1: unknown key 'task', did you mean 'tasks'?", True),
    "merge key": ("tasks: [{<<: {id: a}, migrated: true}]", "1:10: unknown key <<", False),
    "number as id": (
        "tasks: [{id: 1, migrated: true}]",
        "1:14: expected a task id, a string (quote it), found 1",
        True,
    ),
    "empty id": (
        "tasks: [{id: '', migrated: true}]",
        "1:14: expected a task id, a string (quote it), found ''",
        True,
    ),
    "date as id": ("tasks: [{id: 2026-01-01, migrated: true}]", "1:14: expected a task id", True),
    "null": (
        "tasks: [{id: a, migrated: null}]",
        "1:27: expected true or false, in lower case and without quotes, found null",
        True,
    ),
    "number": (
        "tasks: [{id: a, migrated: 1}]",
        "1:27: expected true or false, in lower case and without quotes, found 1",
        True,
    ),
    "text": (
        "tasks: [{id: a, migrated: 'true'}]",
        "1:27: expected true or false, in lower case and without quotes, found 'true'",
        True,
    ),
    "yes": (
        "tasks: [{id: a, migrated: yes}]",
        "1:27: expected true or false, in lower case and without quotes, found yes",
        False,
    ),
    "True": (
        "tasks: [{id: a, migrated: True}]",
        "1:27: expected true or false, in lower case and without quotes, found True",
        False,
    ),
    "duplicate id": (
        "tasks:\n- {id: a, migrated: true}\n- {id: a, migrated: true}",
        "3:3: the task 'a' stands twice, first in line 2",
        False,
    ),
    "duplicate key": ("tasks: [{id: a, id: b, migrated: true}]", "1:17: the key 'id' stands twice", False),
    "alias": ("tasks: [&x {id: a, migrated: true}, *x]", "1:37: aliases are not allowed", False),
    "two documents": ("tasks: []\n---\ntasks: []", "2:1: but found another document", False),
    "python object": ("tasks: !!python/tuple []", "1:8: expected a list of tasks", False),
    "own tag": ("tasks: [!x {id: a, migrated: true}]", f"1:9: {TASK}, found", False),
    "truncated": ("tasks: [{id: a,", "2:1: ", False),
    "tab": ("tasks:\n\t- a", "2:1: ", False),
    "deep": ("[" * 5000, "1:9: the YAML is nested too deeply", False),
    "control character": ("tasks: [\x01]", "1:1: the YAML cannot be parsed", False),
}


@pytest.mark.parametrize(("text", "expected"), [case[:2] for case in CASES.values()], ids=list(CASES))
def test_a_file_is_read_strictly(folder: Path, text: str, expected: set[str] | str) -> None:
    write(folder, text)

    if isinstance(expected, set):
        assert load_migration_state(folder, "etl").migrated == expected
        return
    with pytest.raises(MigrationStateError) as caught:
        load_migration_state(folder, "etl")
    assert str(caught.value).startswith(f"migration_state/etl.yaml:{expected}")


def load_plainly(text: str) -> Any:  # noqa: ANN401
    return json.loads(json.dumps(yaml.safe_load(text), default=lambda value: {"not JSON": str(value)}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [case[:2] for case in CASES.values() if case[2]],
    ids=[k for k, c in CASES.items() if c[2]],
)
def test_the_schema_agrees_with_the_loader(text: str, expected: set[str] | str) -> None:
    schema = json.loads(
        resources.files("airflow.providers.dagster").joinpath("migration_state.schema.json").read_text()
    )

    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(load_plainly(text)))

    assert bool(errors) == isinstance(expected, str)


def test_a_large_file_is_refused(folder: Path) -> None:
    write(folder, "tasks: []" + "\n" * MAX_BYTES)

    with pytest.raises(MigrationStateError, match="larger than 1,000,000 bytes"):
        load_migration_state(folder, "etl")


def test_text_that_is_not_utf8_is_refused_at_its_place(folder: Path) -> None:
    write(folder, b"tasks:\n  - {id: caf\xe9, migrated: true}")

    with pytest.raises(MigrationStateError, match=r"^migration_state/etl.yaml:2:13: expected UTF-8\.$"):
        load_migration_state(folder, "etl")


def test_long_values_are_cut_in_messages(folder: Path) -> None:
    write(folder, f"tasks: [{{id: {'a' * 500}}}]")

    with pytest.raises(MigrationStateError) as caught:
        load_migration_state(folder, "etl")

    assert len(str(caught.value)) < 250


def test_an_error_keeps_its_facts_through_a_pickle(folder: Path) -> None:
    path = write(folder, "tasks:")
    with pytest.raises(MigrationStateError) as caught:
        load_migration_state(folder, "etl")

    copy = pickle.loads(pickle.dumps(caught.value))

    assert (copy.path, copy.line, copy.column, str(copy)) == (path, 1, 7, str(caught.value))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    ids=st.dictionaries(
        st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1), st.booleans()
    )
)
def test_what_yaml_writes_is_read_back(folder: Path, ids: dict[str, bool]) -> None:
    write(folder, yaml.safe_dump({"tasks": [{"id": key, "migrated": value} for key, value in ids.items()]}))

    state = load_migration_state(folder, "etl")

    assert {task.task_id: task.migrated for task in state.tasks} == ids


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.binary(max_size=200) | st.text("tasksidmigrate:{}[]-, \n&*'\"!", max_size=60).map(str.encode))
def test_no_bytes_raise_anything_else(folder: Path, text: bytes) -> None:
    write(folder, text)

    try:
        load_migration_state(folder, "etl")
    except MigrationStateError as error:
        assert error.line >= 1  # noqa: PT017


@pytest.mark.parametrize("module", [migration_state, strict_yaml], ids=["migration_state", "strict_yaml"])
def test_the_modules_import_neither_airflow_nor_http(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())

    imported = {
        name.removeprefix("airflow.providers.dagster.").split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported & {"airflow", "httpx", "requests", "http", "urllib"} == set()


def test_a_question_ends_the_sentence_as_it_is(tmp_path: Path) -> None:
    error = MigrationStateError(
        tmp_path / "migration_state" / "etl.yaml", 2, 3, "unknown key 'x', did you mean 'id'?"
    )

    assert str(error) == "migration_state/etl.yaml:2:3: unknown key 'x', did you mean 'id'?"
