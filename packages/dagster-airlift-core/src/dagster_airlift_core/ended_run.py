"""A run of Dagster that something else has run, stored once, with its own times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dagster import AssetKey, DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus

from dagster_airlift_core._dagster_private import Repository, add_ended_run, report_at


@dataclass(frozen=True)
class EndedRun:
    """A run that something else than Dagster has run, with its own times.

    Args:
        run_id: Its id, a UUID.
        job_name: Name of its job.
        tags: Its tags.
        assets: The assets that it is about.
        started_at: When it started.
        ended_at: When it ended.
        failure: Why it failed, None when it succeeded.
    """

    run_id: str
    job_name: str
    tags: Mapping[str, str]
    assets: frozenset[AssetKey]
    started_at: datetime
    ended_at: datetime
    failure: str | None

    def write(self, instance: DagsterInstance, repository: Repository | None) -> bool:
        """Store the run as far as it is not stored; return whether there was something to store.

        Args:
            instance: Where it is stored.
            repository: Where its job is defined.
        """
        known = instance.get_run_by_id(self.run_id)
        if known and known.is_finished:
            return False
        if known is None:
            add_ended_run(instance, self._run(), self.started_at, repository)
        if known is None or known.status is DagsterRunStatus.NOT_STARTED:
            self._report(instance, DagsterEventType.RUN_START, self.started_at)
        ended_as = DagsterEventType.RUN_FAILURE if self.failure else DagsterEventType.RUN_SUCCESS
        self._report(instance, ended_as, self.ended_at)
        return True

    def _run(self) -> DagsterRun:
        return DagsterRun(
            job_name=self.job_name,
            run_id=self.run_id,
            tags=self.tags,
            asset_selection=self.assets,
            status=DagsterRunStatus.NOT_STARTED,
        )

    def _report(self, instance: DagsterInstance, what: DagsterEventType, at: datetime) -> None:
        message = self.failure if what is DagsterEventType.RUN_FAILURE else None
        event = DagsterEvent(event_type_value=what.value, job_name=self.job_name, message=message)
        report_at(instance, event, self.run_id, at)
