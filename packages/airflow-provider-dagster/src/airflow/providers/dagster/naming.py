"""Saying which name may have been meant by one that a DAG does not have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["unknown_task"]


def unknown_task(dag_id: str, task_id: str, task_ids: Iterable[str]) -> str:
    """Name the nearest task, or all of them.

    Args:
        dag_id: The DAG.
        task_id: The name that it does not have.
        task_ids: Those that it has.

    Returns:
        Two sentences.
    """
    ids = sorted(task_ids)
    near = difflib.get_close_matches(task_id, ids, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Its tasks are {', '.join(ids) or 'none'}."
    return f"DAG {dag_id!r} has no task {task_id!r}. {hint}"
