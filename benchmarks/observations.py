"""What was measured of observing, as values: written as JSON, read again, and put together by cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeAlias

from conditions import Conditions
from spread import Spread

Cell: TypeAlias = tuple[str, int, int, str, str]
"""Through what, DAGs, runs, who and version of the API."""


@dataclass(frozen=True)
class Observation:
    """A catch-up, and what an idle tick after it took; seconds are of the wall or the processor.

    Args:
        through: `function` or `daemon`.
        tool: Whose sensor.
        api: `v1` or `v2`.
        dags: How many DAGs the Airflow has, of ten tasks each, all of them mapped.
        runs: How many runs had ended.
        repeat: The how-manieth of its cell.
        assets: How many assets there are.
        ticks: How many ticks it took.
        wall: Seconds until the events were known, or, through the daemon, stored.
        cpu: Seconds of the processor, through the daemon that of its code server too.
        longest: Seconds of the longest tick.
        requests: How many Airflow was sent.
        connections: How many it was asked on.
        bytes_sent: What it answered.
        events: How many were stored.
        lost: How many never came.
        duplicates: How many came once more.
        run_requests: How many runs were asked for.
        failed_ticks: How many ticks failed or were cut off.
        most_cpu: Seconds of the processor in the costliest tick.
        idle_cpu: Seconds of the processor of an idle tick.
        idle_requests: Its requests.
        error: Why it was not measured to its end.
    """

    through: str
    tool: str
    api: str
    dags: int
    runs: int
    repeat: int
    assets: int = 0
    ticks: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    longest: float = 0.0
    requests: int = 0
    connections: int = 0
    bytes_sent: int = 0
    events: int = 0
    lost: int = 0
    duplicates: int = 0
    run_requests: int = 0
    failed_ticks: int = 0
    most_cpu: float = 0.0
    idle_cpu: float = 0.0
    idle_requests: float = 0.0
    error: str = ""

    @classmethod
    def of(cls, cell: Cell, repeat: int, measured: Mapping[str, Any]) -> Self:
        """Return what a program has measured."""
        through, dags, runs, tool, api = cell
        known = {field.name for field in fields(cls)}
        kept = {name: value for name, value in measured.items() if name in known}
        return cls(through, tool, api, dags, runs, repeat, **kept)

    def __str__(self) -> str:
        """Return one line for those who wait."""
        return (
            f"{self.through:8} {self.tool:4} {self.api} {self.dags:4} DAGs {self.runs:5} runs: {self.ticks:3} ticks, "
            f"{self.requests:5} requests, wall {self.wall:6.1f} s, cpu {self.cpu:6.2f} s, lost {self.lost}, "
            f"twice {self.duplicates}, idle cpu {self.idle_cpu:5.2f} s {self.error}"
        )


@dataclass(frozen=True)
class Observations:
    """Everything that was measured.

    Args:
        conditions: Under which conditions.
        observations: The observations.
    """

    conditions: Conditions
    observations: tuple[Observation, ...]

    @property
    def cells(self) -> list[Cell]:
        """The cells, those of the function first."""
        found = {(one.through, one.dags, one.runs, one.tool, one.api) for one in self.observations}
        return sorted(found, key=lambda cell: (cell[0] == "daemon", *cell[1:]))

    def of(self, cell: Cell) -> list[Observation]:
        """Return what was measured in a cell."""
        return [
            one for one in self.observations if (one.through, one.dags, one.runs, one.tool, one.api) == cell
        ]

    def spread(self, field: str, cell: Cell) -> Spread:
        """Return what one field was in a cell."""
        return Spread(tuple(float(getattr(one, field)) for one in self.of(cell)))


def write(file: Path, observations: Observations) -> None:
    """Write the results as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(observations), indent=1) + "\n")


def read(file: Path) -> Observations:
    """Read the results that were written as JSON."""
    held = json.loads(file.read_text())
    held["conditions"]["load"] = tuple(held["conditions"]["load"])
    observations = tuple(Observation(**one) for one in held["observations"])
    return Observations(Conditions(**held["conditions"]), observations)
