"""How long a load of a real Airflow 2.11 takes, with dagster-airlift-core and with the peer, dagster-airlift.

python benchmarks/peering_real.py [--dags N] [--repeats N] [--render] [--out FOLDER]

It runs in an environment with Airflow 2.11, see airflow-2/; the web server has Airflow's default of four workers.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from conditions import conditions
from load_arguments import LOGIN_VARIABLE
from loads import OURS, PEER, Load, Loads, read, write
from pages import replace_part, table
from peering import OUT, told
from processes import end_orderly, program, result
from real_airflow import PASSWORD, USER, real_airflow
from spread import count, megabytes, seconds, times

PACKAGES = ("apache-airflow", "dagster", "dagster-airlift-core", "dagster-airlift")
LOAD_SECONDS = 590.0


def measured(url: str, dags: int, repeats: int) -> Iterator[Load]:
    """Measure loads in turn; one of each before warms Airflow up."""
    login = {**os.environ, LOGIN_VARIABLE: f"{USER}:{PASSWORD}"}
    for repeat in range(-1, repeats):
        for subject in (PEER, OURS) if repeat % 2 else (OURS, PEER):
            size = dags if repeat >= 0 else 1
            command = program(f"load_{subject}.py", url, size, *(() if repeat >= 0 else ("--unmapped",)))
            load = Load.of(subject, "v1", dags, 0, repeat, result(command, seconds=LOAD_SECONDS, env=login))
            if repeat >= 0:
                yield load


def write_page(loads: Loads, out: Path) -> None:
    """Write the part of the page."""
    (dags,) = loads.sizes
    rows: list[list[str]] = []
    for subject in (PEER, OURS):
        cells = [
            spread.text(write)
            for field, write in (("wall", seconds), ("cpu", seconds), ("memory", megabytes))
            if (spread := loads.spread(field, subject, "v1", dags))
        ]
        rows.append([count(dags), subject, *cells, str(len(loads.of(subject, "v1", dags)))])
    parts = [str(loads.conditions), table(["DAGs", "who", "wall", "processor", "memory", "n"], rows)]
    peer, ours = (loads.spread("wall", subject, "v1", dags) for subject in (PEER, OURS))
    if peer and ours:
        parts.append(f"By the medians, the peer takes {times(peer.median / ours.median)} as long as ours.")
    replace_part(out.with_suffix(".md"), "peering_real", "\n\n".join(parts))


def main() -> None:
    """Measure, write the results as JSON, and the page from them."""
    end_orderly()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--render", action="store_true", help="write the page from the last results")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    arguments = parser.parse_args()
    file: Path = arguments.out / "peering_real.json"
    if not arguments.render:
        before = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as home, real_airflow(Path(home), arguments.dags) as url:
            loads = tuple(told(measured(url, arguments.dags, arguments.repeats)))
        write(file, Loads(conditions(PACKAGES, before), loads, ()))
    write_page(read(file), arguments.out)


if __name__ == "__main__":
    main()
