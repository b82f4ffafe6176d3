"""What was measured of launching, as values: written as JSON, read again, and put together by cell."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from attempts import Attempt
from conditions import Conditions
from spread import Spread


@dataclass(frozen=True)
class Launch:
    """What one operator did until its run was ordered; where none was, what it did until it failed.

    Args:
        tool: Whose operator.
        assets: How many assets there are in the deployment.
        days: How many partitions each has.
        repeat: The how-manieth attempt of its cell.
        is_launched: Whether a run was ordered at all.
        seconds: From the task's start to the order of the run, or to the failure.
        calls: How many calls there were before the order.
        answer_bytes: How much Dagster answered to them.
        request_bytes: How much was asked.
        cpu: Seconds of the processor that webserver and code server took for them.
        longest: Seconds until the slowest of them was answered.
        operations: Their names, and when each began, in seconds after the start of the task.
    """

    tool: str
    assets: int
    days: int
    repeat: int
    is_launched: bool
    seconds: float
    calls: int
    answer_bytes: int
    request_bytes: int
    cpu: float
    longest: float
    operations: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, tool: str, assets: int, days: int, repeat: int, attempt: Attempt) -> Self:
        """Return what an attempt did before its first order."""
        # Not those of an attempt before, which was ended while it waited for an answer.
        own = (call for call in attempt.calls if call.began >= attempt.started)
        calls = sorted(own, key=lambda call: call.began)
        order = next((call for call in calls if call.is_launch), None)
        before = [call for call in calls if not call.is_launch and (not order or call.began < order.began)]
        return cls(
            *(tool, assets, days, repeat),
            is_launched=order is not None,
            seconds=(order.began if order else attempt.ended) - attempt.started,
            calls=len(before),
            answer_bytes=sum(call.answer_bytes for call in before),
            request_bytes=sum(call.request_bytes for call in before),
            cpu=sum(call.cpu for call in before),
            longest=max((call.ended - call.began for call in before), default=0.0),
            operations=tuple((call.operation, call.began - attempt.started) for call in before),
        )

    def __str__(self) -> str:
        """Return one line for those who wait."""
        end = "launched" if self.is_launched else "FAILED"
        return (
            f"{self.tool:5} {self.assets:5} assets {self.days:4} days {end} after {self.seconds:6.2f} s, "
            f"{self.calls} calls, {self.answer_bytes / 1e3:9.1f} kB, webserver {self.cpu:6.2f} s cpu"
        )


@dataclass(frozen=True)
class Launches:
    """Everything that was measured.

    Args:
        conditions: Under which conditions.
        launches: The launches.
    """

    conditions: Conditions
    launches: tuple[Launch, ...]

    @property
    def cells(self) -> list[tuple[int, int, str]]:
        """Partitions, assets and tool of each cell, ascending; the assets are those of the tool's own deployment."""
        return sorted({(launch.days, launch.assets, launch.tool) for launch in self.launches})

    def of(self, days: int, assets: int, tool: str) -> list[Launch]:
        """Return the launches of a cell."""
        cell = (days, assets, tool)
        return [launch for launch in self.launches if (launch.days, launch.assets, launch.tool) == cell]

    def spread(self, field: str, days: int, assets: int, tool: str) -> Spread:
        """Return what one field was in a cell."""
        return Spread(tuple(float(getattr(launch, field)) for launch in self.of(days, assets, tool)))


def write(file: Path, launches: Launches) -> None:
    """Write the results as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(launches), indent=1) + "\n")


def read(file: Path) -> Launches:
    """Read the results that were written as JSON."""
    held = json.loads(file.read_text())
    held["conditions"]["load"] = tuple(held["conditions"]["load"])
    launches = tuple(Launch(**launch) for launch in held["launches"])
    return Launches(Conditions(**held["conditions"]), launches)
