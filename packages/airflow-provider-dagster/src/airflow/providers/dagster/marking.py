"""Saying where people look what was done to a DAG: its tags and documentation, those of its tasks, and warnings."""

from __future__ import annotations

import warnings
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, MappedOperator  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.migration_state import MigrationStateWarning
from airflow.providers.dagster.swap import Task

__all__ = ["PROBLEM_TAG", "UNREADABLE_TAG", "count_proxied", "document", "report"]

PROBLEM_TAG = "dagster: see DAG docs"
UNREADABLE_TAG = "dagster: migration state unreadable"


def document(task: Task, original: Task, note: str) -> None:
    """Add a note to the documentation that a task has taken over.

    Args:
        task: The new task.
        original: The one that it replaces.
        note: Markdown.
    """
    text = f"{original.doc_md}\n\n{note}" if original.doc_md else note
    if isinstance(task, MappedOperator):
        task.partial_kwargs["doc_md"] = text
    else:
        task.doc_md = text


def count_proxied(dag: DAG, proxied: int) -> None:
    """Show by a tag how many tasks of a DAG Dagster runs, when it runs any."""
    if proxied:
        dag.tags = {*dag.tags, f"dagster: {proxied}/{len(dag.tasks)} proxied"}


def report(dag: DAG, path: Path, line: int, message: str, tag: str = PROBLEM_TAG) -> None:
    """Warn in the DAG processor's log, at the line of the YAML file, and on the DAG by a tag and its documentation.

    Args:
        dag: The DAG.
        path: The file.
        line: The line, from 1.
        message: What is wrong, with the place in the file.
        tag: What the DAG is tagged with.
    """
    warnings.warn_explicit(message, MigrationStateWarning, filename=str(path), lineno=line)
    note = f"**Migration to Dagster:** {message}"
    if note not in (dag.doc_md or ""):
        dag.doc_md = f"{dag.doc_md}\n\n{note}" if dag.doc_md else note
    dag.tags = {*dag.tags, tag}
