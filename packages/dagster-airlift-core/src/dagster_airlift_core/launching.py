"""Trigger a DAG run once, whatever becomes of the request: its id is known before, and is asked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dagster_airlift_core.dag_run_request import DagRunRequest
from dagster_airlift_core.dag_runs import DagRuns
from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.model import FAILED, DagRun
from dagster_airlift_core.patience import NO_ANSWER, Patience
from dagster_airlift_core.run_names import dag_run_id

_CONFLICT = 409


class NotStarted(Exception):
    """A DAG run that would never start, or cannot begin."""


@dataclass
class Launch:
    """The one DAG run that stands for a Dagster run.

    Args:
        runs: The DAG runs of the Airflow instance.
        dag_id: DAG id.
        dagster_run_id: Id of the Dagster run.
        patience: How long to go on when there is no answer.
    """

    runs: DagRuns
    dag_id: str
    dagster_run_id: str
    patience: Patience

    run_id: str | None = field(default=None, init=False)
    """Id of the DAG run that there may be by now, None before anyone was asked for it."""

    def run(self, retries: int, request: Callable[[], DagRunRequest]) -> DagRun:
        """Return the DAG run, triggered now or before.

        A step that is retried, or whose process died, finds the run that it has triggered; only when that one
        failed, and the step is a retry, there is another one.

        Args:
            retries: How often the step was retried in this Dagster run.
            request: What is asked for, if one has to be triggered.

        Raises:
            NotStarted: The DAG is paused, or there is another run of its logical date.
            AirflowApiError: Airflow refuses it, or has not answered for too long.
        """
        for attempt in range(1, retries + 2):
            self.run_id = run_id = dag_run_id(self.dagster_run_id, attempt)
            found = self._found(run_id)
            if found is None:
                return self._triggered(run_id, request())
            if found.state != FAILED or attempt > retries:
                return found
        raise AssertionError("the last attempt returns")  # pragma: no cover

    def _found(self, run_id: str) -> DagRun | None:
        return self.patience.ask(lambda: self.runs.get(self.dag_id, run_id))

    def _triggered(self, run_id: str, request: DagRunRequest) -> DagRun:
        if self.patience.ask(lambda: self.runs.dag(self.dag_id)).is_paused:
            raise NotStarted(
                f"The DAG {self.dag_id!r} is paused in Airflow, where a run of it would never start. "
                "Unpause it there, and launch this again."
            )
        pauses = self.patience.pauses(self.patience.outage_seconds)
        until = self.patience.clock() + self.patience.outage_seconds
        while True:
            try:
                return self.runs.trigger(self.dag_id, run_id, request)
            except NO_ANSWER as error:
                found = self._found(run_id)
                if found:
                    return found
                self.patience.give_up_after(until, error)
            except AirflowApiError as error:
                if error.status != _CONFLICT:
                    raise
                return self._found(run_id) or self._refuse(request, error)
            self.patience.sleep(next(pauses))

    def _refuse(self, request: DagRunRequest, error: AirflowApiError) -> DagRun:
        date = request.logical_date.isoformat() if request.logical_date else "of now"
        raise NotStarted(
            f"Airflow has another run of the DAG {self.dag_id!r} with the logical date {date}, and allows one. "
            "Clear that one in Airflow to have it run again, or give a `request` without a logical date."
        ) from error
