"""How long it takes to load an Airflow's DAGs into Dagster, with dagster-airlift-core and with the peer, dagster-airlift.

python benchmarks/peering.py [--quick] [--repeats N] [--render] [--out FOLDER]

The Airflow is a synthetic one, see synthetic_airflow.py. Every load runs in a process of its own; ours and the peer's
take turns. `--render` writes the page of the docs again from the results of the last time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from conditions import conditions
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
    Load,
    Loads,
    read,
    write,
)
from peering_page import write_page
from processes import ask, end_orderly, program, result, serving

OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
PACKAGES = ("dagster", "dagster-airlift-core", "dagster-airlift", "requests")
SLOW_MS = 20_000
"""A cell in which the network alone takes the peer longer than this is measured once, and not with one connection."""
LOAD_SECONDS = 590.0


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Args:
        sizes: Numbers of DAGs.
        latencies: How long the synthetic Airflow waits before each answer, in milliseconds.
        chains: Lengths of chains of mapped assets.
        repeats: How often.
    """

    sizes: tuple[int, ...] = (100, 500, 1000, 2000)
    latencies: tuple[int, ...] = (20, 0, 100)
    chains: tuple[int, ...] = (500, 1000, 2000, 5000)
    repeats: int = 3

    def times(self, dags: int, latency: int) -> int:
        """Return how often a cell is measured."""
        return 1 if dags * latency > SLOW_MS else self.repeats


QUICK = Plan(sizes=(20,), latencies=(5,), chains=(), repeats=1)


@dataclass(frozen=True)
class Bench:
    """The synthetic Airflows of one size, and where the snapshots of that size are.

    Args:
        dags: How many DAGs they have.
        urls: URL of each, by the version of its API.
        folder: Where the snapshots are.
    """

    dags: int
    urls: dict[str, str]
    folder: Path

    def load(self, subject: str, api: str = "", latency: int = 0, repeat: int = 0) -> Load:
        """Measure one load."""
        url = self.urls.get(api, "")
        if url:
            ask(f"{url}/-/latency/{latency}")
        measured = result(self._program(subject, api, url), seconds=LOAD_SECONDS)
        counted = ask(f"{url}/-/counts") if url else {}
        return Load.of(subject, api, self.dags, latency, repeat, {**counted, **measured})

    def _program(self, subject: str, api: str, url: str) -> list[str]:
        ours, peer = (self.folder / f"{self.dags}-{api}.{tool}" for tool in (OURS, PEER))
        if subject.startswith(FETCH):
            return program("fetch_bare.py", url, api, self.dags, subject.rpartition(" ")[2])
        script, *more = {
            BARE: ("load_bare.py",),
            SAME: ("load_same.py", "--state", ours),
            OURS: ("load_ours.py",),
            PEER: ("load_peer.py",),
            OURS_UNMAPPED: ("load_ours.py", "--unmapped"),
            PEER_UNMAPPED: ("load_peer.py", "--unmapped"),
            OURS_SNAPSHOT: ("load_ours.py", "--state", ours),
            PEER_STATE: ("load_peer.py", "--state", peer),
        }[subject]
        return program(str(script), *([url] if url else []), self.dags, *more)


def measured(plan: Plan, folder: Path, *, with_peer: bool) -> Iterator[Load]:
    """Measure every cell of a plan; the slowest come last."""
    for latency in (None, *plan.latencies):
        for dags in plan.sizes:
            with ExitStack() as servers:
                urls = {
                    api: servers.enter_context(serving(program("synthetic_airflow.py", api, dags)))
                    for api in ("v1", "v2")
                }
                bench = Bench(dags, urls, folder)
                if latency is None:
                    yield from _offline(bench, plan, with_peer=with_peer)
                else:
                    yield from _live(bench, plan, latency, with_peer=with_peer)


def _offline(bench: Bench, plan: Plan, *, with_peer: bool) -> Iterator[Load]:
    """Measure what needs no Airflow; a first load writes what the others are made from."""
    subjects = [(OURS_SNAPSHOT, "v2"), *([(PEER_STATE, "v1")] if with_peer else [])]
    for subject, api in subjects:
        bench.load(subject, api)
    for repeat in range(plan.repeats):
        for subject, api in ((BARE, ""), (SAME, "v2"), *subjects):
            yield bench.load(subject, api, repeat=repeat)


def _live(bench: Bench, plan: Plan, latency: int, *, with_peer: bool) -> Iterator[Load]:
    """Measure what asks the Airflow; who goes first alternates, and the floors are measured once."""
    cells = [(PEER, "v1")] if with_peer else []
    cells += [(OURS, "v1"), (OURS, "v2")]
    for repeat in range(plan.times(bench.dags, latency)):
        for subject, api in cells if repeat % 2 == 0 else reversed(cells):
            yield bench.load(subject, api, latency, repeat)
    once = [(OURS_UNMAPPED, "v1"), (FETCH_ALIKE, "v1"), (FETCH_ALIKE, "v2")]
    once += [(PEER_UNMAPPED, "v1")] if with_peer else []
    once += [(f"{FETCH} 1", "v1")] if bench.dags * latency <= SLOW_MS else []
    for subject, api in once:
        yield bench.load(subject, api, latency)


def chains(plan: Plan, *, with_peer: bool) -> Iterator[Load]:
    """Measure chains of mapped assets, all of one DAG."""
    for length in plan.chains:
        for repeat in range(plan.repeats):
            with serving(program("synthetic_airflow.py", "v1", 1)) as url:
                runs = {BARE: program("load_bare.py", length, "--chain")}
                for subject in (OURS, PEER) if with_peer else (OURS,):
                    runs[subject] = program(f"load_{subject}.py", url, length, "--chain")
                for subject, command in runs.items():
                    yield Load.of(subject, "v1", length, 0, repeat, result(command, seconds=LOAD_SECONDS))


def told(loads: Iterable[Load]) -> Iterator[Load]:
    """Say what is measured as it is measured."""
    for load in loads:
        sys.stdout.write(f"{load}\n")
        sys.stdout.flush()
        yield load


def main() -> None:
    """Measure, write the results as JSON, and the page from them."""
    end_orderly()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small cell, in seconds")
    parser.add_argument("--sizes", type=int, nargs="*", default=Plan.sizes, help="numbers of DAGs")
    parser.add_argument("--latencies", type=int, nargs="*", default=Plan.latencies, help="milliseconds")
    parser.add_argument("--chains", type=int, nargs="*", default=Plan.chains, help="lengths of chains")
    parser.add_argument("--repeats", type=int, default=Plan.repeats)
    parser.add_argument("--add", action="store_true", help="keep the last results, and add to them")
    parser.add_argument("--render", action="store_true", help="write the page from the last results")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    arguments = parser.parse_args()
    file: Path = arguments.out / "peering.json"
    if not arguments.render:
        asked = (arguments.sizes, arguments.latencies, arguments.chains)
        plan = QUICK if arguments.quick else Plan(*map(tuple, asked), repeats=arguments.repeats)
        with_peer = find_spec("dagster_airlift") is not None
        before = os.getloadavg()[0]
        last = read(file) if arguments.add else None
        loads: list[Load] = list(last.loads) if last else []
        chained: list[Load] = list(last.chains) if last else []
        with tempfile.TemporaryDirectory() as folder:
            for found, kept in (
                (chains(plan, with_peer=with_peer), chained),
                (measured(plan, Path(folder), with_peer=with_peer), loads),
            ):
                for load in told(found):
                    kept.append(load)
                    write(file, Loads(conditions(PACKAGES, before), tuple(loads), tuple(chained)))
    write_page(read(file), arguments.out)


if __name__ == "__main__":
    main()
