"""The pages of Airflow's UI."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlencode

from dagster_airlift_core.model import TaskInstance


def _has_no_grid() -> bool:
    return False


@lru_cache(maxsize=4096)
def _quoted(part: str) -> str:
    return quote(part, safe="")


@dataclass(frozen=True)
class Links:
    """Pages of Airflow's UI, built from our own base URL alone.

    Args:
        base_url: URL of Airflow's web server.
        has_grid: Tells whether it is the UI of Airflow 2, where everything is a part of the DAG's grid. It is
            asked when a link is made, for an instance is told apart only when it has been asked something.
    """

    base_url: str
    has_grid: Callable[[], bool] = _has_no_grid

    def dag(self, dag_id: str) -> str:
        """Return the page of a DAG."""
        return self._grid(dag_id) if self.has_grid() else self._join("dags", dag_id)

    def task(self, dag_id: str, task_id: str) -> str:
        """Return the page of a task of a DAG."""
        if self.has_grid():
            return self._grid(dag_id, task_id=task_id)
        return self._join("dags", dag_id, "tasks", task_id)

    def dag_run(self, dag_id: str, run_id: str) -> str:
        """Return the page of a DAG run."""
        if self.has_grid():
            return self._grid(dag_id, dag_run_id=run_id)
        return self._join("dags", dag_id, "runs", run_id)

    def task_instance(self, instance: TaskInstance) -> str:
        """Return the page of a task instance, which opens with its log."""
        if self.has_grid():
            index = {"map_index": str(instance.map_index)} if instance.is_mapped else {}
            row = {"dag_run_id": instance.run_id, "task_id": instance.task_id, **index}
            return self._grid(instance.dag_id, **row, tab="logs")
        parts = ("dags", instance.dag_id, "runs", instance.run_id, "tasks", instance.task_id)
        mapped = ("mapped", str(instance.map_index)) if instance.is_mapped else ()
        return f"{self._join(*parts, *mapped)}?try_number={instance.try_number}"

    def _grid(self, dag_id: str, **chosen: str) -> str:
        query = f"?{urlencode(chosen, quote_via=quote, safe='')}" if chosen else ""
        return f"{self._join('dags', dag_id, 'grid')}{query}"

    def _join(self, *parts: str) -> str:
        return "/".join([self.base_url, *map(_quoted, parts)])
