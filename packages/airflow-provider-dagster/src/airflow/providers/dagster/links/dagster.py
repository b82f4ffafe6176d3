"""The button that leads from a task instance in Airflow to its run in Dagster."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

__all__ = ["RUN_URL_XCOM_KEY", "DagsterRunLink"]

RUN_URL_XCOM_KEY = "dagster_run_url"
"""Pushed by the operator right after the launch, so that the link is there while the task runs."""


class DagsterRunLink(BaseOperatorLink):
    """Link to the Dagster run, or to the list of them, that stands for a task instance."""

    @property
    def name(self) -> str:
        """The text on the button."""
        return "Dagster run"

    @property
    def xcom_key(self) -> str:
        """Key of the XCom that the link is read from."""
        return RUN_URL_XCOM_KEY

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ANN401, ARG002 - Airflow's signature
        """Give the worker what to store under the key when the task ends.

        Args:
            operator: The operator as it ran.
            ti_key: The task instance.

        Returns:
            The address, empty when nothing was launched.
        """
        return str(getattr(operator, "dagster_run_url", ""))
