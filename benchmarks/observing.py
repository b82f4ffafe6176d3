"""What it takes to observe an Airflow, with dagster-airlift-core and with the peer, dagster-airlift.

python benchmarks/observing.py [--quick] [--cell THROUGH:DAGS:RUNS ...] [--add] [--render] [--out FOLDER]

The Airflow is a synthetic one, see synthetic_airflow.py, whose runs have ended over the last minutes or the last hour; every measurement
runs in a process of its own, ours and the peer's in turn. The peer begins where the runs begin, ours without a cursor.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from conditions import conditions
from observations import Cell, Observation, Observations, read, write
from observing_page import write_page
from processes import end_orderly, program, result, serving

OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
PACKAGES = ("dagster", "dagster-airlift-core", "dagster-airlift", "requests", "urllib3")
SPAN_SECONDS = 3600.0
SHORT_SPAN_SECONDS = 300.0
"""The runs of a small cell have ended within this time, so that an idle tick reads them all again."""
_MANY = 100
LIMIT_SECONDS = 400.0
"""How long a catch-up of a thousand runs may take through the daemon, more of them longer; what has come by then counts."""
_SECONDS = 190.0
"""How long everything else may take beside it."""

WHOSE = (("ours", "v1"), ("peer", "v1"), ("ours", "v2"))
THROUGH = ("function", "daemon")
Size: TypeAlias = tuple[str, int, int]
"""Through what, DAGs, and runs that have ended."""
SIZES: tuple[Size, ...] = (
    *(("function", 200, 10), ("function", 500, 0), ("function", 10, 1000)),
    *(("daemon", 10, 1000), ("daemon", 100, 1000)),
)
OURS_ALONE: tuple[Size, ...] = (("function", 10, 5000), ("daemon", 10, 5000))


def cells(arguments: argparse.Namespace) -> Iterator[tuple[Cell, int]]:
    """Return what is measured, and how often."""
    with_peer = find_spec("dagster_airlift") is not None
    whose = [one for one in WHOSE if one[0] in arguments.tools and (with_peer or one[0] == "ours")]
    if arguments.quick:
        yield from ((("function", 5, 3, tool, api), 1) for tool, api in whose)
        return
    for through, dags, runs in arguments.cell or (*SIZES, *OURS_ALONE):
        for tool, api in whose:
            is_repeated = tool == "ours" and through == "function"
            if tool == "ours" or (through, dags, runs) not in OURS_ALONE:
                yield (through, dags, runs, tool, api), arguments.repeats if is_repeated else 1


def measured(cell: Cell, repeat: int, limit: float) -> Observation:
    """Measure one cell once."""
    through, dags, runs, tool, api = cell
    span = SPAN_SECONDS if runs >= _MANY else SHORT_SPAN_SECONDS
    with serving(program("synthetic_airflow.py", api, dags)) as url:
        if through == "function":
            command = program("tick.py", tool, url, dags, runs, span)
        else:
            command = program("daemon_tick.py", tool, url, dags, runs, span, "--limit", limit)
        try:
            return Observation.of(cell, repeat, result(command, seconds=limit + _SECONDS))
        except subprocess.SubprocessError as error:
            return Observation.of(cell, repeat, {"error": str(error)[-300:]})


def told(wanted: Sequence[tuple[Cell, int]], limit: float) -> Iterator[Observation]:
    """Measure, each cell in turn, and say what is measured as it is measured."""
    for repeat in range(max(repeats for _, repeats in wanted)):
        for cell in [cell for cell, repeats in wanted if repeat < repeats]:
            observation = measured(cell, repeat, limit * max(cell[2] / 1000, 1.0))
            sys.stdout.write(f"{observation}\n")
            sys.stdout.flush()
            yield observation


def _size(text: str) -> Size:
    through, dags, runs = text.split(":")
    if through not in THROUGH:
        raise ValueError(through)
    return through, int(dags), int(runs)


def main() -> None:
    """Measure, write the results as JSON, and the page from them."""
    end_orderly()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small cell, in seconds")
    parser.add_argument("--cell", type=_size, nargs="+", help="only these, such as daemon:10:5000")
    parser.add_argument("--tools", nargs="+", choices=["ours", "peer"], default=["ours", "peer"])
    parser.add_argument("--limit", type=float, default=LIMIT_SECONDS, help="seconds for a thousand runs")
    parser.add_argument("--repeats", type=int, default=3, help="of ours, through the function")
    parser.add_argument(
        "--add", action="store_true", help="keep the last results, but for what is measured again"
    )
    parser.add_argument("--render", action="store_true", help="write the page from the last results")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    arguments = parser.parse_args()
    file: Path = arguments.out / "observing.json"
    if not arguments.render:
        before = os.getloadavg()[0]
        wanted = list(cells(arguments))
        again = {cell for cell, _ in wanted}
        last = read(file) if arguments.add and file.exists() else None
        kept = [
            one
            for cell in (last.cells if last else ())
            if last and cell not in again
            for one in last.of(cell)
        ]
        for observation in told(wanted, arguments.limit):
            kept.append(observation)
            write(file, Observations(conditions(PACKAGES, before), tuple(kept)))
    write_page(read(file), arguments.out)


if __name__ == "__main__":
    main()
