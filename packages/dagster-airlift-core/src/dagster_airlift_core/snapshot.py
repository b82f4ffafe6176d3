"""The DAGs and tasks of one Airflow instance at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.model import Dag, Task


@dataclass(frozen=True)
class AirflowSnapshot:
    """What an Airflow instance had when it was asked.

    Args:
        instance: Name of the Airflow instance.
        taken_at: The moment, by the clock of Airflow's server.
        dags: DAGs by id.
        tasks: Tasks of those DAGs that were asked for.
    """

    instance: str
    taken_at: datetime
    dags: Mapping[str, Dag]
    tasks: Mapping[TaskHandle, Task]

    def task_ids(self, dag_id: str) -> tuple[str, ...]:
        """Return the ids of the tasks of a DAG, sorted.

        Args:
            dag_id: DAG id, one of those whose tasks were asked for.
        """
        return tuple(sorted(handle.task_id for handle in self.tasks if handle.dag_id == dag_id))
