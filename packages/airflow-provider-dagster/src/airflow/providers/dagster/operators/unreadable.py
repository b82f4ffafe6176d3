"""The operator that stands in for a task of which nobody knows whether it has been migrated."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, Context  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

__all__ = ["UnreadableStateOperator"]


class UnreadableStateOperator(BaseOperator):
    """Stands for a task of a DAG whose migration state cannot be read, and fails with the reason.

    Args:
        reason: What is wrong with the file, and where.
    """

    custom_operator_name = "DagsterProxy (unreadable migration state)"

    def __init__(self, *, reason: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.reason = reason

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Fail, without a retry.

        Raises:
            AirflowFailException: Always.
        """
        raise AirflowFailException(self.reason)
