"""What is found of a try somewhere, and what may look for it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from dagster_airlift_core import AirflowInstance
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.run_results import DbtResultsError, RunResults, read_run_results

_WRAPPED = 3


@dataclass(frozen=True)
class Found:
    """Results of dbt that one try left behind.

    Args:
        runs: One for each dbt command, in their order.
        notes: What was there and could not be used, each with its reason.
    """

    runs: tuple[RunResults, ...] = ()
    notes: tuple[str, ...] = ()


@runtime_checkable
class ResultSource(Protocol):
    """A place where results of dbt may lie."""

    def results_of(
        self, airflow: AirflowInstance, instance: TaskInstance, projects: Sequence[DbtProjectContent]
    ) -> Found:
        """Look for the results of a try.

        Args:
            airflow: The Airflow instance.
            instance: The try; one of the copies of a dynamically mapped task.
            projects: What the manifests know; nothing else is taken from a text that any task can write.

        Returns:
            What there is, often nothing.

        Raises:
            AirliftError: It cannot be told now.
        """
        ...


@runtime_checkable
class WatchedResults(Protocol):
    """A place in which one task tells of what others watch, and which these may not have seen."""

    def results_of_watched(
        self, airflow: AirflowInstance, instance: TaskInstance, unique_ids: Collection[str]
    ) -> Found:
        """Look for what was told of the resources that a task watches.

        Args:
            airflow: The Airflow instance.
            instance: The try of the task that watches; or the task, where Airflow did not get to it.
            unique_ids: What it watches.

        Returns:
            What there is, often nothing.

        Raises:
            AirliftError: It cannot be told now.
        """
        ...


def read_value(value: object, where: str) -> Found:
    """Read results from a value that somebody pushed: the content of a `run_results.json`, or several of them.

    Args:
        value: The value, or a text of JSON in which it is; Airflow wraps it once more.
        where: Where it was, for notes.
    """
    for _ in range(_WRAPPED):
        if not isinstance(value, str | bytes):
            break
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return Found()
    entries = cast("list[object]", value) if isinstance(value, list) else [value]
    runs: list[RunResults] = []
    notes: list[str] = []
    for entry in entries:
        if isinstance(entry, dict) and "results" in entry:
            try:
                runs.append(read_run_results(cast("object", entry)))
            except DbtResultsError as error:
                notes.append(f"{where}: {error}")
    return Found(tuple(runs), tuple(notes))
