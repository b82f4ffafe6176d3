"""How long selections take on a manifest of 10,000 models and 25,000 tests.

python benchmarks/selection.py [models]
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from dagster_airlift_dbt import DbtGraph

LAYERS = 5


def resource(
    kind: str, name: str, folder: str, parents: list[str], **fields: object
) -> tuple[str, dict[str, Any]]:
    """One entry of a manifest."""
    unique_id = f"{kind}.shop.{name}"
    return unique_id, {
        "resource_type": kind,
        "name": name,
        "package_name": "shop",
        "fqn": ["shop", *folder.split("/")[1:], name],
        "original_file_path": f"{folder}/{name}.sql",
        "depends_on": {"nodes": parents},
        "tags": [],
        "config": {"materialized": "view"},
        **fields,
    }


def resources(models: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Models in five layers, each on two of the layer before, and five tests for every two models."""
    width = models // LAYERS
    for number in range(models):
        layer, place = divmod(number, width)
        parents = [f"model.shop.m{(layer - 1) * width + (place + step) % width}" for step in (0, 1) if layer]
        tags = ["daily"] if number % 7 == 0 else []
        yield resource("model", f"m{number}", f"models/layer{layer}/part{place % 50}", parents, tags=tags)
        for test in range(2 + number % 2):
            tested = [f"model.shop.m{number}", *parents[:test]]
            yield resource(
                "test", f"t{test}_m{number}", f"models/layer{layer}", tested, test_metadata={"name": "t"}
            )


def timed(what: str, work: Callable[[], object]) -> None:
    """Print how long some work takes, on the wall and on the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    sys.stdout.write(
        f"{what:48} {time.perf_counter() - wall:7.3f} s, processor {time.process_time() - processor:7.3f} s\n"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=int, nargs="?", default=10_000)
    models: int = parser.parse_args().models
    manifest = {"metadata": {"project_name": "shop"}, "nodes": dict(resources(models))}
    sys.stdout.write(
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, "
        f"{len(manifest['nodes'])} resources\n"
    )
    timed("read the manifest's resources", lambda: DbtGraph.from_manifest(manifest))
    graph = DbtGraph.from_manifest(manifest)
    timed("first selection, builds four indices", lambda: graph.select("m1 tag:x path:x file:x"))
    fqns = [
        f"shop.layer{number * LAYERS // models}.part{number % (models // LAYERS) % 50}.m{number}"
        for number in range(1000)
    ]
    timed(
        "1,000 selections of one model by its fqn", lambda: [graph.select(fqn, command="run") for fqn in fqns]
    )
    for select in ("*", "tag:daily+", "models/layer1", "models/*/part1*", "+m9999", "@m100"):
        timed(
            f"one selection of {select!r}",
            lambda select=select: graph.select(select, exclude="path:models/layer4"),
        )


if __name__ == "__main__":
    main()
