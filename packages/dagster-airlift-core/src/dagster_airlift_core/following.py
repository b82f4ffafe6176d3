"""Follow a DAG run to its end: what changes, as it changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dagster_airlift_core.dag_runs import DagRuns
from dagster_airlift_core.errors import AirflowNotFound
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.model import DagRun, TaskInstance
from dagster_airlift_core.patience import Patience

OVERLAP = timedelta(minutes=2)
"""A change may become visible this long after Airflow stamped it; at the end everything is read once more."""
_QUIET = frozenset({None, "scheduled", "queued"})


@dataclass
class Following:
    """One DAG run on its way.

    Args:
        airflow: The Airflow instance.
        dag_id: DAG id.
        run_id: DAG run id.
        patience: How long to go on when there is no answer.
        poll_seconds: Seconds between two looks at most.
    """

    airflow: AirflowInstance
    dag_id: str
    run_id: str
    patience: Patience
    poll_seconds: float

    _states: dict[tuple[str, int], tuple[int, str | None]] = field(
        default_factory=dict[tuple[str, int], tuple[int, str | None]], init=False
    )
    _since: datetime | None = field(default=None, init=False)

    def changes(self) -> Iterator[DagRun | TaskInstance]:
        """Yield the run whenever its state changes, and task instances when they start, end or wait.

        The last one is the run, when it has ended.

        Raises:
            AirflowNotFound: The run was deleted.
            AirflowApiError: Airflow has not answered for too long.
        """
        last: str | None = None
        pauses = self.patience.pauses(self.poll_seconds)
        while True:
            run = self.patience.ask(self._run)
            yield from self.patience.ask(self._changed)
            if run.state != last:
                last = run.state
                yield run
            if run.is_finished:
                return
            self.patience.sleep(next(pauses))

    def ended(self) -> list[TaskInstance]:
        """Return all task instances as they are.

        Raises:
            AirflowApiError: Airflow has not answered for too long.
        """
        return self.patience.ask(lambda: self._instances(None))

    @property
    def _runs(self) -> DagRuns:
        return self.airflow.dag_runs

    def _run(self) -> DagRun:
        run = self._runs.get(self.dag_id, self.run_id)
        if run is None:
            raise AirflowNotFound(
                f"The run {self.run_id!r} of the DAG {self.dag_id!r} was deleted in Airflow while it was waited for.",
                method="GET",
                url=self.airflow.links.dag_run(self.dag_id, self.run_id),
            )
        return run

    def _changed(self) -> list[TaskInstance]:
        asked_at = self.airflow.server_time()
        changed: list[TaskInstance] = []
        for instance in self._instances(self._since):
            key, state = (instance.task_id, instance.map_index), (instance.try_number, instance.state)
            if self._states.get(key) != state:
                self._states[key] = state
                changed.append(instance)
        self._since = asked_at - OVERLAP
        return [instance for instance in changed if instance.state not in _QUIET]

    def _instances(self, since: datetime | None) -> list[TaskInstance]:
        pages = self._runs.task_instances(self.dag_id, self.run_id, since)
        return [instance for page in pages for instance in page.rows]
