"""Questions about one DAG or DAG run, which every version of the API answers alike."""

from __future__ import annotations

from dagster_airlift_core._dialect import reading
from dagster_airlift_core._dialect.asking import get, send
from dagster_airlift_core._dialect.port import Ask
from dagster_airlift_core.model import Dag, DagRun


class SingleThings:
    """Asks for one thing at a time, below the path of an API."""

    api: str

    def dag(self, ask: Ask, dag_id: str) -> Dag:
        """Ask for a DAG."""
        return ask(get(self.api, "dags", dag_id), reading.dag)

    def dag_run(self, ask: Ask, dag_id: str, run_id: str) -> DagRun:
        """Ask for a DAG run."""
        return ask(get(self.api, "dags", dag_id, "dagRuns", run_id), reading.dag_run)

    def fail_run(self, ask: Ask, dag_id: str, run_id: str) -> DagRun:
        """Mark a DAG run failed, which ends its tasks."""
        request = send("PATCH", self.api, "dags", dag_id, "dagRuns", run_id, body={"state": "failed"})
        return ask(request, reading.dag_run)
