"""The results of observing.py as a part of the page of the docs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from observations import Cell, Observations
from pages import replace_part, table
from spread import count, megabytes, seconds, times

_FIELDS = (
    *(("ticks", "ticks", count), ("requests", "requests", count), ("bytes_sent", "answered", megabytes)),
    *(("wall", "wall", seconds), ("cpu", "processor", seconds), ("longest", "longest tick", seconds)),
    *(("events", "events", count), ("lost", "lost", count), ("duplicates", "twice", count)),
    ("run_requests", "runs launched", count),
)
_IDLE = (("idle_requests", "requests", count), ("idle_cpu", "processor", seconds))
_GROWTH = {"requests": "requests", "ticks": "ticks", "cpu": "processor", "wall": "wall"}
_HEAD = ["DAGs", "assets", "runs", "who"]


def write_page(observations: Observations, out: Path) -> None:
    """Write the part of the page.

    Args:
        observations: The results.
        out: Their folder; the page stands beside it.
    """
    function = [cell for cell in observations.cells if cell[0] == "function"]
    daemon = [cell for cell in observations.cells if cell[0] == "daemon"]
    parts = [
        str(observations.conditions),
        "The peer's median divided by ours, both on `/api/v1`:",
        _ratios(observations),
        "What more runs cost, divided by what a thousand cost, ours:",
        _growth(observations),
        "A catch-up through the sensor function; median (least to most):",
        _table(observations, function, _FIELDS),
        "An idle tick after it, with these runs still in the overlap:",
        _table(observations, function, _IDLE),
    ]
    if daemon:
        head = "Through the real daemon; wall is until the last event was stored, processor is the daemon's and its code server's:"
        fields = (
            *_FIELDS,
            ("failed_ticks", "failed ticks", count),
            ("idle_requests", "requests, idle", count),
        )
        parts += [head, _table(observations, daemon, fields)]
    replace_part(out.with_suffix(".md"), "observing", "\n\n".join(parts))


def _table(
    observations: Observations, cells: Sequence[Cell], fields: Sequence[tuple[str, str, object]]
) -> str:
    rows: list[Sequence[str]] = []
    for cell in cells:
        _, dags, runs, tool, api = cell
        assets = observations.spread("assets", cell).median
        shown = [observations.spread(field, cell).text(write) for field, _, write in fields]  # type: ignore[arg-type]
        rows.append([count(dags), count(assets), count(runs), f"{tool} /api/{api}", *shown])
    return table([*_HEAD, *(name for _, name, _ in fields)], rows)


def _growth(observations: Observations) -> str:
    rows: list[Sequence[str]] = []
    for cell in observations.cells:
        through, dags, runs, tool, api = cell
        thousand: Cell = (through, dags, 1000, tool, api)
        if tool == "ours" and runs > thousand[2] and observations.of(thousand):
            spreads = [
                (observations.spread(field, cell), observations.spread(field, thousand)) for field in _GROWTH
            ]
            shown = [times(more.median / less.median) for more, less in spreads]
            rows.append([through, count(dags), count(runs), f"/api/{api}", *shown])
    return table(["through", "DAGs", "runs", "API", *_GROWTH.values()], rows)


def _ratios(observations: Observations) -> str:
    fields = (
        ("requests", "requests"),
        ("cpu", "processor"),
        ("wall", "wall"),
        ("idle_cpu", "processor, idle"),
    )
    rows: list[Sequence[str]] = []
    for through, dags, runs, tool, api in observations.cells:
        ours = (through, dags, runs, "ours", "v1")
        if tool != "peer" or not observations.of(ours):
            continue
        peer: Cell = (through, dags, runs, tool, api)
        shown: list[str] = []
        for field, _ in fields:
            own, theirs = observations.spread(field, ours).median, observations.spread(field, peer).median
            shown.append(times(theirs / own) if own and theirs else "-")
        rows.append([through, count(dags), count(runs), *shown])
    return table(["through", "DAGs", "runs", *(name for _, name in fields)], rows)
