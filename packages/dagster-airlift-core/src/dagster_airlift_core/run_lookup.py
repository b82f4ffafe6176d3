"""The DAG runs of task instances, many with one question; what is known is not asked again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TypeAlias

from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.model import DagRun, Span, TaskInstance

PAGES = 10
"""Of a list that is asked for at once; what is not among so many is asked for by itself."""
_Name: TypeAlias = tuple[str, str]


class RunLookup:
    """Finds the DAG runs of task instances; nothing is asked before the first one is wanted.

    Runs of one DAG come with one question, and so do runs that were due at the same moment: whichever takes fewer.

    Args:
        airflow: The Airflow instance.
    """

    def __init__(self, airflow: AirflowInstance) -> None:
        self._airflow = airflow
        self._found: dict[_Name, DagRun | None] = {}
        self._expected: dict[_Name, TaskInstance] = {}

    def expect(self, instances: Iterable[TaskInstance]) -> None:
        """Say whose DAG runs may be wanted, so that they are asked for together.

        Args:
            instances: Task instances.
        """
        self._expected = {name: one for one in instances if (name := _name(one)) not in self._found}

    def run_of(self, instance: TaskInstance) -> DagRun | None:
        """Return the DAG run of a task instance, None where Airflow does not have it any more.

        Args:
            instance: The task instance.

        Raises:
            AirflowApiError: Airflow did not give it.
        """
        name = _name(instance)
        if name not in self._found:
            self._ask({**self._expected, name: instance})
            self._expected = {}
        return self._found[name]

    def _ask(self, wanted: Mapping[_Name, TaskInstance]) -> None:
        due = {name: at for name, one in wanted.items() if (at := self._airflow.runs_due.moment_of(one))}
        for span in _spans(due):
            self._read(span, due.keys())
        for name, at in due.items():
            if name not in self._found:
                self._read(Span(at, at, name[0]), [name])
        self._found.update(dict.fromkeys(wanted.keys() - self._found.keys()))

    def _read(self, span: Span, wanted: Iterable[_Name]) -> None:
        missing = set(wanted) - self._found.keys()
        for number, page in enumerate(self._airflow.runs_due.within(span), 1):
            for run in page.rows:
                self._found[run.dag_id, run.run_id] = run
                missing.discard((run.dag_id, run.run_id))
            if not missing or number == PAGES:
                return


def _name(instance: TaskInstance) -> _Name:
    return instance.dag_id, instance.run_id


def _spans(due: Mapping[_Name, datetime]) -> Iterable[Span]:
    """Return spans that hold all runs, as few as one for each DAG or one for each moment."""
    moments: dict[str, list[datetime]] = defaultdict(list)
    for (dag_id, _), at in due.items():
        moments[dag_id].append(at)
    at_once = sorted(set(due.values()))
    if len(at_once) < len(moments):
        return [Span(at, at) for at in at_once]
    return [Span(min(of_dag), max(of_dag), dag_id) for dag_id, of_dag in sorted(moments.items())]
