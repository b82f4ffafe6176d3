"""Handing the migrated tasks of a DAG file to Dagster, in one call at its end."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.contexts import build_outside_dags, registered_dags
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.migration_state import (
    MigrationState,
    MigrationStateError,
    MigrationStateWarning,
    TaskState,
    load_migration_state,
)
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator, UnreadableStateOperator
from airflow.providers.dagster.swap import Task, refusal, swap

__all__ = ["proxying_to_dagster"]

Build = Callable[..., DagsterProxyOperator]

_PROBLEM_TAG = "dagster: see DAG docs"
_UNREADABLE_TAG = "dagster: migration state unreadable"


def proxying_to_dagster(
    global_vars: Mapping[str, object],
    migration_state: str | os.PathLike[str],
    *,
    dagster_conn_id: str = DagsterHook.default_conn_name,
    deferrable: bool | None = None,
    cancel_on_kill: bool = True,
) -> None:
    """Have Dagster run the migrated tasks of all DAGs of a module.

    Call it at the end of a DAG file: `proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")`.
    It reads one small file per DAG and makes no network call. A DAG whose file is broken stays scheduled with tasks
    that fail and say why; the other DAGs are not touched by that. What cannot be proxied stays as it is, with a
    `MigrationStateWarning` and a note in the documentation of the DAG.

    Args:
        global_vars: The module's globals. Its DAGs are those among them, and those that Airflow finds without a
            name, as after `with DAG(...):`.
        migration_state: Folder with a `<dag_id>.yaml` for each DAG of which something has been migrated.
        dagster_conn_id: Airflow connection of type `dagster`.
        deferrable: Whether the tasks wait in the triggerer; None for Airflow's `[operators] default_deferrable`.
        cancel_on_kill: Whether to terminate the Dagster run of a task that is killed, times out or is marked.
    """
    folder = Path(migration_state)
    arguments: dict[str, Any] = {"dagster_conn_id": dagster_conn_id, "cancel_on_kill": cancel_on_kill}
    if deferrable is not None:
        arguments["deferrable"] = deferrable
    build = partial(DagsterProxyOperator, **arguments)
    if not folder.is_dir():
        message = f"The folder {folder.name!r} of the migration state does not exist, so nothing is migrated."
        warnings.warn(message, MigrationStateWarning, stacklevel=2)
    for dag in _dags_of(global_vars):
        try:
            state = load_migration_state(folder, dag.dag_id)
        except MigrationStateError as error:
            _fail_all(dag, error)
        else:
            _proxy(dag, state, build)


def _dags_of(global_vars: Mapping[str, object]) -> list[DAG]:
    named = [value for value in global_vars.values() if isinstance(value, DAG)]
    nameless = registered_dags(str(global_vars.get("__name__", "")))
    return list({id(dag): dag for dag in (*named, *nameless)}.values())


def _proxy(dag: DAG, state: MigrationState, build: Build) -> None:
    for entry in state.tasks:
        problem = _proxy_task(dag, state, entry, build)
        if problem:
            _warn(
                dag,
                state.path,
                entry.line,
                f"{state.path.parent.name}/{state.path.name}:{entry.line}: {problem}",
            )
            dag.tags = {*dag.tags, _PROBLEM_TAG}
    proxied = sum(isinstance(task, DagsterProxyOperator) for task in dag.tasks)
    if proxied:
        dag.tags = {*dag.tags, f"dagster: {proxied}/{len(dag.tasks)} proxied"}


def _proxy_task(dag: DAG, state: MigrationState, entry: TaskState, build: Build) -> str | None:
    """Proxy one task if it is migrated; return why that is not possible."""
    if not dag.has_task(entry.task_id):
        return _unknown(dag, entry.task_id)
    task: Task = dag.get_task(entry.task_id)
    if not entry.migrated or isinstance(task, DagsterProxyOperator):
        return None
    reason = refusal(task)
    if reason:
        return f"task {entry.task_id!r} of DAG {dag.dag_id!r} stays on Airflow: {reason}."
    new = build_outside_dags(lambda: build(task_id=entry.task_id))
    swap(dag, task, new)
    note = (
        f"**Run by Dagster** instead of {task.operator_name}: the assets that are mapped to `{entry.task_id}` of DAG "
        f"`{dag.dag_id}`. To run it in Airflow again, set `migrated: false` for it in "
        f"`{state.path.parent.name}/{state.path.name}`."
    )
    new.doc_md = f"{task.doc_md}\n\n{note}" if task.doc_md else note
    return None


def _unknown(dag: DAG, task_id: str) -> str:
    ids = sorted(dag.task_ids)
    near = difflib.get_close_matches(task_id, ids, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Its tasks are {', '.join(ids) or 'none'}."
    return f"DAG {dag.dag_id!r} has no task {task_id!r}. {hint}"


def _fail_all(dag: DAG, error: MigrationStateError) -> None:
    """Nobody knows what has been migrated: run neither side, and say so where people look."""
    reason = (
        f"The migration state of DAG {dag.dag_id!r} cannot be read, so it is not known whether Airflow or Dagster "
        f"has to run this task. {error} Correct the file."
    )
    for task in list(dag.tasks):
        if not isinstance(task, UnreadableStateOperator):
            _stand_in(dag, task, reason)
    _warn(dag, error.path, error.line, str(error))
    dag.tags = {*dag.tags, _UNREADABLE_TAG}


def _stand_in(dag: DAG, task: Task, reason: str) -> None:
    new = build_outside_dags(lambda: UnreadableStateOperator(task_id=task.task_id, reason=reason))
    swap(dag, task, new)
    new.doc_md = f"{task.doc_md}\n\n{reason}" if task.doc_md else reason


def _warn(dag: DAG, path: Path, line: int, message: str) -> None:
    """Warn in the DAG processor's log, at the line of the YAML file, and in the documentation of the DAG."""
    warnings.warn_explicit(message, MigrationStateWarning, filename=str(path), lineno=line)
    note = f"**Migration to Dagster:** {message}"
    if note not in (dag.doc_md or ""):
        dag.doc_md = f"{dag.doc_md}\n\n{note}" if dag.doc_md else note
