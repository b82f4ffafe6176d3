"""What a tick has to tell Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dagster_airlift_core.cursor import Cursor
from dagster_airlift_core.results import TaskEvent

EARLIEST = datetime.min.replace(tzinfo=UTC)
"""Before everything that has a time."""


@dataclass(frozen=True)
class Observed:
    """What a tick has to tell Dagster.

    Args:
        events: What is new.
        cursor: Where the next tick reads on.
        summary: A line about it.
        set_aside: What could not be told of, each with its reason.
        server_time: The time of Airflow's server when it answered last.
    """

    events: tuple[TaskEvent, ...]
    cursor: Cursor
    summary: str
    set_aside: tuple[str, ...] = ()
    server_time: datetime = EARLIEST
