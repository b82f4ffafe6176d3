"""What Airflow is asked for when a DAG run is triggered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class DagRunRequest:
    """What Airflow is asked for when a DAG run is triggered.

    Airflow has one run of a DAG for a logical date at most.

    Args:
        conf: Parameters of the run, as JSON.
        logical_date: Its logical date; None for none, which to Airflow 2 is the moment of the trigger.
        data_interval: Start and end of its data interval, which needs a logical date; None to leave it to the
            timetable of the DAG.
        partition_key: Partition of a DAG that has partitions, in Airflow 3.
        note: What people read beside the run.
    """

    conf: Mapping[str, object] = field(default_factory=dict[str, object])
    logical_date: datetime | None = None
    data_interval: tuple[datetime, datetime] | None = None
    partition_key: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        """Look for what Airflow would not understand."""
        dates = [date for date in (self.logical_date, *(self.data_interval or ())) if date]
        if any(date.tzinfo is None for date in dates):
            raise ValueError(f"{dates} have no time zone. Give dates with `tzinfo`.")
        if self.data_interval and not self.logical_date:
            raise ValueError(
                "A data interval needs a logical date. Give its start, or leave out the interval."
            )
