"""What the fake Airflow knows, and the things that happen there."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dagster_airlift_core.model import ENDED
from dagster_airlift_core.testing._assets import AssetWorld, text_of
from dagster_airlift_core.testing._leavings import Leavings, TaskKey
from dagster_airlift_core.testing._plays import Plays
from dagster_airlift_core.testing._server import Received


@dataclass
class Row:
    """A row as it is sent, with what Airflow keeps to itself: its number and when it was changed."""

    number: int
    payload: dict[str, Any]
    updated_at: datetime


class World(AssetWorld, Leavings, Plays):
    """DAGs, their runs and task instances, and a clock that stands still until it is moved.

    Args:
        now: Where the clock stands, in UTC.
        page_cap: How many rows a page has at most, whatever is asked for.
    """

    def __init__(self, now: datetime, page_cap: int) -> None:
        super().__init__(now)
        Plays.__init__(self)
        self.page_cap = page_cap
        self.requests: list[Received] = []
        self.dags: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, dict[str, Any]]] = {}
        self.import_errors: list[dict[str, Any]] = []
        self.sources: dict[str, str] = {}
        self.runs: dict[tuple[str, str], Row] = {}
        self.task_instances: dict[TaskKey, Row] = {}
        self.partitioned_dags: set[str] = set()
        self.is_v1 = False
        self._uncommitted: list[tuple[TaskKey, Row]] = []
        self._numbers = itertools.count(1)

    def add_dag(
        self,
        dag_id: str,
        tasks: Mapping[str, Iterable[str]] | None = None,
        *,
        owners: Iterable[str] = ("airflow",),
        tags: Iterable[str] = (),
        description: str | None = None,
        schedule: str | None = None,
        is_paused: bool = False,
        is_stale: bool = False,
    ) -> None:
        """Add a DAG, or replace it.

        Args:
            dag_id: DAG id.
            tasks: Task id to the ids of the tasks right after it.
            owners: Its owners.
            tags: Its tags.
            description: Its description.
            schedule: What Airflow says about its schedule.
            is_paused: Whether it is paused.
            is_stale: Whether no file defines it any more.
        """
        self.dags[dag_id] = {
            "dag_id": dag_id,
            "description": description,
            "owners": list(owners),
            "tags": [{"name": tag, "dag_id": dag_id} for tag in tags],
            "timetable_summary": schedule,
            "relative_fileloc": f"{dag_id}.py",
            "is_paused": is_paused,
            "is_stale": is_stale,
            "has_import_errors": False,
        }
        self.sources[dag_id] = f"# {dag_id}"
        self.tasks[dag_id] = {
            task_id: {
                "task_id": task_id,
                "operator_name": "BashOperator",
                "class_ref": {
                    "module_path": "airflow.providers.standard.operators.bash",
                    "class_name": "BashOperator",
                },
                "downstream_task_ids": list(after),
                "is_mapped": False,
            }
            for task_id, after in (tasks or {}).items()
        }

    def proxy_task(self, dag_id: str, task_id: str) -> None:
        """Make a task one that our provider has proxied."""
        self.set_operator(dag_id, task_id, "airflow.providers.dagster.operators.dagster.DagsterProxyOperator")

    def set_operator(self, dag_id: str, task_id: str, operator_class: str) -> None:
        """Give a task another operator.

        Args:
            dag_id: DAG id.
            task_id: Task id.
            operator_class: Its class, with the module.
        """
        module, _, name = operator_class.rpartition(".")
        self.tasks[dag_id][task_id] |= {
            "operator_name": name,
            "class_ref": {"module_path": module, "class_name": name},
        }

    def add_import_error(self, file: str, stack_trace: str) -> None:
        """Add a file that cannot be imported.

        Args:
            file: Name of the file.
            stack_trace: What Python said.
        """
        number = len(self.import_errors) + 1
        error = {"import_error_id": number, "filename": file, "bundle_name": "dags-folder"}
        self.import_errors.append({**error, "stack_trace": stack_trace, "timestamp": text_of(self.now)})

    def remove_dag(self, dag_id: str) -> None:
        """Remove a DAG; its runs stay, as in Airflow."""
        del self.dags[dag_id], self.tasks[dag_id]

    def set_run(
        self,
        dag_id: str,
        run_id: str,
        state: str = "success",
        *,
        run_after: datetime | None = None,
        interval: tuple[datetime, datetime] | None = None,
        partition: tuple[str, datetime | None] | None = None,
    ) -> None:
        """Give a DAG run a state now; a run that does not exist yet is created.

        Args:
            dag_id: DAG id, known or not.
            run_id: DAG run id.
            state: State of the run.
            run_after: When the run was due, by default now; a known run keeps its own.
            interval: Where its data interval begins and ends, the logical date being its begin; None for a run that
                has neither, which Airflow 2 gives an empty one at the time when it was due. A known run keeps its own.
            partition: Key and date of the partition that it is for, of which Airflow 2 knows nothing.
        """
        known = self.runs.get((dag_id, run_id))
        payload: dict[str, Any] = {
            "dag_run_id": run_id,
            "dag_id": dag_id,
            "run_type": "manual",
            "logical_date": text_of(interval[0]) if interval else None,
            "data_interval_start": text_of(interval[0]) if interval else None,
            "data_interval_end": text_of(interval[1]) if interval else None,
            "partition_key": partition[0] if partition else None,
            "partition_date": text_of(partition[1]) if partition and partition[1] else None,
            "conf": {"secret": "not for Dagster"},
            "run_after": text_of(run_after or self.now),
            "start_date": text_of(self.now),
            **({} if known is None else known.payload),
            "state": state,
            "end_date": text_of(self.now) if state in ("success", "failed") else None,
        }
        number = next(self._numbers) if known is None else known.number
        self.runs[dag_id, run_id] = Row(number, payload, self.now)

    def set_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        state: str | None = "success",
        *,
        map_index: int = -1,
        committed: bool = True,
    ) -> str:
        """Give a task instance a state now; one that does not exist yet is created, with its DAG run.

        Args:
            dag_id: DAG id, known or not.
            run_id: DAG run id.
            task_id: Task id.
            state: State of the task instance.
            map_index: Index of a mapped task instance.
            committed: Whether others see it at once; otherwise `commit` shows it, with the stamp of now.

        Returns:
            The id of the task instance.
        """
        if (dag_id, run_id) not in self.runs:
            self.set_run(dag_id, run_id, "running")
        key = (dag_id, run_id, task_id, map_index)
        known = self.task_instances.get(key)
        payload = {**(self._new_try(key, 0) if known is None else known.payload), "state": state}
        if state in ENDED:
            payload |= {"end_date": text_of(self.now), "duration": 1.0}
        row = Row(0, payload, self.now)
        if committed:
            self.task_instances[key] = row
        else:
            self._uncommitted.append((key, row))
        return str(payload["id"])

    def commit(self) -> None:
        """Show what was not committed, in the order in which it was stamped."""
        while self._uncommitted:
            key, row = self._uncommitted.pop(0)
            self.task_instances[key] = row

    def clear_task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> None:
        """Clear a task instance: a new id, no state, a raised `max_tries`, and the old end."""
        key = (dag_id, run_id, task_id, map_index)
        old = self.task_instances[key].payload
        payload = self._new_try(key, int(old["max_tries"]) + 1)
        payload |= {"try_number": old["try_number"] + 1, "end_date": old["end_date"], "state": None}
        self.task_instances[key] = Row(0, payload, self.now)
        self.xcoms.pop(key, None)
        self.set_run(dag_id, run_id, "running")

    def retry_task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> None:
        """Begin the next try of a task instance: a new id, and the same `max_tries`."""
        key = (dag_id, run_id, task_id, map_index)
        old = self.task_instances[key].payload
        payload = self._new_try(key, int(old["max_tries"]))
        payload |= {"try_number": old["try_number"] + 1, "state": "running"}
        self.task_instances[key] = Row(0, payload, self.now)

    def remove_run(self, dag_id: str, run_id: str) -> None:
        """Remove a DAG run with everything that belongs to it, as people do in the UI."""
        del self.runs[dag_id, run_id]
        gone = [key for key in self.task_instances if key[:2] == (dag_id, run_id)]
        for key in gone:
            del self.task_instances[key]

    def edit_task(self, dag_id: str, run_id: str, task_id: str, **fields: object) -> None:
        """Change fields of the payload of a task instance that is not mapped, in whatever way."""
        self.task_instances[dag_id, run_id, task_id, -1].payload.update(fields)

    def render_task(
        self, dag_id: str, run_id: str, task_id: str, fields: Mapping[str, object], *, map_index: int = -1
    ) -> None:
        """Give a task instance the values of its template fields.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
            task_id: Task id.
            fields: The values by name; none for an instance that has not begun.
            map_index: Index of a mapped task instance.
        """
        self.task_instances[dag_id, run_id, task_id, map_index].payload["rendered_fields"] = dict(fields)

    def _new_try(self, key: TaskKey, max_tries: int) -> dict[str, Any]:
        dag_id, run_id, task_id, map_index = key
        operator = self.tasks.get(dag_id, {}).get(task_id, {}).get("operator_name", "BashOperator")
        return {
            "id": f"{next(self._numbers):08x}-0000-7000-8000-000000000000",
            "dag_id": dag_id,
            "dag_run_id": run_id,
            "task_id": task_id,
            "map_index": map_index,
            "state": None,
            "try_number": 1,
            "max_tries": max_tries,
            "operator": operator,
            "operator_name": operator,
            "start_date": text_of(self.now),
            "end_date": None,
            "run_after": self.runs[dag_id, run_id].payload["run_after"],
            "logical_date": self.runs[dag_id, run_id].payload["logical_date"],
            "rendered_fields": {"bash_command": "not for Dagster"},
        }
