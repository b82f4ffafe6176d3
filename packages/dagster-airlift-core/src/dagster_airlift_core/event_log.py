"""What the observation of Airflow must know about Dagster's own history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    RunsFilter,
)

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.batches import batches
from dagster_airlift_core.run_names import dagster_run_of
from dagster_airlift_core.wire import DAG_ID_TAG, INSTANCE_TAG, LAUNCH_KEY_TAG, RUN_ID_TAG

Identity: TypeAlias = tuple[AssetKey, str]
"""An asset, and the id of an event of it."""
DagRunId: TypeAlias = tuple[str, str]
"""A DAG, and a run of it."""

_AT_ONCE = 100
_FAILURES = [DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


class EventLog(Protocol):
    """What a tick must know about Dagster's own history."""

    def stored(self, wanted: Collection[Identity]) -> frozenset[Identity]:
        """Return those events that are stored."""
        ...

    def launched(self, launch_keys: Collection[str], *, failed: bool) -> frozenset[str]:
        """Return those launch keys that a Dagster run carries which succeeded, or failed."""
        ...

    def ran(
        self, instance: str, run_ids: Collection[str], *, failed: bool
    ) -> Mapping[DagRunId, Mapping[AssetKey, float]]:
        """Return what Dagster ran for DAG runs that succeeded, or failed: assets, and when that ended, in seconds."""
        ...

    def latest(self, checks: Collection[AssetCheckKey]) -> Mapping[AssetCheckKey, AssetCheckEvaluation]:
        """Return the latest evaluation of each check that has one."""
        ...

    def awaited(self, dag_run_id: str) -> frozenset[AssetKey]:
        """Return the assets that a Dagster run will record itself: one that triggered the DAG run and goes on."""
        ...


@dataclass(frozen=True)
class DagsterEventLog:
    """The history of a Dagster instance.

    Args:
        instance: The Dagster instance.
    """

    instance: DagsterInstance

    def stored(self, wanted: Collection[Identity]) -> frozenset[Identity]:
        """Return those events that are stored."""
        return _dagster_private.stored_events(self.instance, wanted)

    def launched(self, launch_keys: Collection[str], *, failed: bool) -> frozenset[str]:
        """Return those launch keys that a Dagster run carries which succeeded, or failed."""
        statuses = _FAILURES if failed else [DagsterRunStatus.SUCCESS]
        found: set[str] = set()
        for some in batches(sorted(launch_keys), _AT_ONCE):
            only = RunsFilter(tags={LAUNCH_KEY_TAG: some}, statuses=statuses)
            records = self.instance.get_run_records(only)
            found.update(record.dagster_run.tags[LAUNCH_KEY_TAG] for record in records)
        return frozenset(found)

    def ran(
        self, instance: str, run_ids: Collection[str], *, failed: bool
    ) -> Mapping[DagRunId, Mapping[AssetKey, float]]:
        """Return what Dagster ran for DAG runs that succeeded, or failed: assets, and when that ended, in seconds."""
        statuses = _FAILURES if failed else [DagsterRunStatus.SUCCESS]
        found: dict[DagRunId, dict[AssetKey, float]] = defaultdict(dict)
        for some in batches(sorted(run_ids), _AT_ONCE):
            only = RunsFilter(tags={INSTANCE_TAG: instance, RUN_ID_TAG: some}, statuses=statuses)
            for record in self.instance.get_run_records(only):
                run = record.dagster_run
                ends = found[run.tags.get(DAG_ID_TAG, ""), run.tags[RUN_ID_TAG]]
                for key in run.asset_selection or ():
                    ends[key] = max(ends.get(key, 0.0), record.end_time or 0.0)
        return found

    def latest(self, checks: Collection[AssetCheckKey]) -> Mapping[AssetCheckKey, AssetCheckEvaluation]:
        """Return the latest evaluation of each check that has one."""
        return _dagster_private.latest_evaluations(self.instance, list(checks))

    def awaited(self, dag_run_id: str) -> frozenset[AssetKey]:
        """Return the assets that a Dagster run will record itself: one that triggered the DAG run and goes on."""
        run_id = dagster_run_of(dag_run_id)
        run = self.instance.get_run_by_id(run_id) if run_id else None
        return (
            frozenset()
            if run is None or run.is_finished
            else _dagster_private.planned(self.instance, run.run_id)
        )
