"""What cannot be meant is refused by its name, and says what to give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dagster_dbt import DbtProject

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance, TaskHandle
from dagster_airlift_core.testing import FakeAirflow
from dagster_airlift_dbt import DbtCommand, DbtOnAirflow, DbtSelectionError, DbtTaskLogs
from dagster_airlift_dbt.last_resolved import LastResolved

TASKS = {"nightly": {"marts": DbtCommand("run", select="marts")}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param({"manifest": None}, "^manifest is of the type NoneType", id="no manifest"),
        pytest.param(
            {"manifest": [None]}, "^One of manifest is of the type NoneType", id="none among several"
        ),
        pytest.param({"tasks": ["nightly"]}, "^tasks is of the type list", id="a list of DAGs"),
        pytest.param(
            {"tasks": {"nightly": "run"}}, r"^tasks\['nightly'\] is of the type str", id="a text for a DAG"
        ),
        pytest.param(
            {"tasks": {"nightly": {"marts": "dbt run"}}},
            r"^tasks\['nightly'\]\['marts'\] is of the type str.*Give a DbtCommand",
            id="a text for a task",
        ),
        pytest.param(
            {"tasks": {"nightly": {"marts": ["dbt run"]}}},
            r"^One of tasks\['nightly'\]\['marts'\] is of the type str",
            id="texts for a task",
        ),
        pytest.param(
            {"airflow": AirflowBasicAuthBackend("http://127.0.0.1:9", "u", "p")},
            "^airflow is of the type AirflowBasicAuthBackend",
            id="a backend",
        ),
        pytest.param({"retrieval_filter": "nightly"}, "^retrieval_filter is of the type str", id="a filter"),
        pytest.param({"results": "s3://runs"}, "^results is of the type str", id="a text of a place"),
        pytest.param({"results": DbtTaskLogs()}, "^results is of the type DbtTaskLogs", id="a place alone"),
        pytest.param({"results": ["s3://runs"]}, "^One of results is of the type str", id="texts of places"),
    ],
)
def test_what_is_of_another_type_is_refused_by_its_name(given: dict[str, Any], told: str) -> None:
    arguments: dict[str, Any] = {"manifest": Path("manifest.json"), "tasks": TASKS, **given}

    with pytest.raises(TypeError, match=told):
        DbtOnAirflow(**arguments)


def test_flags_that_are_one_text_are_refused() -> None:
    flags: Any = "--target prod"

    with pytest.raises(DbtSelectionError, match=r"Give its words: flags=\('--target', 'prod'\)"):
        DbtCommand("run", flags=flags)


def test_a_whole_command_line_is_to_be_given_in_parts() -> None:
    line: Any = "dbt run --select marts"

    with pytest.raises(DbtSelectionError, match="Give its parts apart: DbtCommand"):
        DbtCommand(line)


def test_a_misspelt_task_that_is_to_be_migrated_is_asked_about(
    project: Path, manifest: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FakeAirflow() as fake:
        fake.add_dag("nightly", {"marts": []})
        airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
        dbt = DbtOnAirflow(manifest=manifest, airflow=airflow, tasks=TASKS)

        dbt.migrate("nightly", "mart", project=DbtProject(project)).defs()

    assert "Did you mean nightly.marts?" in caplog.text


def test_a_selection_of_nothing_names_what_may_have_been_meant(manifest: Path) -> None:
    dbt = DbtOnAirflow(manifest=manifest, tasks={"nightly": {"marts": DbtCommand("run", select="martz")}})

    with pytest.raises(DbtSelectionError, match=r"Did you mean marts\?"):
        dbt.defs()


def test_what_tasks_run_is_resolved_once_for_definitions_and_results(books: DbtOnAirflow) -> None:
    books.defs()
    index = books.index()

    assert not books.testing_tasks
    assert books.index() is index


def test_what_tasks_run_is_resolved_anew_once_something_has_changed() -> None:
    last, old, new = LastResolved(), object(), object()
    made: list[Any] = []

    def resolve() -> Any:  # noqa: ANN401 - stands for what is resolved
        made.append(object())
        return made[-1]

    found = [last.get(of, resolve) for of in ((old,), (old,), (new,), (new, old))]

    assert found == [made[0], made[0], made[1], made[2]]


def test_an_index_shows_how_much_it_knows_and_not_all_of_it(books: DbtOnAirflow) -> None:
    books.defs()

    shown = repr(books.index())

    assert "of them run by 3 tasks" in shown
    assert books.index().ids_of(TaskHandle("nightly", "seed"))
