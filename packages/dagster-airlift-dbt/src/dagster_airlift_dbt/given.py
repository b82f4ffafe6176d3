"""What somebody may give a `DbtOnAirflow`, looked at before anything is done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from types import NoneType
from typing import cast, get_args

from dagster_airlift_core import AirflowFilter, AirflowInstance
from dagster_airlift_core.arguments import expect, expect_one_of
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.found import ResultSource
from dagster_airlift_dbt.manifest import HasManifestPath
from dagster_airlift_dbt.relations import Detail
from dagster_airlift_dbt.task_results import Checks

_A_COMMAND = 'a DbtCommand("run", select="marts"), a list of them, or None for a task that is not dbt'
_A_MANIFEST = "the path of a manifest.json, its content, a DbtProject, or a list of these"
_A_PLACE = 'a list of places, the best first, such as [DbtResultStore("s3://dbt-runs"), DbtTaskLogs()]'
_SEVERAL = (list, tuple)


def check_given(
    manifest: object, tasks: object, airflow: object, retrieval_filter: object, results: object
) -> None:
    """Refuse what cannot be meant, by its name.

    Args:
        manifest: Where manifests come from.
        tasks: What was said about the tasks.
        airflow: The Airflow instance that is asked, None for nobody.
        retrieval_filter: Which DAGs of it are looked at, None for all.
        results: Places of results.

    Raises:
        TypeError: One of them, or something in it, is of another type.
    """
    one = (str, PathLike, Mapping, HasManifestPath)
    expect("manifest", manifest, (*one, *_SEVERAL), _A_MANIFEST)
    for place in () if isinstance(manifest, one) else _each(manifest):  # a DbtProject is a tuple
        expect("One of manifest", place, one, _A_MANIFEST)
    expect("airflow", airflow, (AirflowInstance, NoneType), "an AirflowInstance with a backend and a name")
    expect("retrieval_filter", retrieval_filter, (AirflowFilter, NoneType), "an AirflowFilter")
    expect("results", results, _SEVERAL, _A_PLACE)
    for place in _each(results):
        expect("One of results", place, ResultSource, _A_PLACE)
    _check_tasks(tasks)


def check_choices(detail: object, checks: object) -> None:
    """Refuse words that are none of the choices.

    Args:
        detail: How much of dbt is shown.
        checks: Which results of dbt's tests are recorded.

    Raises:
        ValueError: There is no such choice.
    """
    expect_one_of("detail", detail, get_args(Detail))
    expect_one_of("checks", checks, get_args(Checks))


def _check_tasks(tasks: object) -> None:
    expect("tasks", tasks, Mapping, f"a dict of DAG ids to dicts of task ids; each task has {_A_COMMAND}")
    for dag_id, commands in cast("Mapping[object, object]", tasks).items():
        name = f"tasks[{dag_id!r}]"
        expect(name, commands, (Mapping, NoneType), f"a dict of task ids; each task has {_A_COMMAND}")
        for task_id, each in cast("Mapping[object, object]", commands or {}).items():
            expect(f"{name}[{task_id!r}]", each, (DbtCommand, *_SEVERAL, NoneType), _A_COMMAND)
            for one in _each(each):
                expect(f"One of {name}[{task_id!r}]", one, DbtCommand, _A_COMMAND)


def _each(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, _SEVERAL) else ()
