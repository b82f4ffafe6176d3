"""The button that leads from a task instance in Airflow to its run in Dagster."""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink, XCom  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.version_compat import AIRFLOW_3

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

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:  # noqa: ANN401 - Airflow's signature
        """Give the worker of Airflow 3 what to store when the task ends, the webserver of Airflow 2 what to show.

        Args:
            operator: The operator, as it ran in Airflow 3, as it is stored in Airflow 2.
            ti_key: The task instance.

        Returns:
            The address, empty when nothing was launched.
        """
        if AIRFLOW_3:
            return str(getattr(operator, "dagster_run_url", ""))
        return str(XCom.get_value(key=RUN_URL_XCOM_KEY, ti_key=ti_key) or "")
