"""What Airflow says about DAGs, tasks and their runs, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Row = TypeVar("Row")

SUCCESS = "success"
ENDED_WELL = frozenset({SUCCESS, "skipped", "removed"})
"""States of a mapped task instance that do not keep its task from having succeeded."""

NOT_MAPPED = -1


@dataclass(frozen=True)
class Dag:
    """A DAG. `tags` and `owners` are Airflow's own strings."""

    dag_id: str
    description: str | None
    owners: tuple[str, ...]
    tags: tuple[str, ...]
    schedule: str | None
    file: str | None


@dataclass(frozen=True)
class Task:
    """A task of a DAG and the tasks right after it."""

    dag_id: str
    task_id: str
    operator: str | None
    downstream_task_ids: frozenset[str]


@dataclass(frozen=True)
class TaskInstance:
    """One try of a task in a DAG run; `id` is new for every try and every clear."""

    id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str | None
    try_number: int
    max_tries: int
    operator: str | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_mapped(self) -> bool:
        """Whether this is one of the instances of a dynamically mapped task."""
        return self.map_index > NOT_MAPPED

    @property
    def duration(self) -> timedelta | None:
        """Time between start and end, None where either is unknown."""
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG; a re-run keeps its id and gets another end."""

    dag_id: str
    run_id: str
    state: str | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def duration(self) -> timedelta | None:
        """Time between start and end, None where either is unknown."""
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None


@dataclass(frozen=True)
class BadRow:
    """A row of an answer that could not be read, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        """Return one line for a log."""
        return f"{self.name}: {self.reason}"


@dataclass(frozen=True)
class Page(Generic[Row]):
    """One page of a list: the rows that could be read, the others, and where the next page begins.

    `received` counts rows as the server sent them. `next_page` is None at the end of a keyset list.
    """

    rows: tuple[Row, ...]
    bad_rows: tuple[BadRow, ...]
    received: int
    next_page: str | None


@dataclass(frozen=True)
class Window:
    """Which rows a scan asks for: changed since an instant, of DAG runs due after another one.

    Args:
        since: Only rows that Airflow changed at this instant or later.
        run_after: Only rows of DAG runs that were due at this instant or later, None for all.
    """

    since: datetime
    run_after: datetime | None
