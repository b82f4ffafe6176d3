"""Airflow's DAG context, which has no public way in: the only file that knows it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

from airflow.providers.common.compat.sdk import DAG, BaseOperator  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    def _outside_groups() -> AbstractContextManager[None]:  # pyright: ignore[reportRedeclaration] - Airflow 2 below
        """Do nothing: Airflow 3 gives no group to an operator without a DAG."""
        return nullcontext()

    _push, _pop = DagContext.push, DagContext.pop
else:
    from airflow.models.dag import DagContext  # pyright: ignore - Airflow 2
    from airflow.utils.task_group import TaskGroupContext  # pyright: ignore - Airflow 2

    @contextmanager
    def _outside_groups() -> Generator[None]:
        """Hide the open task group, which Airflow 2 gives even to an operator without a DAG."""
        was_active = TaskGroupContext.active
        TaskGroupContext.push_context_managed_task_group(None)
        try:
            yield
        finally:
            TaskGroupContext.pop_context_managed_task_group()
            TaskGroupContext.active = was_active

    _push, _pop = DagContext.push_context_managed_dag, DagContext.pop_context_managed_dag

__all__ = ["build_outside_dags", "registered_dags"]

Built = TypeVar("Built", bound=BaseOperator)


def build_outside_dags(build: Callable[[], Built]) -> Built:
    """Construct an operator that belongs to no DAG and no task group, even inside `with DAG(...)`.

    Args:
        build: Constructs it.

    Returns:
        The operator; its id is the one that was passed, without the prefix of a group.
    """
    # Airflow does the same where it needs a loose operator; there is no public way.
    _push(None)  # pyright: ignore[reportArgumentType] - the stack is typed for DAGs alone
    try:
        with _outside_groups():
            return build()
    finally:
        _pop()


def registered_dags(module_name: str) -> list[DAG]:
    """Give the DAGs that Airflow finds in a module although no global names them.

    Args:
        module_name: `__name__` of the module that is being parsed.

    Returns:
        Its DAGs that were entered by `with` or by `@dag`, by id; none outside of Airflow's parsing.
    """
    found = [dag for dag, module in DagContext.autoregistered_dags if module.__name__ == module_name]
    return sorted(found, key=lambda dag: dag.dag_id)
