"""What was measured of peering, as values: written as JSON, read again, and put together by cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from conditions import Conditions
from spread import Spread

from dagster_airlift_core import HttpOptions

OURS = "ours"
PEER = "peer"
OURS_SNAPSHOT = "ours, snapshot"
PEER_STATE = "peer, state"
BARE = "bare specs"
SAME = "same specs"
FETCH = "bare fetch,"
FETCH_ALIKE = f"{FETCH} {HttpOptions().connections}"
"""The floor of the network, over as many connections as ours uses unless it is told otherwise."""
OURS_UNMAPPED = "ours, unmapped"
PEER_UNMAPPED = "peer, unmapped"


@dataclass(frozen=True)
class Load:
    """One load.

    Args:
        subject: Who has loaded, one of the names above; for a bare fetch with the number of connections.
        api: Version of the REST API, empty where nobody was asked.
        dags: How many DAGs there were, or how long the chain was.
        latency: How long each answer was held back, in milliseconds.
        repeat: The how-manieth load of its cell.
        wall: Seconds.
        cpu: Seconds of the processor.
        memory: Bytes of the peak above what was in use after the imports.
        requests: How many Airflow received.
        connections: How many connections they came on.
        most_waiting: How many at most were waited for at once.
        bytes_sent: How much Airflow sent, in bytes.
        assets: How many assets there were in the end.
        repository_bytes: What the code server sends to the webserver.
        state_bytes: What is kept for the next load.
        error: How it ended otherwise.
    """

    subject: str
    api: str
    dags: int
    latency: int
    repeat: int
    wall: float
    cpu: float
    memory: int
    requests: int = 0
    connections: int = 0
    most_waiting: int = 0
    bytes_sent: int = 0
    assets: int = 0
    repository_bytes: int = 0
    state_bytes: int = 0
    error: str = ""

    @classmethod
    def of(
        cls, subject: str, api: str, dags: int, latency: int, repeat: int, measured: Mapping[str, Any]
    ) -> Self:
        """Return a load from what was measured; what is not told here is left out."""
        known = {field.name for field in fields(cls)}
        return cls(subject, api, dags, latency, repeat, **{k: v for k, v in measured.items() if k in known})

    def __str__(self) -> str:
        """Return one line for those who wait."""
        return (
            f"{self.subject:16} {self.api:3} {self.dags:5} DAGs {self.latency:4} ms {self.wall:8.2f} s wall "
            f"{self.cpu:7.2f} s cpu {self.memory / 2**20:7.1f} MB {self.requests:6} requests {self.error}"
        )


@dataclass(frozen=True)
class Loads:
    """Everything that was measured.

    Args:
        conditions: Under which conditions.
        loads: The loads of DAGs.
        chains: The loads of chains.
    """

    conditions: Conditions
    loads: tuple[Load, ...]
    chains: tuple[Load, ...]

    @property
    def sizes(self) -> list[int]:
        """The numbers of DAGs, ascending."""
        return sorted({load.dags for load in self.loads})

    @property
    def latencies(self) -> list[int]:
        """The latencies, ascending, in milliseconds."""
        return sorted({load.latency for load in self.loads if load.subject == OURS})

    def of(self, subject: str, api: str, dags: int, latency: int = 0) -> list[Load]:
        """Return the loads of one cell, in the order in which they were made."""
        cell = (subject, api, dags, latency)
        return [load for load in self.loads if (load.subject, load.api, load.dags, load.latency) == cell]

    def spread(self, field: str, subject: str, api: str, dags: int, latency: int = 0) -> Spread | None:
        """Return what one field was in a cell, None where no load of it came to its end."""
        cell = self.of(subject, api, dags, latency)
        values = [float(getattr(load, field)) for load in cell if not load.error]
        return Spread(tuple(values)) if values else None


def write(file: Path, loads: Loads) -> None:
    """Write the results as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(loads), indent=1) + "\n")


def read(file: Path) -> Loads:
    """Read the results that were written as JSON."""
    held = json.loads(file.read_text())
    held["conditions"]["load"] = tuple(held["conditions"]["load"])
    return Loads(
        Conditions(**held["conditions"]),
        tuple(Load(**load) for load in held["loads"]),
        tuple(Load(**load) for load in held["chains"]),
    )
