"""Where in a store the results of a try lie; nothing of it can lead out of the store."""

from __future__ import annotations

from urllib.parse import quote

from dagster_airlift_core.model import NOT_MAPPED, TaskInstance

COSMOS_FOLDER = "target"
"""What Cosmos' upload functions put below the folder of a try, as it lies in the dbt project."""


def folder_of(instance: TaskInstance) -> tuple[str, ...]:
    """Return the folder of a try below the root: DAG, DAG run, task, map index, number of the try.

    Args:
        instance: The try.
    """
    names = (instance.dag_id, instance.run_id, instance.task_id)
    return (*(quoted(name) for name in names), str(instance.map_index), str(instance.try_number))


def cosmos_folder_of(instance: TaskInstance) -> tuple[str, ...] | None:
    """Return the folder into which Cosmos uploads what a try made; it has no place for copies of a mapped task.

    Args:
        instance: The try.

    Returns:
        The folder; None for a copy, and where a name would lead elsewhere, for Cosmos quotes nothing.
    """
    names = (instance.dag_id, instance.run_id, instance.task_id)
    is_plain = all(name.strip(".") and not set(name) & {"/", "\\", "\0"} for name in names)
    if instance.map_index != NOT_MAPPED or not is_plain:
        return None
    return (*names, str(instance.try_number))


def quoted(name: str) -> str:
    """Return a name as one part of a path: run ids hold `:` and `+`, and a part of dots alone would lead upwards.

    Args:
        name: The name.
    """
    part = quote(name, safe="")
    return part if part.strip(".") else part.replace(".", "%2E")
