"""What tries of tasks leave behind in the fake Airflow: logs and XComs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from dagster_airlift_core.testing._server import Query

TaskKey: TypeAlias = tuple[str, str, str, int]


class Leavings:
    """Logs by try, and XComs by task instance."""

    def __init__(self) -> None:
        self.logs: dict[tuple[TaskKey, int], list[str]] = {}
        self.xcoms: dict[TaskKey, dict[str, str]] = {}

    def set_log(
        self, dag_id: str, run_id: str, task_id: str, text: str, *, map_index: int = -1, try_number: int = 1
    ) -> None:
        """Give a try a log.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
            task_id: Task id.
            text: What the task wrote.
            map_index: Index of a mapped task instance.
            try_number: The try.
        """
        self.logs[(dag_id, run_id, task_id, map_index), try_number] = text.splitlines()

    def set_xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str, value: object, *, map_index: int = -1
    ) -> None:
        """Have a task push an XCom; Airflow's database keeps its value as a text of JSON.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
            task_id: Task id.
            key: Key of the XCom.
            value: What was pushed.
            map_index: Index of a mapped task instance.
        """
        self.xcoms.setdefault((dag_id, run_id, task_id, map_index), {})[key] = json.dumps(value)

    def log_of(self, ids: list[str], query: Query) -> list[str] | None:
        """Return the log that is asked for, None where there is no such try."""
        return self.logs.get((_key(ids, query), int(ids[3])))

    def xcoms_of(self, ids: list[str], query: Query) -> Mapping[str, str]:
        """Return the XComs of the task instance that is asked for, by key and sorted."""
        return dict(sorted(self.xcoms.get(_key(ids, query), {}).items()))


def _key(ids: list[str], query: Query) -> TaskKey:
    return (ids[0], ids[1], ids[2], int(query.get("map_index", ["-1"])[0]))
