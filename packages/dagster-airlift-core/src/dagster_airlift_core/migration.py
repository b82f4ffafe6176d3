"""How far the migration is: where a mapped asset runs now, Airflow or Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.mapping import Handle
from dagster_airlift_core.model import Dag
from dagster_airlift_core.snapshot import AirflowSnapshot

RUNS_IN_TAG = "airlift/runs-in"
"""Tag of a mapped asset and of a DAG asset: one of the values of `RunsIn`."""
STATUS_TAG = "airlift/status"
"""Tag of an asset: `missing` where Airflow lacks what it is mapped to; of a DAG asset `paused` or `stale`."""


class RunsIn(StrEnum):
    """Where the work behind a mapped asset is done now."""

    AIRFLOW = "airflow"
    DAGSTER = "dagster"
    BOTH = "both"


@dataclass(frozen=True)
class Place:
    """Where an asset runs now.

    Args:
        runs_in: Airflow, Dagster, or both.
        why: What this was told by.
        is_mistake: Whether Airflow runs it while Dagster does so on its own account as well.
    """

    runs_in: RunsIn
    why: str
    is_mistake: bool = False


def place_of(handles: Sequence[Handle], snapshot: AirflowSnapshot, automation: str | None) -> Place | None:
    """Return where an asset runs now, None where Airflow has nothing that it is mapped to.

    Args:
        handles: The tasks and DAGs that it is mapped to.
        snapshot: What Airflow has.
        automation: What makes Dagster run the asset on its own account, None for nothing.
    """
    proxied: list[Handle] = []
    others: list[Handle] = []
    for handle in handles:
        is_proxied = _is_proxied(handle, snapshot)
        if is_proxied is not None:
            (proxied if is_proxied else others).append(handle)
    if automation:
        running = [handle for handle in others if not snapshot.dags[handle.dag_id].is_paused]
        if running:
            why = f"Airflow runs {_named(running, snapshot)}, and Dagster runs it too: {automation}."
            return Place(RunsIn.BOTH, why, is_mistake=True)
    for_dagster, by_airflow = _named(proxied, snapshot), _named(others, snapshot)
    if proxied and others:
        return Place(RunsIn.BOTH, f"Dagster runs it for {for_dagster}, Airflow runs {by_airflow}.")
    if proxied:
        return Place(RunsIn.DAGSTER, f"Dagster runs it for {for_dagster}.")
    return Place(RunsIn.AIRFLOW, f"Airflow runs {by_airflow}.") if others else None


def where_dag_runs(dag_id: str, snapshot: AirflowSnapshot) -> RunsIn | None:
    """Return where the tasks of a DAG run now, None where they are not known.

    Args:
        dag_id: DAG id.
        snapshot: What Airflow has.
    """
    proxied, known = snapshot.progress.get(dag_id, (0, 0))
    if not known:
        return None
    if not proxied:
        return RunsIn.AIRFLOW
    return RunsIn.DAGSTER if proxied == known else RunsIn.BOTH


def _is_proxied(handle: Handle, snapshot: AirflowSnapshot) -> bool | None:
    if handle.dag_id not in snapshot.dags:
        return None
    if isinstance(handle, TaskHandle):
        task = snapshot.tasks.get(handle)
        return task.is_proxied if task else None
    return where_dag_runs(handle.dag_id, snapshot) is RunsIn.DAGSTER


def _named(handles: Sequence[Handle], snapshot: AirflowSnapshot) -> str:
    """Return the tasks and DAGs, each with what brings it about that they run, or keeps them from it."""
    return ", ".join(f"{_name(handle)}{_when(snapshot.dags[handle.dag_id])}" for handle in handles)


def _name(handle: Handle) -> str:
    return f"the DAG {handle}" if isinstance(handle, DagHandle) else f"{handle.dag_id}.{handle.task_id}"


def _when(dag: Dag) -> str:
    if dag.is_paused:
        return f" ({dag.schedule}, paused)" if dag.schedule else " (paused)"
    return f" ({dag.schedule})" if dag.schedule else ""
