"""The DAG runs of task instances, found by the moment at which they were due."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dagster_airlift_core._conversation import Conversation
from dagster_airlift_core._listing import pages
from dagster_airlift_core.model import DagRun, Page, Span, TaskInstance, Window


class RunsDue:
    """Asks one Airflow instance for DAG runs that were due in a span of time.

    Args:
        conversation: With the instance.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def moment_of(self, instance: TaskInstance) -> datetime | None:
        """Return the moment by which the DAG run of a task instance is found in a span.

        Args:
            instance: The task instance.

        Returns:
            When the run was due, of Airflow 2 its logical date; None where Airflow does not tell.

        Raises:
            AirflowApiError: Not reachable, or not Airflow.
        """
        return self._conversation.dialect.due(instance)

    def within(self, span: Span) -> Iterator[Page[DagRun]]:
        """Yield the pages of the DAG runs of a span, in whatever state.

        Args:
            span: Which ones.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        dialect, ask = self._conversation.dialect, self._conversation.ask
        return pages(lambda token: dialect.dag_runs_due(ask, span, token))

    def first_changed(self, window: Window) -> datetime | None:
        """Return when that DAG run was due that was due first of those that changed, in whatever state.

        Args:
            window: Since when, and by when it would have to be due not to be a part of the window.

        Returns:
            None where a scan of the window passes over none that changed.

        Raises:
            AirflowApiError: Airflow did not tell.
        """
        if window.run_after is None:
            return None
        return self._conversation.dialect.first_due(self._conversation.ask, window.since, window.run_after)
