"""Results of dbt in XComs: run results that a task pushed, and the statuses of Cosmos' watcher."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from dagster_airlift_core import AirflowInstance
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt.found import Found, read_value
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.run_results import NodeResult, RunResults

_STATUS = "_status"
_OF_TESTS = "_tests_status"
_EVENT = "_dbt_event"
_FAILED = frozenset({"error", "fail", "failed", "runtime error"})


@dataclass(frozen=True)
class DbtResultXCom:
    """An XCom with the content of `run_results.json`: whole or with fewer fields, one or a list of them.

    airflow-dbt-python pushes one as its return value. It is the XCom of the last try alone.

    Args:
        key: Key of the XCom.
    """

    key: str = "return_value"

    def results_of(
        self, airflow: AirflowInstance, instance: TaskInstance, projects: Sequence[DbtProjectContent]
    ) -> Found:
        """Look for the results of a try."""
        del projects  # what they do not know is told by whoever turns results into events
        value = airflow.left_behind.xcom(instance, self.key)
        return read_value(value, f"XCom {self.key!r}")


@dataclass(frozen=True)
class CosmosWatcher:
    """The XComs of Cosmos' watcher mode, in which one task runs the whole project and tells of every node.

    One request is made for each node that the task tells of.

    Args:
        producer: The task that runs dbt, without its task groups.
    """

    producer: str = "dbt_producer_watcher"

    def results_of(
        self, airflow: AirflowInstance, instance: TaskInstance, projects: Sequence[DbtProjectContent]
    ) -> Found:
        """Look for the results of a try."""
        if instance.task_id.rpartition(".")[2] != self.producer:
            return Found()
        left = airflow.left_behind
        keys = set(left.xcom_keys(instance))
        results: list[NodeResult] = []
        for unique_id in _told_of(keys, projects):
            name = unique_id.replace(".", "__")
            status = _word(left.xcom(instance, name + _STATUS), "status")
            if status is None:
                continue
            is_explained = status in _FAILED and name + _EVENT in keys
            message = _word(left.xcom(instance, name + _EVENT), "msg") if is_explained else None
            results.append(NodeResult(unique_id, "error" if status == "failed" else status, message=message))
        return Found((RunResults(None, tuple(results), is_evident=True),) if results else ())


def _told_of(keys: set[str], projects: Sequence[DbtProjectContent]) -> list[str]:
    """The resources that both the task and the manifests know, parents of most others first."""
    known = {
        f"{unique_id.replace('.', '__')}{_STATUS}": unique_id
        for project in projects
        for unique_id in project.graph.nodes
    }
    return sorted(known[key] for key in keys if key in known and not key.endswith(_OF_TESTS))


def _word(value: object, field: str) -> str | None:
    """What an XCom says, which is a text or has it in a field; Airflow's database wraps either in JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict):
        value = cast("dict[str, object]", value).get(field)
    return value if isinstance(value, str) else None
