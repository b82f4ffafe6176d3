"""What one Airflow instance had at one moment, as a value that can be written down."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar, cast

from dagster_airlift_core._collecting import collecting_later
from dagster_airlift_core.errors import AirliftError
from dagster_airlift_core.filters import EVERYTHING, AirflowFilter
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.model import AirflowAsset, Dag, ImportProblem, Task
from dagster_airlift_core.task_table import TaskTable

SCHEMA = 2
"""Raised when a snapshot that was written by an older release would be misread."""
_Value = TypeVar("_Value")


class SnapshotError(AirliftError):
    """A text that is no snapshot, or one of another schema."""


@dataclass(frozen=True)
class AirflowSnapshot:
    """What an Airflow instance had when it was asked.

    It holds no credentials, nothing that changes by itself from one minute to the next but the moment
    it was taken, and the source code of DAGs only when that was asked for.

    Args:
        instance: Name of the Airflow instance.
        taken_at: The moment, by the clock of Airflow's server.
        dags: DAGs by id.
        tasks: Tasks of these DAGs.
        assets: Airflow's own assets; datasets in Airflow 2.
        import_problems: DAG files that Airflow could not import.
        sources: Source code by DAG id.
        unread: DAGs whose tasks are not known, and why.
        notes: What else could not be read, and why.
        is_airflow_2: Whether it was an Airflow 2, whose UI has other pages.
        url: URL of the web server that was asked, empty where that is not known.
        asked_for: The filter that it was asked with.
    """

    instance: str
    taken_at: datetime
    dags: Mapping[str, Dag]
    tasks: Mapping[TaskHandle, Task]
    assets: tuple[AirflowAsset, ...] = ()
    import_problems: tuple[ImportProblem, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    unread: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    is_airflow_2: bool = False
    url: str = ""
    asked_for: AirflowFilter = EVERYTHING

    def task_ids(self, dag_id: str) -> tuple[str, ...]:
        """Return the ids of the tasks of a DAG, sorted.

        Args:
            dag_id: DAG id, one of those whose tasks were asked for.
        """
        columns = self._table.columns.get(dag_id)
        return tuple(columns.ids) if columns else ()

    @cached_property
    def tasks_by_dag(self) -> Mapping[str, Mapping[str, Task]]:
        """Tasks by DAG id and task id."""
        found: dict[str, dict[str, Task]] = defaultdict(dict)
        for handle, task in self.tasks.items():
            found[handle.dag_id][handle.task_id] = task
        return dict(found)

    @cached_property
    def progress(self) -> Mapping[str, tuple[int, int]]:
        """For each DAG whose tasks are known: how many of them are proxied, and how many there are."""
        return {
            dag_id: (len(columns.proxied), len(columns.ids))
            for dag_id, columns in self._table.columns.items()
        }

    @cached_property
    def _table(self) -> TaskTable:
        return TaskTable.of(self.tasks)

    def only(self, dag_ids: Iterable[str]) -> AirflowSnapshot:
        """Return the snapshot with no more than these DAGs.

        Args:
            dag_ids: Ids of the DAGs to keep.
        """
        kept = self.dags.keys() & set(dag_ids)
        return replace(
            self,
            dags={dag_id: dag for dag_id, dag in self.dags.items() if dag_id in kept},
            tasks={handle: task for handle, task in self.tasks.items() if handle.dag_id in kept},
            sources={dag_id: source for dag_id, source in self.sources.items() if dag_id in kept},
            unread={dag_id: why for dag_id, why in self.unread.items() if dag_id in kept},
        )

    def to_json(self) -> str:
        """Return the snapshot as a JSON text, equal for equal snapshots."""
        written = {
            "schema": SCHEMA,
            "instance": self.instance,
            "taken_at": self.taken_at.isoformat(),
            "dags": [_dag_row(dag) for _, dag in sorted(self.dags.items())],
            "tasks": self._table.columns,
            "assets": [_asset_row(asset) for asset in self.assets],
            "import_problems": [[problem.file, problem.message] for problem in self.import_problems],
            "sources": dict(self.sources),
            "unread": dict(self.unread),
            "notes": list(self.notes),
            "is_airflow_2": self.is_airflow_2,
            "url": self.url,
            "asked_for": asdict(self.asked_for),
        }
        return json.dumps(written, separators=(",", ":"), sort_keys=True)

    @classmethod
    @collecting_later()
    def from_json(cls, text: str) -> AirflowSnapshot:
        """Return the snapshot that `to_json` wrote.

        Args:
            text: The JSON text.

        Raises:
            SnapshotError: It is none, or one of another schema.
        """
        try:
            fields: Any = json.loads(text)
            if fields["schema"] != SCHEMA:
                raise SnapshotError(
                    f"A snapshot of schema {fields['schema']!r}, expected {SCHEMA}. Take a new one."
                )
            return _read(fields)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise SnapshotError(f"No snapshot of an Airflow instance: {error!r}. Take a new one.") from error


def _read(fields: Mapping[str, Any]) -> AirflowSnapshot:
    shared = _Pool()
    dags = [_dag(row, shared) for row in fields["dags"]]
    return AirflowSnapshot(
        instance=_text(fields["instance"]),
        taken_at=datetime.fromisoformat(fields["taken_at"]).astimezone(UTC),
        dags={dag.dag_id: dag for dag in dags},
        tasks=TaskTable.read(fields["tasks"]),
        assets=tuple(_asset(row) for row in fields["assets"]),
        import_problems=tuple(
            ImportProblem(_text(file), _text(said)) for file, said in fields["import_problems"]
        ),
        sources=_texts_by_id(fields["sources"]),
        unread=_texts_by_id(fields["unread"]),
        notes=tuple(_text(note) for note in fields["notes"]),
        is_airflow_2=bool(fields["is_airflow_2"]),
        url=_text(fields.get("url", "")),
        asked_for=AirflowFilter(**fields.get("asked_for", {})),
    )


@dataclass(frozen=True)
class _Pool:
    """Gives the first of several equal values, for many DAGs look alike."""

    known: dict[object, Any] = field(default_factory=dict[object, Any])

    def __call__(self, value: _Value) -> _Value:
        return cast("_Value", self.known.setdefault(value, value))


def _dag_row(dag: Dag) -> list[object]:
    flags = [dag.is_paused, dag.is_stale, dag.has_import_errors]
    return [dag.dag_id, dag.description, list(dag.owners), list(dag.tags), dag.schedule, dag.file, flags]


def _dag(row: Any, shared: _Pool) -> Dag:  # noqa: ANN401 - JSON, checked field by field
    dag_id, description, owners, tags, schedule, file, (is_paused, is_stale, has_import_errors) = row
    return Dag(
        dag_id=_text(dag_id),
        description=_optional(description),
        owners=shared(tuple([_text(owner) for owner in owners])),
        tags=shared(tuple([_text(tag) for tag in tags])),
        schedule=shared(_optional(schedule)),
        file=shared(_optional(file)),
        is_paused=bool(is_paused),
        is_stale=bool(is_stale),
        has_import_errors=bool(has_import_errors),
    )


def _asset_row(asset: AirflowAsset) -> list[object]:
    tasks = [
        sorted([handle.dag_id, handle.task_id] for handle in handles)
        for handles in (asset.producing_tasks, asset.consuming_tasks)
    ]
    return [asset.uri, asset.name, asset.group, *tasks, sorted(asset.consuming_dag_ids)]


def _asset(row: Any) -> AirflowAsset:  # noqa: ANN401 - JSON, checked field by field
    uri, name, group, producing, consuming, dag_ids = row
    return AirflowAsset(
        uri=_text(uri),
        name=_text(name),
        group=_optional(group),
        producing_tasks=frozenset(TaskHandle(_text(dag_id), _text(task_id)) for dag_id, task_id in producing),
        consuming_tasks=frozenset(TaskHandle(_text(dag_id), _text(task_id)) for dag_id, task_id in consuming),
        consuming_dag_ids=frozenset(_text(dag_id) for dag_id in dag_ids),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {value!r}")
    return value


def _optional(value: object) -> str | None:
    return None if value is None else _text(value)


def _texts_by_id(value: Mapping[str, object]) -> Mapping[str, str]:
    return {dag_id: _text(text) for dag_id, text in value.items()}
