"""The pages of Airflow's UI."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from dagster_airlift_core.model import TaskInstance


@dataclass(frozen=True)
class Links:
    """Pages of Airflow's UI, built from our own base URL alone.

    Args:
        base_url: URL of Airflow's web server.
    """

    base_url: str

    def dag(self, dag_id: str) -> str:
        """Return the page of a DAG."""
        return self._join("dags", dag_id)

    def task(self, dag_id: str, task_id: str) -> str:
        """Return the page of a task of a DAG."""
        return self._join("dags", dag_id, "tasks", task_id)

    def dag_run(self, dag_id: str, run_id: str) -> str:
        """Return the page of a DAG run."""
        return self._join("dags", dag_id, "runs", run_id)

    def task_instance(self, instance: TaskInstance) -> str:
        """Return the page of a task instance, which opens with its log."""
        parts = ("dags", instance.dag_id, "runs", instance.run_id, "tasks", instance.task_id)
        mapped = ("mapped", str(instance.map_index)) if instance.is_mapped else ()
        return f"{self._join(*parts, *mapped)}?try_number={instance.try_number}"

    def _join(self, *parts: str) -> str:
        return "/".join([self.base_url, *(quote(part, safe="") for part in parts)])
