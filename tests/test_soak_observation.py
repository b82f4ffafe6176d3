"""A real Airflow in which two writers work for minutes, and a Dagster daemon that dies each minute: in the end both sides agree."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from sites.airflow_gate import AirflowGate
from sites.observing import INSTANCES, Observing, airflow_successes

from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes

DAGS = Path(__file__).parent / "sites" / "observed_dags.py"
MINUTES = float(os.environ.get("AIRLIFT_SOAK_MINUTES", "0"))
LIFE_SECONDS = 60.0
QUIET_SECONDS = 900.0
"""What the writers have left can keep Airflow busy for as long as they wrote."""
WRITTEN = {"fails": "good", "retried": "load", "mapped_1": "parts", "twin_a": "load"}
"""DAGs that are written to, each with the task that is cleared."""

pytestmark = [
    pytest.mark.live,
    pytest.mark.matrix,
    pytest.mark.skipif(not MINUTES, reason="`nox -s soak` says for how many minutes"),
]


class Writer(threading.Thread):
    """Triggers, clears and marks what it likes, until it is told to stop.

    Args:
        airflow: Where.
        seed: What it likes.
        stop: Tells it to stop.
    """

    def __init__(self, airflow: AirflowSite, seed: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._airflow = airflow
        self._choice = random.Random(seed)
        self._stop_it = stop
        self.done: list[str] = []

    def run(self) -> None:
        """Write."""
        acts: list[Callable[[str], None]] = [self._trigger, self._trigger, self._clear, self._mark]
        while not self._stop_it.wait(self._choice.uniform(1, 4)):
            act, dag_id = self._choice.choice(acts), self._choice.choice([*WRITTEN])
            # Airflow refuses what is gone or busy, and does not answer while another one holds its sqlite.
            with suppress(StoryError, IndexError, requests.Timeout):
                act(dag_id)
                self.done.append(f"{act.__name__} {dag_id}")

    def _trigger(self, dag_id: str) -> None:
        self._airflow.trigger(dag_id)

    def _clear(self, dag_id: str) -> None:
        run = self._choice.choice([run for run in self._airflow.runs(dag_id) if run.state == "success"])
        self._airflow.clear(run, WRITTEN[dag_id])

    def _mark(self, _: str) -> None:
        run = self._choice.choice([run for run in self._airflow.runs("fails") if run.state == "failed"])
        self._airflow.mark(run, "bad", "success")


def test_both_sides_agree_after_minutes_of_work_and_death(tmp_path: Path) -> None:
    with (
        fresh_place(tmp_path / "run") as place,
        AirflowGate(place.airflow_url) as gate,
        Processes(place.logs) as processes,
    ):
        airflow = _started(place, processes)
        dagster = Observing(place, processes, gate.url)
        dagster.start_code_server()
        stop = threading.Event()
        writers = [Writer(_client(place, processes), seed, stop) for seed in (1, 2)]

        deaths = _work(writers, dagster, processes, stop)
        processes.wait_until(
            lambda: airflow.idle(*WRITTEN),
            "Airflow is idle",
            QUIET_SECONDS,
            place.logs / "airflow-scheduler.log",
        )
        log = place.logs / "dagster-daemon.log"
        processes.wait_until(lambda: _is_told(dagster), "everything is told", QUIET_SECONDS, log)
        ticks = dagster.ended_ticks() + 2 * len(INSTANCES)
        processes.wait_until(lambda: dagster.ended_ticks() >= ticks, "both tick again", QUIET_SECONDS, log)

        done = [act for writer in writers for act in writer.done]
        final = len(list(airflow_successes(place, former=False)))
        counts = [dagster.successes(name).total() for name in INSTANCES]
        sys.stdout.write(f"\n{len(done)} acts, {deaths} deaths, {final} final successes, events {counts}\n")
        assert deaths >= int(MINUTES) - 1
        for name in INSTANCES:
            told = dagster.successes(name)
            assert set(dagster.expected(name, former=False)) - set(told) == set()
            assert set(told) - set(dagster.expected(name)) == set()
            assert [one for one, count in told.items() if count > 1] == []


def _started(place: Place, processes: Processes) -> AirflowSite:
    (place.dags / "observed.py").write_text(DAGS.read_text())
    airflow = AirflowSite(place, processes)
    processes.finish(airflow.migrate_database(), QUIET_SECONDS)
    airflow.start()
    log = place.logs / "airflow-dag-processor.log"
    processes.wait_until(lambda: set(WRITTEN) <= airflow.dag_ids(), "the DAGs are parsed", QUIET_SECONDS, log)
    return airflow


def _client(place: Place, processes: Processes) -> AirflowSite:
    client = AirflowSite(place, processes)
    client.log_in()
    return client


def _work(writers: list[Writer], dagster: Observing, processes: Processes, stop: threading.Event) -> int:
    """Let the writers work, and the daemon live for a minute again and again; the last one lives on."""
    deaths = 0
    for writer in writers:
        writer.start()
    ends = time.monotonic() + MINUTES * 60
    daemon = dagster.start_daemon()
    while (left := ends - time.monotonic()) > 0:
        time.sleep(min(LIFE_SECONDS, left))
        processes.kill(daemon)
        deaths += 1
        daemon = dagster.start_daemon()
    stop.set()
    for writer in writers:
        writer.join()
    return deaths


def _is_told(dagster: Observing) -> bool:
    return all(
        set(dagster.expected(name, former=False)) <= set(dagster.successes(name)) for name in INSTANCES
    )
