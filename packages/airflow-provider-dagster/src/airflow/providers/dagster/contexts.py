"""Airflow's DAG context, which has no public way in: the only file that knows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from airflow.providers.common.compat.sdk import DAG, BaseOperator  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed
from airflow.sdk.definitions._internal.contextmanager import DagContext

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
    DagContext.push(None)  # pyright: ignore[reportArgumentType] - the stack is typed for DAGs alone
    try:
        return build()
    finally:
        DagContext.pop()


def registered_dags(module_name: str) -> list[DAG]:
    """Give the DAGs that Airflow finds in a module although no global names them.

    Args:
        module_name: `__name__` of the module that is being parsed.

    Returns:
        Its DAGs that were entered by `with` or by `@dag`, by id; none outside of Airflow's parsing.
    """
    found = [dag for dag, module in DagContext.autoregistered_dags if module.__name__ == module_name]
    return sorted(found, key=lambda dag: dag.dag_id)
