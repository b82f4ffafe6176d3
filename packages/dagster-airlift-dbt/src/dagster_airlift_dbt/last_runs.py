"""What a task really ran in its last runs, by what dbt itself left behind of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dagster_airlift_core import AirflowInstance, AirliftError, TaskHandle
from dagster_airlift_core.model import FAILED, SUCCESS, TaskInstance
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.resolved import ResolvedTask
from dagster_airlift_dbt.run_results import RunResults
from dagster_airlift_dbt.task_results import DbtTaskResults, without_results

RUNS = 3
"""So many runs of the DAG are looked at."""


class RanLast(Protocol):
    """Knows what a task really ran in its last runs, better than dbt's results in Airflow or in a store tell."""

    def ids_of(self, handle: TaskHandle) -> Collection[str] | None:
        """Return the unique ids of what a task ran last.

        Args:
            handle: The task.

        Returns:
            The ids, tests among them; None where nothing is known.
        """
        ...


@dataclass(frozen=True)
class Seen:
    """What dbt's results say that a task ran.

    Args:
        ids: The unique ids of all that it ran, in any try of any of the runs; what dbt skipped was selected, and counts. None
            where there are no results.
        run_ids: The DAG runs of which there are results, the newest first.
        notes: What is to be known.
    """

    ids: frozenset[str] | None = None
    run_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def seen_by(last: RanLast, handle: TaskHandle) -> Seen:
    """Ask what knows better.

    Args:
        last: It.
        handle: The task.
    """
    ids = last.ids_of(handle)
    return Seen(None if ids is None else frozenset(ids))


@dataclass(frozen=True)
class LastRuns:
    """Looks for the results of the last runs of a task.

    Args:
        airflow: The Airflow instance.
        results: Where they may lie.
    """

    airflow: AirflowInstance
    results: DbtTaskResults

    def seen_of(self, handle: TaskHandle, task: ResolvedTask | None) -> Seen:
        """Tell what a task ran, all of its last runs taken together.

        Args:
            handle: The task.
            task: What it is known to run. dbt keeps the results of its last command alone: for the others, their
                selections count.
        """
        ids: set[str] = set()
        notes: dict[str, None] = {}
        run_ids: dict[str, None] = {}
        try:
            for instance in self._instances(handle):
                if runs := self.results.runs_of(self.airflow, instance):
                    run_ids[instance.run_id] = None
                    ids.update(result.unique_id for run in runs if run.counts for result in run.results)
                    for each in _untold(task.commands if task else (), runs):
                        ids.update(each.ids)
                        notes[
                            f"`{each.command}` left no results of its own; its selection says what it ran."
                        ] = None
        except AirliftError as error:
            notes[f"Results of its last runs cannot be read: {error}"] = None
        return Seen(frozenset(ids) if run_ids else None, tuple(run_ids), tuple(notes))

    def _instances(self, handle: TaskHandle) -> Iterator[TaskInstance]:
        for run in self.airflow.dag_runs.latest(handle.dag_id, RUNS).rows:
            for page in self.airflow.dag_runs.task_instances(handle.dag_id, run.run_id):
                for each in page.rows:
                    if each.task_id == handle.task_id and each.state in {SUCCESS, FAILED}:
                        yield from _tries(each)


def _tries(last: TaskInstance) -> Iterator[TaskInstance]:
    """The tries of an instance, of which Airflow tells when the last one began alone."""
    for number in range(1, last.try_number):
        yield replace(last, try_number=number, started_at=None)
    yield last


def _untold(commands: Sequence[TaskCommand], runs: Sequence[RunResults]) -> Iterable[TaskCommand]:
    """The commands of which there is nothing among some results; a log tells of all of them."""
    return () if any(run.is_evident for run in runs) else without_results(commands, runs)
