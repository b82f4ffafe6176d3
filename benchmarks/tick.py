"""Ticks through the sensor function: a catch-up, then idle ticks, ours or the peer's.

python benchmarks/tick.py ours|peer URL DAGS RUNS SECONDS
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import median

from dagster import DagsterInstance
from measured_work import tell
from processes import ask
from tick_arguments import AIRFLOW_URL_VARIABLE, DAGS_VARIABLE
from tick_work import Ticker, TickWork, expected

IDLE_TICKS = 3


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tool", choices=["ours", "peer"])
    parser.add_argument("url")
    parser.add_argument("dags", type=int)
    parser.add_argument("runs", type=int)
    parser.add_argument("seconds", type=float, help="over which the runs have ended")
    return parser.parse_args()


def measured(asked: argparse.Namespace, instance: DagsterInstance) -> Mapping[str, object]:
    """Let runs end, and tick until they are all observed and some ticks more."""
    os.environ[AIRFLOW_URL_VARIABLE], os.environ[DAGS_VARIABLE] = asked.url, str(asked.dags)
    observed = importlib.import_module(f"observed_{asked.tool}")
    repository = observed.defs.get_repository_def()
    since = datetime.now(UTC) - timedelta(seconds=asked.seconds)
    sensor = repository.get_sensor_def(observed.SENSOR)
    ticker = Ticker(repository, sensor, observed.cursor(since), instance)
    ask(f"{asked.url}/-/finish/{asked.runs}/{asked.seconds}")
    busy = list(ticker.catch_up())
    caught_up = ask(f"{asked.url}/-/counts")
    idle = [ticker.tick() for _ in range(IDLE_TICKS)]
    afterwards = ask(f"{asked.url}/-/counts")
    found = ticker.kept
    return {
        **_sums(busy),
        "requests": caught_up["requests"],
        "connections": caught_up["connections"],
        "bytes_sent": caught_up["bytes_sent"],
        "idle_wall": median(tick.wall for tick in idle),
        "idle_cpu": median(tick.cpu for tick in idle),
        "idle_requests": afterwards["requests"] / len(idle),
        "idle_events": sum(tick.events for tick in idle),
        "run_requests": sum(tick.run_requests for tick in [*busy, *idle]),
        "assets": len(repository.asset_graph.get_all_asset_keys()),
        "lost": expected(asked.runs, asked.dags) - len(found),
        "duplicates": found.total() - len(found),
    }


def _sums(ticks: list[TickWork]) -> Mapping[str, object]:
    return {
        "ticks": len(ticks),
        "events": sum(tick.events for tick in ticks),
        "wall": sum(tick.wall for tick in ticks),
        "cpu": sum(tick.cpu for tick in ticks),
        "longest": max(tick.wall for tick in ticks),
        "most_cpu": max(tick.cpu for tick in ticks),
    }


def main() -> None:
    """Print what was measured as a line of JSON."""
    logging.disable(logging.INFO)
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder, DagsterInstance.local_temp(folder) as instance:
        tell(measured(asked, instance))


if __name__ == "__main__":
    main()
