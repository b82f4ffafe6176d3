"""What a load does to a real Airflow 2.11 for those who use it meanwhile, by the number of connections.

python benchmarks/bystander.py [--dags N] [--connections N [N ...]] [--repeats N] [--render] [--out FOLDER]

It runs in an environment with Airflow 2.11, see airflow-2/; the web server has Airflow's default of four workers. The
bystander asks for the health of Airflow, one question after the other: what a person sees waits at least as long.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from conditions import Conditions, conditions
from load_arguments import LOGIN_VARIABLE
from pages import replace_part, table
from peering import OUT
from peering_real import LOAD_SECONDS, PACKAGES
from processes import end_orderly, program, result
from real_airflow import PASSWORD, USER, real_airflow
from spread import Spread, count, seconds

NOBODY = 0
"""As many connections as nobody uses: the bystander is alone."""
_ALONE_SECONDS = 10.0
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Stay:
    """What a bystander saw while a load went on.

    Args:
        connections: How many the load had.
        wall: How long it took, in seconds.
        waited: How long each answer took, in seconds.
    """

    connections: int
    wall: float
    waited: tuple[float, ...]


@dataclass(frozen=True)
class Stays:
    """Everything that was measured.

    Args:
        conditions: Under which conditions.
        dags: How many DAGs there were.
        stays: The measurements.
    """

    conditions: Conditions
    dags: int
    stays: tuple[Stay, ...]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the results that were written as JSON."""
        held = json.loads(file.read_text())
        held["conditions"]["load"] = tuple(held["conditions"]["load"])
        stays = (Stay(one["connections"], one["wall"], tuple(one["waited"])) for one in held["stays"])
        return cls(Conditions(**held["conditions"]), held["dags"], tuple(stays))


@contextmanager
def bystander(url: str) -> Generator[list[float]]:
    """Ask for the health of Airflow again and again, and tell how long each answer took."""
    waited: list[float] = []
    is_over = threading.Event()

    def ask() -> None:
        while not is_over.wait(_PAUSE_SECONDS):
            begin = time.perf_counter()
            try:
                urlopen(f"{url}/health", timeout=60).read()  # noqa: S310 - an address of this machine
            except (URLError, ConnectionError, TimeoutError):
                continue
            waited.append(time.perf_counter() - begin)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        yield waited
    finally:
        is_over.set()
        asking.join()


def measured(url: str, dags: int, connections: Sequence[int], repeats: int) -> Iterator[Stay]:
    """Measure loads in turn; one before warms Airflow up."""
    login = {**os.environ, LOGIN_VARIABLE: f"{USER}:{PASSWORD}"}
    result(program("load_ours.py", url, 1, "--unmapped"), seconds=LOAD_SECONDS, env=login)
    with bystander(url) as waited:
        time.sleep(_ALONE_SECONDS)
    yield Stay(NOBODY, _ALONE_SECONDS, tuple(waited))
    for repeat in range(repeats):
        for number in connections if repeat % 2 == 0 else reversed(connections):
            command = program("load_ours.py", url, dags, "--connections", number)
            with bystander(url) as waited:
                wall = result(command, seconds=LOAD_SECONDS, env=login)["wall"]
            yield Stay(number, wall, tuple(waited))


def write_page(stays: Stays, out: Path) -> None:
    """Write the part of the page."""
    rows: list[list[str]] = []
    for number in sorted({stay.connections for stay in stays.stays}):
        cell = [stay for stay in stays.stays if stay.connections == number]
        waited = [seconds for stay in cell for seconds in stay.waited]
        slow = quantiles(waited, n=20)[-1]
        wall = Spread(tuple(stay.wall for stay in cell)).text(seconds) if number else "-"
        walls = [wall, seconds(median(waited)), seconds(slow), seconds(max(waited)), count(len(cell))]
        rows.append([count(number) if number else "nobody loads", *walls])
    head = ["connections", "load", "answer, median", "answer, one in 20", "answer, longest", "n"]
    parts = [f"{stays.conditions} {count(stays.dags)} DAGs.", table(head, rows)]
    replace_part(out.with_suffix(".md"), "bystander", "\n\n".join(parts))


def main() -> None:
    """Measure, write the results as JSON, and the page from them."""
    end_orderly()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dags", type=int, default=200)
    parser.add_argument("--connections", type=int, nargs="+", default=(4, 8, 12, 16))
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--render", action="store_true", help="write the page from the last results")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    arguments = parser.parse_args()
    file: Path = arguments.out / "bystander.json"
    if not arguments.render:
        before = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as home, real_airflow(Path(home), arguments.dags) as url:
            stays = tuple(measured(url, arguments.dags, arguments.connections, arguments.repeats))
        taken = Stays(conditions(PACKAGES, before), arguments.dags, stays)
        file.write_text(json.dumps(asdict(taken), indent=1) + "\n")
    write_page(Stays.read(file), arguments.out)


if __name__ == "__main__":
    main()
