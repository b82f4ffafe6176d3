"""A real Airflow 2.11 of this interpreter's environment: some DAGs, a web server that answers for them, and a Viewer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from processes import stop
from synthetic_payloads import TASKS

USER, PASSWORD = "viewer", "viewer-of-the-benchmark"
_START_SECONDS = 300.0
_DAGS = """
from datetime import datetime

from airflow import DAG
from airflow.operators.bash import BashOperator

for number in range({dags}):
    name = f"dag_{{number:04}}"
    with DAG(name, schedule="@daily", start_date=datetime(2026, 1, 1), tags=["benchmark"], description=name) as dag:
        tasks = [BashOperator(task_id=f"step_{{at}}", bash_command="true") for at in range({tasks})]
        for before, after in zip(tasks, tasks[1:]):
            before >> after
    globals()[name] = dag
"""


@dataclass(frozen=True)
class Command:
    """Airflow's commands, with one home and one port.

    Args:
        home: Folder of the configuration, the database and the logs.
        port: Of the web server.
    """

    home: Path
    port: int

    @property
    def url(self) -> str:
        """URL of the web server."""
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str) -> None:
        """Run a command to its end."""
        with self.log.open("a") as log:
            subprocess.run(self._line(*arguments), env=self._environment, stdout=log, stderr=log, check=True)  # noqa: S603 - ours

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a server."""
        with self.log.open("a") as log:
            return subprocess.Popen(self._line(*arguments), env=self._environment, stdout=log, stderr=log)  # noqa: S603 - ours

    @property
    def log(self) -> Path:
        """What the commands have said."""
        return self.home / "commands.log"

    def _line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "airflow", *arguments]

    @property
    def _environment(self) -> dict[str, str]:
        backends = ("airflow.api.auth.backend.basic_auth", "airflow.api.auth.backend.session")
        return {
            **os.environ,
            # The web server starts gunicorn by its name.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__API__AUTH_BACKENDS": ",".join(backends),
            "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": str(self.port),
        }


@contextmanager
def real_airflow(home: Path, dags: int) -> Generator[str]:
    """Create the database and the DAGs, start the web server with Airflow's defaults, and stop it by its id.

    Args:
        home: An empty folder.
        dags: How many DAGs, of ten tasks each.
    """
    (home / "dags").mkdir()
    (home / "dags" / "dags.py").write_text(_DAGS.format(dags=dags, tasks=TASKS))
    airflow = Command(home, _free_port())
    airflow.run("db", "migrate")
    airflow.run("sync-perm")
    person = ("--firstname", "a", "--lastname", "b", "--email", "viewer@example.com")
    airflow.run("users", "create", "--username", USER, "--password", PASSWORD, "--role", "Viewer", *person)
    airflow.run("dags", "reserialize")
    server = airflow.start("webserver")
    try:
        _wait(airflow, server)
        yield airflow.url
    finally:
        stop(server)


def _wait(airflow: Command, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            urlopen(f"{airflow.url}/api/v1/version", timeout=10).close()  # noqa: S310 - an address of this machine
        except (URLError, ConnectionError):
            time.sleep(0.5)
        else:
            return
    raise RuntimeError(f"Airflow's web server does not answer:\n{airflow.log.read_text()[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
