"""Whether somebody has taken a deferred task from its trigger, on an Airflow 2 that only breaks the trigger off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from airflow.providers.dagster.version_compat import AIRFLOW_3

if not AIRFLOW_3:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

__all__ = ["Sighting", "is_taken_over", "look_up"]

_RESUMED = frozenset({"scheduled", "queued", "running"})


@dataclass(frozen=True)
class Sighting:
    """A task instance at one moment.

    Args:
        state: Its state, None while a clear waits for the scheduler.
        try_number: Its try.
        max_tries: Its generation: a clear changes it.
    """

    state: str | None
    try_number: int
    max_tries: int


def is_taken_over(before: Sighting, now: Sighting | None) -> bool:
    """Say whether a person has cleared or marked a task while a trigger waited for it.

    A triggerer breaks its triggers off as well when it stops, or when it has lost them to another one. Then the task
    is still deferred, or the event of the other triggerer has brought it back in the same try.

    Args:
        before: The task instance when its trigger began.
        now: The task instance when the trigger is broken off, None when it is gone.

    Returns:
        Whether nobody waits for the Dagster run any more.
    """
    if now is None:
        return True
    is_same = (now.try_number, now.max_tries) == (before.try_number, before.max_tries)
    return now.state != "deferred" and not (is_same and now.state in _RESUMED)


async def look_up(ti: Any) -> bool:  # noqa: ANN401 - Airflow's task instance
    """Look in Airflow's database whether a person has taken a task from the trigger that is broken off.

    Args:
        ti: The task instance as the triggerer of Airflow 2 gave it to the trigger, None where there is none.

    Returns:
        Whether the task is taken over; False on Airflow 3, whose triggers see no database and hear of it from 3.3 on.
    """
    if AIRFLOW_3 or ti is None:
        return False
    before = Sighting("deferred", ti.try_number, ti.max_tries)
    return is_taken_over(before, await asyncio.to_thread(_now, ti))


def _now(ti: Any) -> Sighting | None:  # noqa: ANN401 - Airflow's task instance
    model = TaskInstance  # pyright: ignore[reportPossiblyUnboundVariable] - only called on Airflow 2
    columns = (model.state, model.try_number, model.max_tries)
    with create_session() as session:  # pyright: ignore[reportPossiblyUnboundVariable] - the same
        names = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}
        row = session.query(*columns).filter_by(**names).one_or_none()
    return None if row is None else Sighting(*row)
