"""Partitions definitions of time windows, in weeks in which clocks change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import dagster as dg
from hypothesis import strategies as st

CRONS = {"0 * * * *": "%Y-%m-%d-%H:%M", "*/30 * * * *": "%Y-%m-%d-%H:%M", "0 0 * * *": "%Y-%m-%d"}
CRONS |= {"30 2 * * *": "%Y-%m-%d", "0 1 * * 0": "%Y-%m-%d", "15 0 1 * *": "%Y-%m"}
# Clocks change in these weeks, in one zone or another.
WEEKS = (
    datetime(2025, 10, 20, tzinfo=UTC),
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 25, tzinfo=UTC),
)


@dataclass(frozen=True)
class Case:
    """A partitions definition of time windows."""

    cron: str
    zone: str
    week: datetime
    offset: int = 0
    is_closed: bool = True
    has_holes: bool = False


# Where the clocks go back, an hour has its name twice.
HOURLY = Case("0 * * * *", "America/New_York", WEEKS[0])


def cases(*zones: str) -> st.SearchStrategy[Case]:
    return st.builds(
        Case,
        cron=st.sampled_from(sorted(CRONS)),
        zone=st.sampled_from(zones),
        week=st.sampled_from(WEEKS),
        # Below 0, with an end, Dagster's list of keys and its pages of keys differ among themselves.
        offset=st.sampled_from([0, 0, 1]),
        is_closed=st.booleans(),
        has_holes=st.booleans(),
        # There the clocks change by half an hour, after which Dagster's hourly keys end in :30 when counted from the
        # start, and in :00 when counted from later.
    ).filter(lambda case: (case.cron, case.zone) != ("0 * * * *", "Australia/Lord_Howe"))


@cache
def timed(case: Case) -> dg.TimeWindowPartitionsDefinition:
    start = (case.week - timedelta(days=40)).astimezone(ZoneInfo(case.zone)).replace(tzinfo=None, hour=0)
    return dg.TimeWindowPartitionsDefinition(
        start=start,
        end=start + timedelta(days=70) if case.is_closed else None,
        cron_schedule=case.cron,
        timezone=case.zone,
        fmt=CRONS[case.cron],
        end_offset=case.offset,
        exclusions=["0 0 * * 3"] if case.has_holes else None,
    )
