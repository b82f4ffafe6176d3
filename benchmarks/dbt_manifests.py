"""Reading a dbt manifest, selecting from it and making specs of it: ours beside dagster-dbt, by the processor's clock.

python benchmarks/dbt_manifests.py [--quick] [--out docs/dbt-benchmark.md]

Each measurement is a process of its own; both sides alternate, and the best of the rounds counts.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from synthetic_manifest import write_manifest

SIDES = ("ours", "slim", "dagster-dbt")
STAGES = ("import", "read", "index", "selection", "specs")
Measured = dict[str, float]


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    Args:
        models: The sizes of the projects.
        rounds: How often each side is measured.
        selections: How many selections we resolve.
        their_selections: How many dagster-dbt resolves, whose cost does not depend on earlier ones.
    """

    models: Sequence[int]
    rounds: int
    selections: int
    their_selections: int


FULL = Effort((1_000, 5_000, 10_000), rounds=2, selections=1_000, their_selections=5)
QUICK = Effort((60,), rounds=1, selections=20, their_selections=2)


def peak_memory() -> float:
    """The most memory of this process in MB; `getrusage` would count that of the one that started it too."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


class Clock:
    """Takes the processor's time of one stage after the other."""

    def __init__(self) -> None:
        self.measured: Measured = {}
        self.since = 0.0

    def stage(self, name: str) -> None:
        """End a stage: the time since the last end, from the start of the process."""
        now = time.process_time()
        self.measured[name] = now - self.since
        self.measured["memory"] = peak_memory()
        self.since = time.process_time()


def selections(models: int, how_many: int) -> Iterator[str]:
    """One model each, as a task of Cosmos has it, and each tenth a tag with all that depends on it."""
    for number in range(how_many):
        staging = number * 7919 % (models * 4 // 10)
        yield "tag:daily+" if number % 10 == 0 else f"fqn:shop.staging.part{staging % 50}.m{staging}"


def measure_ours(manifest: str, models: int, how_many: int, detail: str) -> Measured:
    """Measure this package."""
    clock = Clock()
    # Imports are measured too.
    from dagster_airlift_dbt.manifest import manifest_at  # noqa: PLC0415
    from dagster_airlift_dbt.reading import ProjectReader  # noqa: PLC0415
    from dagster_airlift_dbt.specs import OwnSpecs  # noqa: PLC0415

    clock.stage("import")
    project = ProjectReader(manifest_at(manifest), "slim" if detail == "slim" else "full").read()
    clock.stage("read")
    project.graph.select("fqn:shop tag:daily", command="build")
    clock.stage("index")
    for each in selections(models, how_many):
        project.graph.select(each, command="build")
    clock.stage("selection")
    nodes = project.graph.nodes
    spec_of = OwnSpecs(project).spec
    specs = [spec_of(each) for each in project.relations if nodes[each].resource_type != "source"]
    clock.stage("specs")
    return per_selection(clock.measured, how_many) | {"assets": len(specs)}


def measure_dagster_dbt(manifest: str, models: int, how_many: int) -> Measured:
    """Measure dagster-dbt, by what `@dbt_assets` calls; it has no index."""
    clock = Clock()
    # Imports are measured too.
    from dagster_dbt import build_dbt_asset_specs  # noqa: PLC0415
    from dagster_dbt.dbt_manifest import validate_manifest  # noqa: PLC0415
    from dagster_dbt.utils import select_unique_ids  # noqa: PLC0415

    clock.stage("import")
    content = validate_manifest(manifest)
    clock.stage("read")
    # The first of them imports dbt.
    select_unique_ids("fqn:shop tag:daily", "", "", None, content)
    clock.stage("index")
    for each in selections(models, how_many):
        select_unique_ids(each, "", "", None, content)
    clock.stage("selection")
    specs = build_dbt_asset_specs(manifest=content)
    clock.stage("specs")
    return per_selection(clock.measured, how_many) | {"assets": len(specs)}


def per_selection(measured: Measured, how_many: int) -> Measured:
    """Spread the time over the selections."""
    return measured | {"selection": measured["selection"] / how_many}


def in_a_process(side: str, manifest: Path, models: int, effort: Effort) -> Measured:
    """Measure one side in a fresh process."""
    how_many = effort.their_selections if side == "dagster-dbt" else effort.selections
    words = ["--measure", side, str(manifest), str(models), str(how_many)]
    command = [sys.executable, __file__, *words]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 -- this program
    return json.loads(ran.stdout.splitlines()[-1])


def best(rounds: Sequence[Measured]) -> Measured:
    """The least of what was measured: all else is the machine's."""
    return {name: min(each[name] for each in rounds) for name in rounds[0]}


def compare(models: int, effort: Effort) -> dict[str, Measured]:
    """Measure all sides on one project, in turns."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "manifest.json"
        write_manifest(manifest, models)
        rounds = [
            {side: in_a_process(side, manifest, models, effort) for side in SIDES}
            for _ in range(effort.rounds)
        ]
        size = {"size": manifest.stat().st_size / 1e6}
    return {side: best([each[side] for each in rounds]) | size for side in SIDES}


def rows(models: int, found: dict[str, Measured]) -> Iterator[str]:
    """The lines of the table for one project."""
    theirs = found["dagster-dbt"]
    yield f"| **{models:,} models**, {theirs['size']:.0f} MB | | | | |"
    shown: list[tuple[str, str, Callable[[float], str]]] = [
        ("imports", "import", lambda value: f"{value:.2f} s"),
        ("read", "read", lambda value: f"{value:.2f} s"),
        ("first selection, builds the indices", "index", lambda value: f"{value:.3f} s"),
        ("one further selection", "selection", lambda value: f"{value * 1000:.3f} ms"),
        ("specs of all assets", "specs", lambda value: f"{value:.2f} s"),
        ("memory at most, with the imports", "memory", lambda value: f"{value:.0f} MB"),
    ]
    for title, name, text in shown:
        ratio = theirs[name] / max(found["ours"][name], 1e-9)
        values = " | ".join(text(found[side][name]) for side in SIDES)
        yield f"| {title} | {values} | {ratio:.1f} |"


def report(effort: Effort) -> str:
    """Measure, and write the page."""
    head = f"""# dbt manifests: read, select, show

Written by `python benchmarks/dbt_manifests.py`. Processor seconds and the most memory that a fresh process had. Rounds, in
which the sides took turns, and of which the least counts: {effort.rounds}. The manifests are synthetic, with 15 columns and 2.5 tests
for each model. We resolve {effort.selections:,} selections, dagster-dbt {effort.their_selections}: nine of ten name one
model by its fqn, one is `tag:daily+`. `slim` leaves out columns and SQL; `ours` shows what dagster-dbt shows.

Python {platform.python_version()}, {os.cpu_count()} processors, Dagster {version("dagster")}, \
dagster-dbt {version("dagster-dbt")}, dbt-core {version("dbt-core")}.

| | ours | ours, slim | dagster-dbt | dagster-dbt ÷ ours |
| --- | ---: | ---: | ---: | ---: |
"""
    tables = (rows(models, compare(models, effort)) for models in effort.models)
    return head + "\n".join(line for table in tables for line in table) + "\n"


def main() -> None:
    """Measure all, or in a process of its own one side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one tiny project, to see that it works")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "dbt-benchmark.md")
    parser.add_argument("--models", type=int, nargs="+", help="the sizes of the projects")
    parser.add_argument("--rounds", type=int, help="how often each side is measured")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        side, manifest, models, how_many = arguments.measure
        measure = measure_dagster_dbt if side == "dagster-dbt" else partial(measure_ours, detail=side)
        sys.stdout.write(json.dumps(measure(manifest, int(models), int(how_many))) + "\n")
        return
    effort = QUICK if arguments.quick else FULL
    models, rounds = arguments.models or effort.models, arguments.rounds or effort.rounds
    page = report(replace(effort, models=models, rounds=rounds))
    arguments.out.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


if __name__ == "__main__":
    main()
