"""Results of dbt in the XComs of Cosmos' watcher mode, in which one task runs dbt and the others watch it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from dagster_airlift_core import AirflowInstance
from dagster_airlift_core.model import FAILED, SUCCESS, TaskInstance
from dagster_airlift_dbt.found import Found
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.run_results import NodeResult, RunResults

_STATUS = "_status"
_EVENT = "_dbt_event"
_FAILED = frozenset({"error", "fail", "failed", "runtime error"})
_BUILT = frozenset({"success", "warn", "no-op", "reused"})
_TOLD = _FAILED | _BUILT | {"pass", "skipped", "partial success"}
# The event of a failure tells why, and takes the place of the one that had the status.
_WHY = "None"


@dataclass(frozen=True)
class CosmosWatcher:
    """The XComs of Cosmos' watcher mode, in which one task runs the whole project and tells of every node.

    Of a task that watches, what that one told of its model is taken. Tried again, such a task may have run dbt itself:
    then this is asked last, and counts if it fits how the task ended. One or two requests are made for each node.

    Args:
        producer: The task that runs dbt, without its task groups.
    """

    producer: str = "dbt_producer_watcher"

    def results_of(
        self, airflow: AirflowInstance, instance: TaskInstance, projects: Sequence[DbtProjectContent]
    ) -> Found:
        """Look for the results of a try: all that the producer tells."""
        if instance.task_id.rpartition(".")[2] != self.producer:
            return Found()
        told = _Told(airflow, instance)
        return _found([told.of(unique_id) for unique_id in _told_of(told.keys, projects)])

    def results_of_watched(
        self, airflow: AirflowInstance, instance: TaskInstance, unique_ids: Collection[str]
    ) -> Found:
        """Look for what the producer told of the resources that a task watches."""
        for task_id in self._producers(instance.task_id):
            told = _Told(airflow, replace(instance, task_id=task_id))
            results = [told.of(unique_id) for unique_id in sorted(unique_ids)]
            if any(results):
                return _found([each for each in results if each and _fits(instance, each)])
        return Found()

    def _producers(self, task_id: str) -> Iterator[str]:
        """The tasks that it may watch: in one of its own groups, or in none."""
        groups = task_id.split(".")[:-1]
        for depth in range(len(groups), -1, -1):
            yield ".".join([*groups[:depth], self.producer])


@dataclass(frozen=True)
class _Told:
    """What a producer told.

    Args:
        airflow: The Airflow instance.
        producer: Its try.
    """

    airflow: AirflowInstance
    producer: TaskInstance

    @property
    def keys(self) -> Collection[str]:
        return self.airflow.left_behind.xcom_keys(self.producer)

    def of(self, unique_id: str) -> NodeResult | None:
        """Return what it told of a resource, None where that had not ended.

        Of a test it pushes no status, if the tests of a model have a task of their own. That a model was skipped it
        calls a failure, for Airflow would not try it again otherwise.
        """
        name = _name(unique_id)
        status = _word(self._xcom(name + _STATUS), "status")
        if status is not None and status not in _FAILED:
            return NodeResult(unique_id, status)
        event = self._xcom(name + _EVENT)
        last, said = _word(event, "status"), _word(event, "msg")
        if last == "skipped":
            return NodeResult(unique_id, last)
        if status is None and last == _WHY:
            status = "fail"
        if status is None and last in _TOLD:
            status = last
        if status is None:
            return None
        message = said if status in _FAILED else None
        return NodeResult(unique_id, "error" if status == "failed" else status, message=message)

    def _xcom(self, key: str) -> object | None:
        return self.airflow.left_behind.xcom(self.producer, key)


def _fits(instance: TaskInstance, result: NodeResult) -> bool:
    """Whether a task may have ended as it did because of what was told; the first try did nothing but watch."""
    if instance.try_number <= 1:
        return True
    return result.status in {FAILED: _FAILED, SUCCESS: _BUILT}.get(instance.state or "", ())


def _found(results: Sequence[NodeResult | None]) -> Found:
    told = tuple(each for each in results if each)
    return Found((RunResults(None, told, is_evident=True),) if told else ())


def _told_of(keys: Collection[str], projects: Sequence[DbtProjectContent]) -> list[str]:
    """The resources that both the task and the manifests know, parents of most others first."""
    known = {_name(unique_id): unique_id for project in projects for unique_id in project.graph.nodes}
    suffixes = (_STATUS, _EVENT)
    named = {key.removesuffix(suffix) for key in keys for suffix in suffixes if key.endswith(suffix)}
    return sorted(known[name] for name in named if name in known)


def _name(unique_id: str) -> str:
    return unique_id.replace(".", "__")


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
