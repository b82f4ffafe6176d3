"""Attempts of the proxied task: Airflow runs it in a process of its own, until Dagster has its run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from counting_proxy import CONTROL, Call
from deployed_assets import INSTANCE
from processes import HERE, ask
from synthetic_payloads import dag_id, task_id

ATTEMPT_SECONDS = 180.0
_LOOK_SECONDS = 0.05
_TASK = task_id(5)
_STARTED = "started"


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt.

    Args:
        started: When Airflow executed the operator, in seconds since 1970.
        ended: When the process had ended, or was ended for its run was launched.
        calls: What the operator called.
    """

    started: float
    ended: float
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Airflow:
    """An Airflow without servers: a database, and the migration state of both tools.

    Args:
        folder: Where everything is.
    """

    folder: Path

    @classmethod
    def created(cls, folder: Path) -> Self:
        """Create the database, and say that the one task is Dagster's."""
        airflow = cls(folder)
        for tool, word in (("ours", "migrated"), ("peer", "proxied")):
            state = folder / "states" / tool / f"{dag_id(0)}.yaml"
            state.parent.mkdir(parents=True)
            state.write_text(f"tasks:\n  - id: {_TASK}\n    {word}: true\n")
            airflow._dags(tool).mkdir(parents=True)
            shutil.copy(HERE / f"dag_{tool}.py", airflow._dags(tool))
        migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
        with (folder / "migrate.log").open("w") as log:
            subprocess.run(migrate, env=airflow._environment(), stdout=log, stderr=log, check=True)  # noqa: S603 - ours
        return airflow

    def attempt(self, tool: str, dagster_url: str, *, days_ago: int) -> Attempt:
        """Run the task once, for a day of its own, for a second run of one day would follow the first one's run."""
        started = self.folder / _STARTED
        started.unlink(missing_ok=True)
        environment = {
            **self._environment(),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags(tool)),
            "AIRFLOW_CONN_DAGSTER_DEFAULT": json.dumps({"conn_type": "dagster", "host": dagster_url}),
            "DAGSTER_URL": dagster_url,
            "BENCHMARK_STARTED": str(started),
            "BENCHMARK_STATES": str(self.folder / "states"),
        }
        day = f"{datetime.now(UTC) - timedelta(days=days_ago):%Y-%m-%d}"
        command = [sys.executable, "-m", "airflow", "dags", "test", dag_id(0), day]
        with (self.folder / f"{tool}.log").open("w") as log:
            task = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - ours
            try:
                calls, ended = _until_launched(task, dagster_url)
            finally:
                task.send_signal(signal.SIGKILL)
                task.wait()
        if not started.exists():
            raise RuntimeError(
                f"The task did not begin:\n{(self.folder / f'{tool}.log').read_text()[-3000:]}"
            )
        return Attempt(float(started.read_text()), ended, tuple(calls))

    def _dags(self, tool: str) -> Path:
        return self.folder / "dags" / tool

    def _environment(self) -> dict[str, str]:
        paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DAGSTER__INSTANCE_NAME": INSTANCE,
            "NO_PROXY": "127.0.0.1",
        }


def _until_launched(task: subprocess.Popen[bytes], dagster_url: str) -> tuple[Sequence[Call], float]:
    """Return the calls up to the launch, or all of them when the process ends without one, and when that was.

    A call that the operator has given up is counted when Dagster is done with it.
    """
    calls: list[Call] = []
    ended = 0.0
    until = time.monotonic() + ATTEMPT_SECONDS
    while time.monotonic() < until:
        ended = ended or (time.time() if task.poll() is not None else 0.0)
        answered, unanswered = calls_of(dagster_url)
        calls.extend(answered)
        if (ended and not unanswered) or any(call.is_launch for call in calls):
            break
        time.sleep(_LOOK_SECONDS)
    return calls, ended or time.time()


def calls_of(dagster_url: str) -> tuple[list[Call], int]:
    """Ask the proxy which calls were answered since the last time, and how many are not yet."""
    told = ask(f"{dagster_url}{CONTROL}")
    return [Call(**call) for call in told["calls"]], told["unanswered"]
