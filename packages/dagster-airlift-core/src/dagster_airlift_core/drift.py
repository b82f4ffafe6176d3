"""Where a mapping and Airflow differ: which task or DAG is gone, and what there is instead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dagster import AssetKey

from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.mapping import AssetMapping, Handle
from dagster_airlift_core.naming import nearest, some_of
from dagster_airlift_core.snapshot import AirflowSnapshot

_SHOWN = 10
_SEARCHES = 50
"""The nearest of 2,000 names takes 10 ms to find: it is looked for so often, and no more."""


def drift(mapping: AssetMapping, snapshot: AirflowSnapshot) -> Mapping[Handle, str]:
    """Return a sentence for each task or DAG that is mapped and that the Airflow instance does not have."""
    missing = [handle for handle in (*mapping.tasks, *mapping.dags) if not is_there(handle, snapshot)]
    catalogue = _Catalogue(snapshot)
    return {handle: catalogue.missing(handle) for handle in sorted(missing, key=str)}


def is_there(handle: Handle, snapshot: AirflowSnapshot) -> bool:
    """Whether the Airflow instance has a task or DAG, as far as is known."""
    if handle.dag_id not in snapshot.dags:
        return False
    return not isinstance(handle, TaskHandle) or handle in snapshot.tasks or handle.dag_id in snapshot.unread


def drift_by_asset(
    mapping: AssetMapping, sentences: Mapping[Handle, str]
) -> Mapping[AssetKey, Sequence[str]]:
    """Return the sentences that concern each asset."""
    found: dict[AssetKey, list[str]] = defaultdict(list)
    for handle, sentence in sentences.items():
        keys = mapping.tasks[handle] if isinstance(handle, TaskHandle) else mapping.dags[handle]
        for key in keys:
            found[key].append(sentence)
    return dict(found)


@dataclass
class _Catalogue:
    """What an Airflow instance has, by name."""

    snapshot: AirflowSnapshot
    searches: int = _SEARCHES
    told: dict[Handle, str] = field(default_factory=dict[Handle, str])

    def missing(self, handle: Handle) -> str:
        """Say that a task or DAG is not there, and what there is instead."""
        subject = f"Airflow instance {self.snapshot.instance!r} has no"
        if isinstance(handle, TaskHandle) and handle.dag_id in self.snapshot.dags:
            tasks = self.snapshot.task_ids(handle.dag_id)
            return f"{subject} task {handle}. {self._instead(handle.task_id, tasks, f'The tasks of {handle.dag_id}')}"
        dag = DagHandle(handle.dag_id)
        if dag not in self.told:
            self.told[dag] = f"{subject} DAG {dag}. {self._instead(dag.dag_id, self.dag_ids, 'Its DAGs')}"
        return self.told[dag]

    @cached_property
    def dag_ids(self) -> Sequence[str]:
        return sorted(self.snapshot.dags)

    def _instead(self, wanted: str, existing: Sequence[str], whose: str) -> str:
        if not existing:
            return f"{whose}: none."
        self.searches -= 1
        hint = nearest(wanted, existing) if self.searches >= 0 else ""
        return f"{whose} are {some_of(existing, _SHOWN)}.{hint}"
