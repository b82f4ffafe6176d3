"""What the template fields of the tasks of a DAG were when these ran last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import TypeAlias

from dagster_airlift_core._dialect import Ask, Dialect
from dagster_airlift_core._listing import pages
from dagster_airlift_core.model import RenderedFields

LatestFields: TypeAlias = Mapping[str, tuple[RenderedFields, ...]]
"""Task id → the fields of its last instance that had any: one, or one for each copy of a mapped task."""

RUNS = 3
"""So many runs of a DAG are looked at; a task that none of them came to stays unknown."""
PAGES = 20
"""So many pages of a run are read at most; only a task of thousands of copies has more."""


def latest_fields(dialect: Dialect, ask: Ask, dag_id: str, task_ids: Collection[str]) -> LatestFields:
    """Look for the fields of some tasks in the last runs, from the newest run to older ones.

    Args:
        dialect: How to ask.
        ask: Asks.
        dag_id: The DAG.
        task_ids: The tasks.

    Raises:
        AirflowApiError: Airflow did not give them.
    """
    found: dict[str, tuple[RenderedFields, ...]] = {}
    for run in dialect.latest_runs(ask, dag_id, RUNS).rows:
        missing = set(task_ids) - found.keys()
        if not missing:
            break
        of_run: defaultdict[str, dict[int, RenderedFields]] = defaultdict(dict)
        for row in _rows(dialect, ask, dag_id, run.run_id):
            if row.fields and row.task_id in missing:
                of_run[row.task_id][row.map_index] = row
        found |= {
            task_id: tuple(each for _, each in sorted(rows.items())) for task_id, rows in of_run.items()
        }
    return found


def _rows(dialect: Dialect, ask: Ask, dag_id: str, run_id: str) -> Iterator[RenderedFields]:
    of_run = pages(lambda token: dialect.rendered_fields(ask, dag_id, run_id, token))
    return (row for page in islice(of_run, PAGES) for row in page.rows)
