"""What Airflow says about DAGs, tasks and their runs, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeAlias, TypeVar

from dagster_airlift_core.handles import TaskHandle

Row = TypeVar("Row")

RenderedValue: TypeAlias = (
    str | int | float | bool | tuple["RenderedValue", ...] | Mapping[str, "RenderedValue"] | None
)
"""What a template field may hold."""

SUCCESS, FAILED = "success", "failed"
"""A try that Airflow does not repeat; one that it does is `up_for_retry`."""
UNREACHED, SKIPPED = "upstream_failed", "skipped"  # something before it failed; it was left out
ENDED_WELL = frozenset({SUCCESS, SKIPPED, "removed"})
"""States of a mapped task instance that do not keep its task from having succeeded."""
ENDED = ENDED_WELL | {FAILED, UNREACHED}
"""States of a mapped task instance in which nothing more happens."""

NOT_MAPPED = -1


@dataclass(frozen=True, slots=True)
class Dag:
    """A DAG. `tags` and `owners` are Airflow's own strings.

    `is_stale` says that its file does not define it any more; Airflow keeps such a DAG for its history.
    """

    dag_id: str
    description: str | None
    owners: tuple[str, ...]
    tags: tuple[str, ...]
    schedule: str | None
    file: str | None
    is_paused: bool = False
    is_stale: bool = False
    has_import_errors: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a DAG and the tasks right after it.

    `group_id` is the dotted id without its last part: Airflow's API does not name the task group itself.
    `is_proxied` says that Dagster does the work: its operator is one of our provider's proxies.
    `operator_class` is the class of the operator with its module, None where Airflow does not tell.
    """

    dag_id: str
    task_id: str
    operator: str | None
    downstream_task_ids: frozenset[str]
    group_id: str | None = None
    is_mapped: bool = False
    is_proxied: bool = False
    operator_class: str | None = None


@dataclass(frozen=True, slots=True)
class AirflowAsset:
    """An asset of Airflow 3 or a dataset of Airflow 2, with the tasks and DAGs around it.

    Args:
        uri: Its URI, by which Airflow knows it.
        name: Its name; the URI where Airflow has no name.
        group: Its group, None where Airflow has no groups.
        producing_tasks: Tasks with it as an outlet.
        consuming_tasks: Tasks with it as an inlet; Airflow 2 does not tell.
        consuming_dag_ids: DAGs that are scheduled on it.
    """

    uri: str
    name: str
    group: str | None
    producing_tasks: frozenset[TaskHandle]
    consuming_tasks: frozenset[TaskHandle]
    consuming_dag_ids: frozenset[str]


@dataclass(frozen=True)
class ImportProblem:
    """A file that Airflow cannot import.

    Args:
        file: The file, as Airflow names it.
        message: The last line of the stack trace that is not empty, at most 300 characters.
    """

    file: str
    message: str


@dataclass(frozen=True)
class TaskInstance:
    """One try of a task in a DAG run; `id` is new for every try and every clear.

    `logical_date` and `run_after` are those of its run; Airflow 2 does not tell when a run was due, and a run of
    Airflow 3 that was triggered by hand or by an asset may have no logical date.
    """

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
    logical_date: datetime | None = None
    run_after: datetime | None = None

    @property
    def is_mapped(self) -> bool:
        """Whether this is one of the instances of a dynamically mapped task."""
        return self.map_index > NOT_MAPPED

    @property
    def never_ran(self) -> bool:
        """Whether Airflow has never tried it: then a person has given it the state that it has."""
        return self.try_number == 0

    @property
    def duration(self) -> timedelta | None:
        """Time between start and end, None where either is unknown."""
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None


@dataclass(frozen=True)
class RenderedFields:
    """The template fields of one task instance, as they were when it ran.

    They may hold business data, so they are not shown, and not kept: whoever asks takes from them what it needs.

    Args:
        run_id: The DAG run.
        task_id: The task.
        map_index: Which copy of a dynamically mapped task it is, -1 for a task that is none.
        fields: Name → value, with its templates rendered. Airflow cuts long ones, and masks secrets.
    """

    run_id: str
    task_id: str
    map_index: int
    fields: Mapping[str, RenderedValue] = field(repr=False)


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG; a re-run keeps its id and gets another end.

    Args:
        dag_id: DAG id.
        run_id: DAG run id.
        state: State of the run.
        started_at: When it started.
        ended_at: When it ended.
        logical_date: Its logical date; a run of Airflow 3 that was triggered by hand or by an asset may have none.
        data_interval_start: Where the span of time begins that it is for; such a run has none.
        data_interval_end: Where that ends.
        run_after: When it was due; Airflow 2 does not tell.
        partition_key: The partition that it is for, by a name of Airflow's own; only Airflow 3 has those.
        partition_date: A moment in that partition, where it is one of time.
    """

    dag_id: str
    run_id: str
    state: str | None
    started_at: datetime | None
    ended_at: datetime | None
    logical_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    run_after: datetime | None = None
    partition_key: str | None = None
    partition_date: datetime | None = None

    @property
    def empty_interval(self) -> datetime | None:
        """Where its data interval begins and ends at once, None where it takes any time or there is none.

        Airflow 3 reads a cron expression as moments without an interval: a run at midnight is for the day before, as it
        was in Airflow 2, where the interval started then.
        """
        return self.data_interval_start if self.data_interval_start == self.data_interval_end else None

    @property
    def duration(self) -> timedelta | None:
        """Time between start and end, None where either is unknown."""
        return self.ended_at - self.started_at if self.started_at and self.ended_at else None

    @property
    def is_finished(self) -> bool:
        """Whether it ended, well or not."""
        return self.state in (SUCCESS, FAILED)


@dataclass(frozen=True)
class AssetUpdate:
    """Something that Airflow recorded of one of its assets: it was updated, by a task or by somebody else.

    Args:
        id: Its number; no other event of the instance gets it.
        uri: URI of the asset.
        at: When it was recorded.
        dag_id: The DAG that did it, None when it was no DAG.
        run_id: The DAG run that did it.
        task_id: The task that did it.
        map_index: Index of the mapped task instance that did it.
        partition_key: The partition that was updated, by a name of Airflow's own; only Airflow 3 has those.
    """

    id: int
    uri: str
    at: datetime
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int = NOT_MAPPED
    partition_key: str | None = None


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

    `received` counts rows as the server sent them, `total` those of the whole list, where it says so.
    `next_page` is None at the end of a keyset list.
    """

    rows: tuple[Row, ...]
    bad_rows: tuple[BadRow, ...]
    received: int
    next_page: str | None
    total: int | None = None


@dataclass(frozen=True)
class LogPart:
    """A part of the log of a try.

    Args:
        lines: Its lines, as the task wrote them; those of Airflow 2 begin with time, file and level.
        next_part: Where the next part begins, None at the end.
    """

    lines: tuple[str, ...]
    next_part: str | None


@dataclass(frozen=True)
class Window:
    """Which rows a scan asks for: changed since an instant, of DAG runs due after another one.

    Args:
        since: Only rows that Airflow changed at this instant or later.
        run_after: Only rows of DAG runs that were due at this instant or later, None for all.
        until: Only rows that Airflow changed at this instant or before, None for all.
    """

    since: datetime
    run_after: datetime | None
    until: datetime | None = None


@dataclass(frozen=True)
class Span:
    """Which DAG runs are asked for because task instances belong to them.

    Args:
        first: Only runs that were due at this moment or later; Airflow 2 goes by the logical date.
        last: Only runs that were due at this moment or earlier.
        dag_id: Only runs of this DAG, None for all DAGs.
    """

    first: datetime
    last: datetime
    dag_id: str | None = None
