"""Which task of a DAG that is proxied as a whole runs the assets that are mapped to the DAG."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from airflow.providers.common.compat.sdk import DAG, MappedOperator  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.refusal import decides, refusal
from airflow.providers.dagster.swap import Task

__all__ = ["carrier"]

_RULES = {
    *("all_success", "all_done", "all_done_min_one_success", "all_done_setup_success"),
    *("always", "none_failed", "none_failed_min_one_success"),
}
"""Trigger rules under which a task runs when all goes well."""
_RULES_DESPITE_SKIPS = {"all_done", "always", "none_failed"}
"""Those under which it also runs when a task before it was skipped, as one can be that Airflow runs or maps."""


def carrier(dag: DAG) -> Task | str:
    """Choose the task that runs the assets that are mapped to the DAG.

    All tasks of the DAG stay where they are, with their ids, edges and history, and so one of them has to do what the
    DAG stands for. It is the first one that runs every time when all goes well, and after which all asset events of
    the DAG come: whoever waits for one finds the data there. A task that is mapped (perhaps to nothing), or a setup or
    teardown (which is cleared with others), does not qualify, nor one that may be skipped while others go on.

    Args:
        dag: The DAG.

    Returns:
        The task, or as half a sentence why there is none.
    """
    reason = "none of its tasks runs every time"
    in_order = cast("Iterable[Task]", dag.topological_sort())
    for task in in_order:
        if not _runs_every_time(dag, task):
            continue
        after = task.get_flat_relative_ids(upstream=False) | {task.task_id}
        early = sorted(other.task_id for other in dag.tasks if other.outlets and other.task_id not in after)
        if not early:
            return task
        reason = f"the asset events of {', '.join(early)} would come before Dagster has run what is mapped to the DAG"
    return reason


def _runs_every_time(dag: DAG, task: Task) -> bool:
    if _is_mapped(task) or task.is_setup or task.is_teardown:
        return False
    if task.trigger_rule not in _RULES or refusal(task):
        return False
    before = task.get_flat_relative_ids(upstream=True)
    skippable = [each for each in map(dag.get_task, before) if _is_mapped(each) or refusal(each)]
    if any(map(decides, skippable)):
        # What a branch or a short circuit skips with this task has to be all that there is left to do.
        after = task.get_flat_relative_ids(upstream=False)
        return all(map(decides, skippable)) and before | after | {task.task_id} == set(dag.task_ids)
    return not skippable or task.trigger_rule in _RULES_DESPITE_SKIPS


def _is_mapped(task: Task) -> bool:
    return isinstance(task, MappedOperator) or task.get_closest_mapped_task_group() is not None
