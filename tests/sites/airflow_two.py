"""A real Airflow 2, run from an environment of its own, with the questions that the live tests ask any Airflow."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests

from peering_with_dbt.story.airflow_server import DagRun, TaskInstance, either_airflow_environment
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import Place
from peering_with_dbt.story.processes import Processes, Server

BIN_VARIABLE = "AIRLIFT_AIRFLOW_2_BIN"
"""Environment variable with the folder of the `airflow` command of Airflow 2."""

_START_SECONDS = 180.0
_REQUEST_SECONDS = 30.0


class AirflowTwoSite:
    """Airflow 2's processes, and its REST API as `admin`.

    Args:
        place: The run. Its DAG folder is emptied: the example's DAGs are for Airflow 3.
        processes: Starts and stops the servers.
        settings: More environment variables of Airflow's processes.
    """

    def __init__(self, place: Place, processes: Processes, settings: Mapping[str, str] | None = None) -> None:
        self._place = place
        self._processes = processes
        self._settings = settings or {}
        self._http = requests.Session()
        self._http.trust_env = False
        for entry in place.dags.glob("*.py"):
            entry.unlink()

    def create_database(self, seconds: float = _START_SECONDS) -> None:
        """Create the database and the users `admin` and `viewer`."""
        self._processes.finish(self._start("airflow-db-migrate", "db", "migrate"), seconds)
        self._processes.finish(self._start("airflow-sync-perm", "sync-perm"), seconds)
        passwords = {"admin": self._place.admin_password, "viewer": self._place.viewer_password}
        for user, password in passwords.items():
            person = ("--firstname", user, "--lastname", user, "--email", f"{user}@example.com")
            create = ("users", "create", "--username", user, "--role", user.title(), "--password", password)
            self._processes.finish(self._start(f"airflow-create-{user}", *create, *person), seconds)

    def start(self) -> None:
        """Start web server and scheduler, and wait until they are healthy."""
        port = str(self._place.airflow_port)
        web = self._start("airflow-webserver", "webserver", "--hostname", "127.0.0.1", "--port", port)
        scheduler = self._start("airflow-scheduler", "scheduler", "--skip-serve-logs")
        wait = self._processes.wait_until
        wait(self._answers, "Airflow's web server answers", _START_SECONDS, web.log)
        self._log_in()
        wait(self._healthy, "Airflow's scheduler is healthy", _START_SECONDS, scheduler.log)

    def start_triggerer(self) -> Server:
        """Start the server that deferred tasks wait in.

        Returns:
            The server.
        """
        return self._start("airflow-triggerer", "triggerer", "--skip-serve-logs")

    def version(self) -> str:
        """Ask for Airflow's version."""
        return str(self._call("GET", "version")["version"])

    def set_paused(self, dag_id: str, *, paused: bool) -> None:
        """Let the scheduler run a DAG, or keep it from that."""
        self._call("PATCH", f"dags/{dag_id}", {"is_paused": paused})

    def dag_ids(self) -> set[str]:
        """List the DAGs that Airflow has parsed."""
        return {dag["dag_id"] for dag in self._call("GET", "dags?limit=100")["dags"]}

    def trigger(self, dag_id: str) -> DagRun:
        """Start a run of a DAG."""
        run = self._call("POST", f"dags/{dag_id}/dagRuns", {})
        return DagRun(dag_id, run["dag_run_id"], run["state"])

    def runs(self, dag_id: str) -> list[DagRun]:
        """List the runs of a DAG, the latest first."""
        answer = self._call("GET", f"dags/{dag_id}/dagRuns?order_by=-execution_date&limit=100")
        return [DagRun(dag_id, run["dag_run_id"], run["state"]) for run in answer["dag_runs"]]

    def operator(self, dag_id: str, task_id: str) -> str:
        """Ask which operator class a task has now."""
        task = self._call("GET", f"dags/{dag_id}/tasks/{task_id}")
        return str(task["class_ref"]["class_name"])

    def task(self, run: DagRun, task_id: str) -> TaskInstance:
        """Ask how far a task has come in a run."""
        instance = self._call("GET", _instance(run, task_id))
        return TaskInstance(instance["state"] or "", instance["try_number"], instance["pid"] or 0)

    def mark(self, run: DagRun, task_id: str, state: str) -> None:
        """Mark a task as `failed` or `success`, as people do in the UI."""
        self._call("PATCH", _instance(run, task_id), {"dry_run": False, "new_state": state})

    def clear(self, run: DagRun, task_id: str) -> None:
        """Have a task run again, whatever its state."""
        choice = {"dry_run": False, "only_failed": False, "dag_run_id": run.run_id, "task_ids": [task_id]}
        self._call("POST", f"dags/{run.dag_id}/clearTaskInstances", {**choice, "reset_dag_runs": True})

    def clear_while_it_runs(self, run: DagRun, task_id: str) -> None:
        """Have a running task stop and run again, in all runs of the DAG.

        Airflow's REST API says that it clears such a task and stores nothing: it changes an object outside of its session.
        """
        command = ("tasks", "clear", run.dag_id, "--task-regex", f"^{task_id}$", "--yes")
        self._processes.finish(self._start(f"airflow-clear-{run.dag_id}", *command), _START_SECONDS)

    def log(self, run: DagRun, task_id: str, try_number: int) -> str:
        """Read the log of a try."""
        return str(
            self._call("GET", f"{_instance(run, task_id)}/logs/{try_number}?full_content=true")["content"]
        )

    def _start(self, name: str, *arguments: str) -> Server:
        environment = {**airflow_two_environment(self._place), **self._settings}
        return self._processes.start(name, [str(airflow_two_bin() / "airflow"), *arguments], environment)

    def _answers(self) -> bool:
        try:
            return self._http.get(f"{self._place.airflow_url}/api/v1/version", timeout=5).ok
        except requests.RequestException:
            return False

    def _log_in(self) -> None:
        # A session: with a password in each call, Airflow hashes it each time, for 200 ms.
        page = f"{self._place.airflow_url}/login/"
        form = self._http.get(page, timeout=_REQUEST_SECONDS).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        if token is None:
            raise StoryError(
                "The login page of Airflow has no csrf_token.", self._place.logs / "airflow-webserver.log"
            )
        credentials = {"username": "admin", "password": self._place.admin_password, "csrf_token": token[1]}
        self._http.post(page, data=credentials, timeout=_REQUEST_SECONDS).raise_for_status()

    def _healthy(self) -> bool:
        health = self._call("GET", "health")
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler"))

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        url = f"{self._place.airflow_url}/api/v1/{path}"
        headers = {"Accept": "application/json"}
        answer = self._http.request(method, url, json=body, headers=headers, timeout=_REQUEST_SECONDS)
        if not answer.ok:
            raise StoryError(
                f"Airflow answered {answer.status_code} to {method} {url}: {answer.text[:500]}",
                self._place.logs / "airflow-webserver.log",
            )
        return answer.json()


def _instance(run: DagRun, task_id: str) -> str:
    return f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}"


def airflow_two_bin() -> Path:
    """Find the commands of Airflow 2's environment.

    Returns:
        The folder.

    Raises:
        KeyError: Nobody has said where it is; nox does.
    """
    return Path(os.environ[BIN_VARIABLE])


def airflow_two_environment(place: Place) -> dict[str, str]:
    """Build the environment of Airflow 2's processes.

    Args:
        place: The run.

    Returns:
        The whole environment: sqlite, local executor, session and basic login, quick intervals.
    """
    either = either_airflow_environment(place)
    return {
        **either,
        "PATH": f"{airflow_two_bin()}{os.pathsep}{either['PATH']}",
        # Airflow 2 refuses several workers on sqlite; a few short tasks of a test do not get in each other's way.
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_FETCH_INTERVAL": "1",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.basic_auth,airflow.api.auth.backend.session",
        "AIRFLOW__WEBSERVER__BASE_URL": place.airflow_url,
        "AIRFLOW__WEBSERVER__SECRET_KEY": place.server_secret,
        "AIRFLOW__WEBSERVER__WORKERS": "1",
        "AIRFLOW__SCHEDULER__DAG_DIR_LIST_INTERVAL": "5",
        "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "4",
        "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
        "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
    }
