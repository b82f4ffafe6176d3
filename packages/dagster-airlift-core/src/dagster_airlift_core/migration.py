"""How far the migration is: where a mapped asset runs now, Airflow or Dagster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.mapping import Handle
from dagster_airlift_core.snapshot import AirflowSnapshot

RUNS_IN_TAG = "airlift/runs-in"
"""Tag of a mapped asset: one of the values of `RunsIn`."""
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
    told = {handle: _is_proxied(handle, snapshot) for handle in handles}
    proxied = [handle for handle, is_proxied in told.items() if is_proxied]
    others = [handle for handle, is_proxied in told.items() if is_proxied is False]
    running = [handle for handle in others if not snapshot.dags[handle.dag_id].is_paused]
    if not proxied and not others:
        return None
    if automation and running:
        why = f"Airflow runs {_names(running)}, and Dagster runs it too: {automation}."
        return Place(RunsIn.BOTH, why, is_mistake=True)
    if proxied and others:
        return Place(RunsIn.BOTH, f"Dagster runs it for {_names(proxied)}, Airflow runs {_names(others)}.")
    if proxied:
        return Place(RunsIn.DAGSTER, f"Dagster runs it for {_names(proxied)}.")
    return Place(RunsIn.AIRFLOW, f"Airflow runs {_names(others)}.")


def _is_proxied(handle: Handle, snapshot: AirflowSnapshot) -> bool | None:
    if isinstance(handle, TaskHandle):
        task = snapshot.tasks.get(handle)
        return task.is_proxied if task else None
    proxied, known = snapshot.progress.get(handle.dag_id, (0, 0))
    return 0 < known == proxied if handle.dag_id in snapshot.dags else None


def _names(handles: Sequence[Handle]) -> str:
    return ", ".join(f"the DAG {one}" if isinstance(one, DagHandle) else str(one) for one in handles)
