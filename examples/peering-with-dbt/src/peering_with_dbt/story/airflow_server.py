"""A real Airflow, and the questions that the story asks its REST API."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import AIRFLOW_INSTANCE, Place, base_environment
from peering_with_dbt.story.processes import Processes, Server

_START_SECONDS = 180.0
_REQUEST_SECONDS = 30.0
_UNFINISHED = frozenset({"queued", "running"})
_DATABASE_ERROR = "Database error"
_ATTEMPTS = 10
_PAUSE_SECONDS = 0.5
_LOCK_SECONDS = 60
"""Five, which sqlite waits for a lock unless it is told otherwise, are few on a slow disk."""
_OWN_LOCK_SECONDS = 5
"""Airflow 3's API server writes its audit log in the thread that all requests go through: while one of them holds the lock,
all stand still until that writing has waited long enough to fail."""


@dataclass(frozen=True)
class DagStructure:
    """What must not change when a task is migrated.

    Args:
        task_ids: Ids of the tasks.
        edges: Pairs of task ids, upstream first.
    """

    task_ids: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG.

    Args:
        dag_id: The DAG.
        run_id: Its run.
        state: State of the run.
    """

    dag_id: str
    run_id: str
    state: str


@dataclass(frozen=True)
class TaskInstance:
    """The latest try of a task in a run.

    Args:
        state: Its state, empty when it has none yet.
        try_number: The try, from 1.
        pid: Process of the try, 0 when there is none.
    """

    state: str
    try_number: int
    pid: int


class AirflowSite:
    """Airflow's processes, and its REST API as `admin`.

    Args:
        place: The run.
        processes: Starts and stops the servers.
    """

    def __init__(self, place: Place, processes: Processes) -> None:
        self._place = place
        self._processes = processes
        self._http = requests.Session()
        self._http.trust_env = False

    def migrate_database(self) -> Server:
        """Begin to create the database.

        Returns:
            The command, to be awaited.
        """
        return self._start("airflow-db-migrate", "db", "migrate")

    def start(self) -> None:
        """Start the servers and wait until they are healthy and have parsed the DAGs."""
        port = str(self._place.airflow_port)
        address = ("--host", "127.0.0.1", "--port", port)
        api = self._start("airflow-api-server", "api-server", *address, lock_seconds=_OWN_LOCK_SECONDS)
        scheduler = self._start("airflow-scheduler", "scheduler", "--skip-serve-logs")
        parser = self._start("airflow-dag-processor", "dag-processor")
        wait = self._processes.wait_until
        wait(self._answers, "Airflow's API answers", _START_SECONDS, api.log)
        self.log_in()
        wait(self._healthy, "Airflow's scheduler is healthy", _START_SECONDS, scheduler.log)
        wait(self._parsed, "Airflow has parsed both DAGs", _START_SECONDS, parser.log)
        self._make_pool()

    def start_triggerer(self) -> Server:
        """Start the server that deferred tasks wait in, which the story itself does not need.

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
        run = self._call("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None})
        return DagRun(dag_id, run["dag_run_id"], run["state"])

    def runs(self, dag_id: str) -> list[DagRun]:
        """List the runs of a DAG, the latest first."""
        answer = self._call("GET", f"dags/{dag_id}/dagRuns?order_by=-run_after&limit=100")
        return [DagRun(dag_id, run["dag_run_id"], run["state"]) for run in answer["dag_runs"]]

    def idle(self, *dag_ids: str) -> bool:
        """Tell whether no run of these DAGs is queued or running."""
        return not any(run.state in _UNFINISHED for dag_id in dag_ids for run in self.runs(dag_id))

    def structure(self, dag_id: str) -> DagStructure:
        """Ask for the tasks of a DAG and how they are connected."""
        tasks = self._call("GET", f"dags/{dag_id}/tasks")["tasks"]
        return DagStructure(
            task_ids=tuple(sorted(task["task_id"] for task in tasks)),
            edges=tuple(
                sorted((task["task_id"], below) for task in tasks for below in task["downstream_task_ids"])
            ),
        )

    def operator(self, dag_id: str, task_id: str) -> str:
        """Ask which operator class a task has now."""
        task = self._call("GET", f"dags/{dag_id}/tasks/{task_id}")
        return str(task["class_ref"]["class_name"])

    def operator_in_run(self, run: DagRun, task_id: str) -> str:
        """Ask which operator class ran in a run."""
        return str(self._call("GET", _instance(run, task_id))["operator"])

    def task(self, run: DagRun, task_id: str) -> TaskInstance:
        """Ask how far a task has come in a run."""
        instance = self._call("GET", _instance(run, task_id))
        return TaskInstance(instance["state"] or "", instance["try_number"], instance["pid"] or 0)

    def mark(self, run: DagRun, task_id: str, state: str) -> None:
        """Mark a task as `failed` or `success`, as people do in the UI."""
        self._call("PATCH", _instance(run, task_id), {"new_state": state})

    def clear(self, run: DagRun, task_id: str) -> None:
        """Have a task run again, whatever its state."""
        choice = {"dry_run": False, "only_failed": False, "dag_run_id": run.run_id, "task_ids": [task_id]}
        self._call("POST", f"dags/{run.dag_id}/clearTaskInstances", choice)

    def log(self, run: DagRun, task_id: str, try_number: int) -> str:
        """Read the log of a try."""
        return json.dumps(self._call("GET", f"{_instance(run, task_id)}/logs/{try_number}"))

    def _start(self, name: str, *arguments: str, lock_seconds: int = _LOCK_SECONDS) -> Server:
        environment = airflow_environment(self._place, lock_seconds)
        return self._processes.start(name, ["airflow", *arguments], environment)

    def _answers(self) -> bool:
        try:
            return self._http.get(f"{self._place.airflow_url}/api/v2/version", timeout=5).ok
        except requests.RequestException:
            return False

    def log_in(self) -> None:
        """Get a token; `start` does it."""
        credentials = {"username": "admin", "password": self._place.admin_password}
        answer = self._http.post(
            f"{self._place.airflow_url}/auth/token", json=credentials, timeout=_REQUEST_SECONDS
        )
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _healthy(self) -> bool:
        health = self._call("GET", "monitor/health")
        return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))

    def _parsed(self) -> bool:
        return {"load_lakehouse", "dbt_dag"} <= self.dag_ids()

    def _make_pool(self) -> None:
        pool = {
            "name": "duckdb",
            "slots": 1,
            "description": "DuckDB has one writer",
            "include_deferred": True,
        }
        self._call("POST", "pools", pool)

    def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        url = f"{self._place.airflow_url}/api/v2/{path}"
        answer = self._http.request(method, url, json=body, timeout=_REQUEST_SECONDS)
        for _ in range(_ATTEMPTS - 1):
            if answer.ok or _DATABASE_ERROR not in answer.text:  # of what ends so, nothing is stored
                break
            time.sleep(_PAUSE_SECONDS)
            answer = self._http.request(method, url, json=body, timeout=_REQUEST_SECONDS)
        if not answer.ok:
            raise StoryError(
                f"Airflow answered {answer.status_code} to {method} {url}: {answer.text[:500]}",
                self._place.logs / "airflow-api-server.log",
            )
        return answer.json()


def _instance(run: DagRun, task_id: str) -> str:
    return f"dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}"


def airflow_environment(place: Place, lock_seconds: int) -> dict[str, str]:
    """Build the environment of one of Airflow's processes.

    Args:
        place: The run.
        lock_seconds: Seconds that it waits for the lock of its sqlite.

    Returns:
        The whole environment: sqlite, local executor, two users with passwords, quick intervals.
    """
    return {
        **either_airflow_environment(place, lock_seconds),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{place.airflow_url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(place.root / "airflow" / "passwords.json"),
        "AIRFLOW__API__BASE_URL": place.airflow_url,
        "AIRFLOW__API__SECRET_KEY": place.server_secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": place.server_secret,
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "4",
        "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
    }


def either_airflow_environment(place: Place, lock_seconds: int = _LOCK_SECONDS) -> dict[str, str]:
    """Build what the processes of Airflow 2 and 3 have in common.

    Args:
        place: The run.
        lock_seconds: Seconds that they wait for the lock of their sqlite.

    Returns:
        The environment: sqlite, local executor, quick intervals.
    """
    home = place.root / "airflow"
    return {
        **base_environment(place),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}?timeout={lock_seconds}",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DAGS_FOLDER": str(place.dags),
        "AIRFLOW__CORE__FERNET_KEY": "",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__DAGSTER__INSTANCE_NAME": AIRFLOW_INSTANCE,
        "AIRFLOW_CONN_DAGSTER_DEFAULT": json.dumps({"conn_type": "dagster", "host": place.dagster_url}),
    }
