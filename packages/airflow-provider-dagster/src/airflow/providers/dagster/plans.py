"""What one try of a task launches, and how that try is named across both systems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow.providers.dagster.airflow_ui import dag_run_url
from airflow.providers.dagster.launching import Attempt
from airflow.providers.dagster.model import Run, Work

__all__ = ["Plan", "attempt_of"]


@dataclass(frozen=True)
class Plan:
    """What one task instance launches.

    Args:
        instance: Name of this Airflow instance; empty when it has none.
        works: One for each run.
        seen: The runs of the task instance, oldest first, where they were asked for as well.
    """

    instance: str
    works: tuple[Work, ...]
    seen: tuple[Run, ...] | None = None


def attempt_of(instance: str, ti: Any) -> Attempt:  # noqa: ANN401 - Airflow's task instance
    """Name the try of a task instance across both systems.

    Args:
        instance: Name of this Airflow instance.
        ti: Airflow's task instance.

    Returns:
        The try.
    """
    return Attempt(
        instance=instance,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        max_tries=ti.max_tries,
        try_number=ti.try_number,
        dag_run_url=dag_run_url(ti.dag_id, ti.run_id),
    )
