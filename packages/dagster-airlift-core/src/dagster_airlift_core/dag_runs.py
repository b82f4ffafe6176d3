"""What can be done about single DAG runs: trigger one, look how far it is, end it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from dagster_airlift_core._conversation import Conversation
from dagster_airlift_core.dag_run_request import DagRunRequest
from dagster_airlift_core.errors import AirflowNotFound
from dagster_airlift_core.model import Dag, DagRun, Page, TaskInstance


class DagRuns:
    """The DAG runs of an Airflow instance, one at a time. To change one needs the role User.

    Args:
        conversation: Asks the instance.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation

    def dag(self, dag_id: str) -> Dag:
        """Return a DAG as it is now.

        Args:
            dag_id: DAG id.

        Raises:
            AirflowNotFound: There is no such DAG.
            AirflowApiError: Airflow did not give it.
        """
        return self._conversation.dialect.dag(self._conversation.ask, dag_id)

    def get(self, dag_id: str, run_id: str) -> DagRun | None:
        """Return a DAG run, None where there is none of that id.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.

        Raises:
            AirflowApiError: Airflow did not give it.
        """
        try:
            return self._conversation.dialect.dag_run(self._conversation.ask, dag_id, run_id)
        except AirflowNotFound:
            return None

    def latest(self, dag_id: str, limit: int) -> Page[DagRun]:
        """Return the runs of a DAG that began to be last, in whatever state, the newest first.

        Args:
            dag_id: DAG id.
            limit: How many at most.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        return self._conversation.dialect.latest_runs(self._conversation.ask, dag_id, limit)

    def trigger(self, dag_id: str, run_id: str, request: DagRunRequest) -> DagRun:
        """Have a DAG run begin; this is sent once, whatever becomes of it.

        Args:
            dag_id: DAG id.
            run_id: The id that it is to have.
            request: What is asked for.

        Raises:
            AirflowUnreachable: There was no answer: it may have begun all the same.
            AirflowUnauthorized: The user may only read.
            AirflowNotFound: There is no such DAG.
            AirflowApiError: Airflow refuses it; status 409 when it has a run of this id or logical date.
        """
        return self._conversation.dialect.trigger(self._conversation.ask, dag_id, run_id, request)

    def fail(self, dag_id: str, run_id: str) -> DagRun:
        """Mark a DAG run failed, which ends its tasks.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.

        Raises:
            AirflowUnauthorized: The user may only read.
            AirflowApiError: Airflow did not do it.
        """
        return self._conversation.dialect.fail_run(self._conversation.ask, dag_id, run_id)

    def task_instances(
        self, dag_id: str, run_id: str, since: datetime | None = None
    ) -> Iterator[Page[TaskInstance]]:
        """Yield the pages of the task instances of a DAG run, in whatever state.

        Args:
            dag_id: DAG id.
            run_id: DAG run id.
            since: Only what changed at this time of the server or later; None for all.

        Raises:
            AirflowApiError: Airflow did not give them.
        """
        token: str | None = None
        while True:
            with self._conversation.knowing_pages():
                page = self._conversation.dialect.instances_of_run(
                    self._conversation.ask, dag_id, run_id, since, token
                )
            yield page
            token = page.next_page
            if token is None:
                return
