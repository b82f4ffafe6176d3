"""The results of peering.py as a part of the page of the docs, and its charts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from charts import Line, chart
from loads import (
    BARE,
    FETCH,
    FETCH_ALIKE,
    OURS,
    OURS_SNAPSHOT,
    OURS_UNMAPPED,
    PEER,
    PEER_STATE,
    PEER_UNMAPPED,
    SAME,
    Loads,
)
from pages import replace_part, table
from spread import count, megabytes, seconds, times

SUBJECTS = (
    (PEER, "v1"),
    (OURS, "v1"),
    (OURS, "v2"),
    (PEER_UNMAPPED, "v1"),
    (OURS_UNMAPPED, "v1"),
    (f"{FETCH} 1", "v1"),
    (FETCH_ALIKE, "v1"),
    (FETCH_ALIKE, "v2"),
)
NOTHING = "-"
OFFLINE = ((BARE, ""), (SAME, "v2"), (OURS_SNAPSHOT, "v2"), (PEER_STATE, "v1"))


def write_page(loads: Loads, out: Path) -> None:
    """Write the part of the page, and the charts beside the results.

    Args:
        loads: The results.
        out: Their folder; the page stands beside it.
    """
    for name, title, field, latency in (
        ("peering-wall", "Wall time of a load, 20 ms before each answer", "wall", 20),
        ("peering-memory", "Peak of memory above the imports", "memory", 20),
    ):
        at = latency if latency in loads.latencies else loads.latencies[0]
        lines = _lines(loads, field, at)
        write = seconds if field == "wall" else megabytes
        (out / f"{name}.svg").write_text(chart(title, "DAGs with 10 tasks each", lines, write))
    charts = "\n".join(
        f"![{alt}](benchmarks/{name}.svg)\n"
        for name, alt in (
            ("peering-wall", "Wall time over the number of DAGs"),
            ("peering-memory", "Peak of memory over the number of DAGs"),
        )
    )
    parts = [
        str(loads.conditions),
        _against_peer(loads),
        charts,
        _growth(loads),
        _offline(loads),
        _live(loads),
    ]
    if loads.chains:
        parts.append(_chains(loads))
    replace_part(out.with_suffix(".md"), "peering", "\n\n".join(parts))


def _lines(loads: Loads, field: str, latency: int) -> list[Line]:
    lines: list[Line] = []
    for subject, api in (*SUBJECTS[:3], *((SUBJECTS[6],) if field == "wall" else ()), OFFLINE[2]):
        at = 0 if subject == OURS_SNAPSHOT else latency
        found = [(dags, loads.spread(field, subject, api, dags, at)) for dags in loads.sizes]
        points = [(float(dags), spread.median) for dags, spread in found if spread]
        if points:
            name = subject if subject == OURS_SNAPSHOT else f"{subject} /api/{api}"
            lines.append(Line(name, points, is_dashed=subject.startswith(FETCH)))
    return lines


def _against_peer(loads: Loads) -> str:
    """How many times faster ours is, by the medians; both on /api/v1."""
    rows: list[list[str]] = []
    for dags in loads.sizes:
        row = [count(dags), *(_ratio(loads, "wall", dags, latency) for latency in loads.latencies)]
        row.extend(_ratio(loads, field, dags, loads.latencies[0]) for field in ("cpu", "memory"))
        if set(row[1:]) != {NOTHING}:
            rows.append(row)
    head = ["DAGs", *(f"wall, {latency} ms" for latency in loads.latencies), "processor", "memory"]
    return "The peer's median divided by ours, both on `/api/v1`:\n\n" + table(head, rows)


def _ratio(loads: Loads, field: str, dags: int, latency: int) -> str:
    peer = loads.spread(field, PEER, "v1", dags, latency)
    ours = loads.spread(field, OURS, "v1", dags, latency)
    return times(peer.median / ours.median) if peer and ours else NOTHING


def _growth(loads: Loads) -> str:
    """What one DAG costs at each size: equal where the cost grows in proportion."""
    rows: list[list[str]] = []
    for subject, api, latency in ((OURS, "v1", loads.latencies[0]), (OURS_SNAPSHOT, "v2", 0), (BARE, "", 0)):
        found = [(dags, loads.spread("cpu", subject, api, dags, latency)) for dags in loads.sizes]
        cells = [f"{1000 * cpu.median / dags:.2f} ms" if cpu else NOTHING for dags, cpu in found]
        rows.append([subject, *cells])
    head = ["processor for one DAG", *(f"of {count(dags)}" for dags in loads.sizes)]
    return "How the cost grows:\n\n" + table(head, rows)


def _live(loads: Loads) -> str:
    head = [
        "DAGs",
        "latency",
        "who",
        "wall",
        "processor",
        "memory",
        "requests",
        "connections",
        "received",
        "n",
    ]
    rows: list[Sequence[str]] = []
    for dags in loads.sizes:
        for latency in loads.latencies:
            for subject, api in SUBJECTS:
                if loads.spread("wall", subject, api, dags, latency):
                    rows.append([count(dags), f"{latency} ms", *_cells(loads, subject, api, dags, latency)])
    return "Loads that ask Airflow; median (least to most) of n loads:\n\n" + table(head, rows)


def _cells(loads: Loads, subject: str, api: str, dags: int, latency: int) -> list[str]:
    cell = loads.of(subject, api, dags, latency)
    last = cell[-1]
    measured = [
        spread.text(write)
        for field, write in (("wall", seconds), ("cpu", seconds), ("memory", megabytes))
        if (spread := loads.spread(field, subject, api, dags, latency))
    ]
    counted = [count(last.requests), count(last.connections), megabytes(last.bytes_sent)]
    return [f"{subject} /api/{api}", *measured, *counted, str(len(cell))]


def _offline(loads: Loads) -> str:
    head = ["DAGs", "what", "processor", "÷ bare", "memory", "requests", "assets", "repository", "kept"]
    rows: list[Sequence[str]] = []
    for dags in loads.sizes:
        bare = loads.spread("cpu", BARE, "", dags)
        for subject, api in OFFLINE:
            cpu = loads.spread("cpu", subject, api, dags)
            memory = loads.spread("memory", subject, api, dags)
            if not (bare and cpu and memory):
                continue
            last = loads.of(subject, api, dags)[-1]
            sizes = [
                megabytes(last.repository_bytes),
                megabytes(last.state_bytes) if last.state_bytes else NOTHING,
            ]
            rows.append(
                [
                    *(count(dags), subject, cpu.text(seconds), times(cpu.median / bare.median)),
                    *(memory.text(megabytes), count(last.requests), count(last.assets), *sizes),
                ]
            )
    return "Loads that ask nobody:\n\n" + table(head, rows)


def _chains(loads: Loads) -> str:
    rows: list[Sequence[str]] = []
    for length in sorted({load.dags for load in loads.chains}):
        for subject in (BARE, OURS, PEER):
            cell = [load for load in loads.chains if (load.dags, load.subject) == (length, subject)]
            if cell:
                errors = [load.error.partition(":")[0] for load in cell if load.error]
                ended = f"{len(errors)} of {len(cell)} end in {errors[0]}" if errors else "loads"
                rows.append([count(length), subject, ended, seconds(min(load.cpu for load in cell))])
    head = ["assets", "who", "how it ends", "processor, least"]
    return "A chain of assets, each reading the one before, all mapped to tasks of one DAG:\n\n" + table(
        head, rows
    )
