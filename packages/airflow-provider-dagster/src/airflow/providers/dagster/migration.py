"""Handing tasks of one DAG to Dagster, as its migration state says."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from airflow.providers.common.compat.sdk import DAG, MappedOperator  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.contexts import build_outside_dags
from airflow.providers.dagster.mapped import ProxiedMappedOperator
from airflow.providers.dagster.marking import UNREADABLE_TAG, count_proxied, document, report
from airflow.providers.dagster.migration_state import (
    Copies,
    MigrationState,
    MigrationStateError,
    TaskState,
    load_migration_state,
)
from airflow.providers.dagster.naming import unknown_task
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator, UnreadableStateOperator
from airflow.providers.dagster.refusal import refusal
from airflow.providers.dagster.swap import Task, place, swap
from airflow.providers.dagster.targets import MappedToDag, MappedToTask, Target
from airflow.providers.dagster.whole_dag import carrier

__all__ = ["Build", "is_touched", "migrate"]

Build = Callable[..., DagsterProxyOperator]
"""Makes a proxy for a task from its id, and what it runs."""


def migrate(dag: DAG, folder: str | os.PathLike[str], build: Build) -> None:
    """Hand the migrated tasks of a DAG to Dagster; once is enough, twice does no harm.

    Args:
        dag: The DAG, changed in place.
        folder: Folder with its migration state. When the file there is broken, all tasks of the DAG are replaced by
            ones that fail and say why: nobody knows what has been migrated, and running the wrong side writes twice.
        build: Makes the proxies.
    """
    try:
        state = load_migration_state(folder, dag.dag_id)
    except MigrationStateError as error:
        _fail_all(dag, error)
        return
    if state.whole_dag:
        _migrate_whole(dag, state, build)
    else:
        for entry in state.tasks:
            problem = _migrate_task(dag, state, entry, build)
            if problem:
                _report(dag, state, entry.line, problem)
    count_proxied(dag, sum(map(_is_proxied, dag.tasks)))


def is_touched(dag: DAG) -> bool:
    """Whether a DAG has been handed to Dagster, in part or as a whole, or stopped for its broken migration state."""
    return any(_is_proxied(task) or isinstance(task, UnreadableStateOperator) for task in dag.tasks)


def _is_proxied(task: Task) -> bool:
    return isinstance(task, DagsterProxyOperator | ProxiedMappedOperator)


def _migrate_whole(dag: DAG, state: MigrationState, build: Build) -> None:
    chosen = carrier(dag)
    if isinstance(chosen, str):
        _report(dag, state, state.line, f"DAG {dag.dag_id!r} cannot be migrated as a whole: {chosen}.")
        return
    for task in list(dag.tasks):
        reason = refusal(task)
        if reason:
            _report(dag, state, state.line, _stays(dag, task.task_id, reason))
        elif not _is_proxied(task):
            is_chosen = task.task_id == chosen.task_id
            target = MappedToDag() if is_chosen else MappedToTask(required=False)
            assets = _assets(dag, task.task_id) + (
                " and to the DAG as a whole" if is_chosen else ", if there are any"
            )
            back = f"set `migrated: false` in `{_place(state)}`"
            _proxy(dag, task, f"{assets}. To run the DAG in Airflow again, {back}.", build, target)


def _migrate_task(dag: DAG, state: MigrationState, entry: TaskState, build: Build) -> str | None:
    """Proxy one task if it is migrated; return what is not as the file says."""
    if not dag.has_task(entry.task_id):
        return unknown_task(dag.dag_id, entry.task_id, dag.task_ids)
    task: Task = dag.get_task(entry.task_id)
    if not entry.migrated or _is_proxied(task):
        return None
    reason = refusal(task)
    if reason:
        return _stays(dag, entry.task_id, reason)
    is_mapped = isinstance(task, MappedOperator) or task.get_closest_mapped_task_group() is not None
    is_once = entry.copies is Copies.ONCE
    copies = "" if not is_mapped else ", once for all copies" if is_once else ", for each copy"
    back = f"set `migrated: false` for it in `{_place(state)}`"
    note = f"{_assets(dag, entry.task_id)}{copies}. To run it in Airflow again, {back}."
    _proxy(dag, task, note, build, MappedToTask(), once=is_once)
    if is_once and not is_mapped:
        return f"task {entry.task_id!r} of DAG {dag.dag_id!r} has no copies, so `mapped: once` says nothing."
    return None


def _proxy(dag: DAG, task: Task, note: str, build: Build, target: Target, *, once: bool = False) -> None:
    text = f"**Run by Dagster** instead of {task.operator_name}: {note}"
    if isinstance(task, MappedOperator):
        copies = ProxiedMappedOperator.of(task, partial(build, target=target, once=once))
        place(dag, task, copies)
        document(copies, task, text)
        return
    new = build_outside_dags(lambda: build(task_id=task.task_id, target=target, once=once))
    swap(dag, task, new)
    document(new, task, text)


def _fail_all(dag: DAG, error: MigrationStateError) -> None:
    reason = (
        f"The migration state of DAG {dag.dag_id!r} cannot be read, so it is not known whether Airflow or Dagster "
        f"has to run this task. {error} Correct the file."
    )
    for task in list(dag.tasks):
        if not isinstance(task, UnreadableStateOperator):
            _stand_in(dag, task, reason)
    report(dag, error.path, error.line, str(error), UNREADABLE_TAG)


def _stand_in(dag: DAG, task: Task, reason: str) -> None:
    new = build_outside_dags(lambda: UnreadableStateOperator(task_id=task.task_id, reason=reason))
    swap(dag, task, new)
    document(new, task, reason)


def _report(dag: DAG, state: MigrationState, line: int, problem: str) -> None:
    report(dag, state.path, line, f"{_place(state)}:{line}: {problem}")


def _place(state: MigrationState) -> str:
    # Folder and file only: a full path differs between processes and versions of a DAG bundle.
    return f"{state.path.parent.name}/{state.path.name}"


def _assets(dag: DAG, task_id: str) -> str:
    return f"the assets that are mapped to `{task_id}` of DAG `{dag.dag_id}`"


def _stays(dag: DAG, task_id: str, reason: str) -> str:
    return f"task {task_id!r} of DAG {dag.dag_id!r} stays on Airflow: {reason}."
