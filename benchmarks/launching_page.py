"""The results of launching.py as a part of the page of the docs, and its chart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from charts import Line, chart
from launches import Launches
from pages import replace_part, table
from spread import count, megabytes, seconds


def write_page(launches: Launches, out: Path) -> None:
    """Write the part of the page, and the chart beside the results.

    Args:
        launches: The results.
        out: Their folder; the page stands beside it.
    """
    title = "Answered by Dagster before the launch"
    drawn = chart(title, "assets in the deployment", _lines(launches), megabytes)
    (out / "launching-bytes.svg").write_text(drawn)
    picture = "![Bytes before the launch over the size of the deployment](benchmarks/launching-bytes.svg)"
    parts = [str(launches.conditions), _table(launches), picture]
    replace_part(out.with_suffix(".md"), "launching", "\n\n".join(parts))


def _lines(launches: Launches) -> list[Line]:
    lines: list[Line] = []
    for tool, days in sorted({(tool, days) for days, _, tool in launches.cells}):
        points = [
            (float(assets), launches.spread("answer_bytes", days, assets, tool).median)
            for at, assets, whose in launches.cells
            if (at, whose) == (days, tool)
        ]
        lines.append(Line(f"{tool}, {days} partitions" if days else f"{tool}, unpartitioned", points))
    return lines


def _table(launches: Launches) -> str:
    head = [
        "assets",
        "partitions",
        "who",
        "launched",
        "until the launch",
        "calls",
        "answered",
        "slowest call",
    ]
    rows: list[Sequence[str]] = []
    for days, assets, tool in launches.cells:
        cell = launches.of(days, assets, tool)
        done = sum(launch.is_launched for launch in cell)
        fields = (
            ("seconds", seconds),
            ("calls", count),
            ("answer_bytes", megabytes),
            ("longest", seconds),
            ("cpu", seconds),
        )
        rows.append(
            [
                *(count(assets), count(days) if days else "none", tool, f"{done} of {len(cell)}"),
                *(launches.spread(field, days, assets, tool).text(write) for field, write in fields),
            ]
        )
    return "Median (least to most); a time without a launch is that until the task failed:\n\n" + table(
        [*head, "processor of Dagster"], rows
    )
