"""A catch-up through Dagster's real daemon, ours or the peer's.

python benchmarks/daemon_tick.py ours|peer URL DAGS RUNS SECONDS [--limit SECONDS]
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from dagster import DagsterInstance, RepositoryDefinition
from dagster._core.definitions.run_request import InstigatorType  # noqa: TID251 - what the daemon says of its ticks
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus  # noqa: TID251 - the same
from measured_work import tell
from processes import HERE, ask, stop
from tick_arguments import AIRFLOW_URL_VARIABLE, DAGS_VARIABLE
from tick_work import counted, expected

_CALM_TICKS = 2
"""So many ticks without a new event after the last one tell that all is there."""
_LOOK_SECONDS = 2.0
_START_SECONDS = 120.0
_YAML = "telemetry: {enabled: false}\nnux: {enabled: false}\n"


@dataclass
class Daemon:
    """A daemon and a code server, and what they have used of the processor since the code was loaded.

    The code server is not the daemon's own, which would be started anew every minute, and load the definitions each time.

    Args:
        home: Their `DAGSTER_HOME`.
        file: The definitions.
    """

    home: Path
    file: Path
    cpu: float = 0.0

    @contextmanager
    def serving(self) -> Generator[None]:
        """Run the code server, from when it has loaded the definitions."""
        served = f"{{socket: {self._socket}, location_name: observed}}"
        self._workspace.write_text(f"load_from: [{{grpc_server: {served}}}]\n")
        loaded = [
            "--socket",
            str(self._socket),
            "--python-file",
            str(self.file),
            "--location-name",
            "observed",
        ]
        with self._started("dagster", "api", "grpc", *loaded) as server:
            until = time.monotonic() + _START_SECONDS
            while not self._socket.exists():
                if server.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"The code server does not serve:\n{self._log.read_text()[-3000:]}")
                time.sleep(0.2)
            self._server = psutil.Process(server.pid)
            self._loading = _used(self._server)
            yield

    @contextmanager
    def running(self) -> Generator[None]:
        """Run the daemon."""
        with self._started("dagster-daemon", "run", "-w", str(self._workspace)) as daemon:
            self._process = psutil.Process(daemon.pid)
            yield

    def look(self) -> float:
        """Return the seconds of the processor that the daemon and its code server have used."""
        processes = [self._server, self._process, *self._process.children(recursive=True)]
        self.cpu = max(self.cpu, sum(map(_used, processes)) - self._loading)
        return self.cpu

    def set_cursor(self, sensor: str, cursor: str) -> None:
        """Let a sensor begin at a cursor, by Dagster's own command."""
        for arguments in (["cursor", sensor, "--set", cursor], ["start", sensor]):
            command = _command("dagster", "sensor", *arguments, "-w", str(self._workspace))
            subprocess.run(command, env=self._environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - ours

    @contextmanager
    def _started(self, name: str, *arguments: str) -> Generator[subprocess.Popen[bytes]]:
        with self._log.open("a") as log:
            process = subprocess.Popen(  # noqa: S603 - ours
                _command(name, *arguments), env=self._environment, stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            stop(process)

    @property
    def _log(self) -> Path:
        return self.home / "processes.log"

    @property
    def _socket(self) -> Path:
        return self.home / "code.sock"

    @property
    def _workspace(self) -> Path:
        return self.home / "workspace.yaml"

    @property
    def _environment(self) -> dict[str, str]:
        paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
        path = os.pathsep.join(filter(None, paths))
        return {**os.environ, "DAGSTER_HOME": str(self.home), "PYTHONPATH": path, "NO_PROXY": "127.0.0.1"}


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
    parser.add_argument(
        "--limit", type=float, default=240.0, help="seconds, after which what is there counts"
    )
    return parser.parse_args()


def measured(asked: argparse.Namespace, home: Path) -> Mapping[str, object]:
    """Let runs end, start the daemon, and wait until it has told of all of them, or the limit."""
    os.environ[AIRFLOW_URL_VARIABLE], os.environ[DAGS_VARIABLE] = asked.url, str(asked.dags)
    observed = importlib.import_module(f"observed_{asked.tool}")
    repository: RepositoryDefinition = observed.defs.get_repository_def()
    (home / "dagster.yaml").write_text(_YAML)
    instance = DagsterInstance.from_config(str(home))
    daemon = Daemon(home, HERE / f"observed_{asked.tool}.py")
    cursor = observed.cursor(datetime.now(UTC) - timedelta(seconds=asked.seconds))
    wanted = expected(asked.runs, asked.dags)
    with daemon.serving():
        ask(f"{asked.url}/-/finish/{asked.runs}/{asked.seconds}")
        if cursor:
            daemon.set_cursor(observed.SENSOR, cursor)
        ask(f"{asked.url}/-/counts")
        began = time.monotonic()
        with daemon.running():
            reached = _caught_up(daemon, instance, wanted, began, asked)
    later = ask(f"{asked.url}/-/counts")
    found = counted(instance, repository)
    ticks = _ticks(instance)
    counts, idle_ticks = reached.counts, len(ticks) - reached.ticks
    return {
        "wall": reached.wall,
        "cpu": reached.cpu,
        "ticks": reached.ticks,
        "idle_requests": later["requests"] / idle_ticks if idle_ticks else 0.0,
        "failed_ticks": sum(tick.status is TickStatus.FAILURE for tick in ticks),
        "longest": max((tick.end_timestamp or tick.timestamp) - tick.timestamp for tick in ticks),
        "requests": counts["requests"],
        "connections": counts["connections"],
        "bytes_sent": counts["bytes_sent"],
        "events": found.total(),
        "lost": wanted - len(found),
        "duplicates": found.total() - len(found),
        "run_requests": instance.get_runs_count(),
        "assets": len(repository.asset_graph.get_all_asset_keys()),
    }


def _command(name: str, *arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name(name)), *arguments]


def _used(process: psutil.Process) -> float:
    """Return the seconds of the processor of a process, none of one that has just ended."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


@dataclass(frozen=True)
class Reached:
    """What it had taken when all events were there, or when the limit was reached.

    Args:
        wall: Seconds.
        cpu: Seconds of the processor.
        ticks: How many ticks had begun.
        counts: What Airflow had counted.
    """

    wall: float
    cpu: float
    ticks: int
    counts: Mapping[str, int]


def _caught_up(
    daemon: Daemon, instance: DagsterInstance, wanted: int, began: float, asked: argparse.Namespace
) -> Reached:
    """Wait until all events are there, and some ticks longer: what is told twice would be told then."""
    done: Reached | None = None
    calm = -1
    while not done or len(_ended(instance)) < calm:
        passed, cpu = time.monotonic() - began, daemon.look()
        is_there = _events(instance) >= wanted
        if not done and (is_there or passed >= asked.limit):
            counts = ask(f"{asked.url}/-/counts")
            done = Reached(min(passed, asked.limit), cpu, len(_ticks(instance)), counts)
            calm = len(_ended(instance)) + _CALM_TICKS if is_there else 0
        time.sleep(_LOOK_SECONDS)
    return done


def _ended(instance: DagsterInstance) -> list[InstigatorTick]:
    return [tick for tick in _ticks(instance) if tick.status is not TickStatus.STARTED]


def _events(instance: DagsterInstance) -> int:
    """Count the stored events of assets."""
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]
        return connection.exec_driver_sql(
            "SELECT count(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'"
        ).scalar()


def _ticks(instance: DagsterInstance) -> list[InstigatorTick]:
    """Return all ticks of the one sensor that the daemon has begun."""
    return [
        tick
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
    ]


def main() -> None:
    """Print what was measured as a line of JSON."""
    asked = arguments()
    with tempfile.TemporaryDirectory() as folder:
        tell(measured(asked, Path(folder)))


if __name__ == "__main__":
    main()
