"""Results of dbt in the log of a task: its JSON events, or the lines that people read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from dagster_airlift_core import AirflowInstance, AirflowNotFound
from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt.found import Found
from dagster_airlift_dbt.log_lines import read_text_log
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.run_results import NodeResult, RunResults, read_instant

_RESULTS = frozenset(
    {"LogModelResult", "LogSeedResult", "LogSnapshotResult", "LogTestResult", "LogFreshnessResult"}
    | {"LogNodeNoOpResult", "LogBatchResult", "NodeFinished"}
)
_SKIPS = frozenset({"SkippingDetails", "LogSkipBecauseError"})
_ERROR = "RunResultError"
_EMPTY = frozenset({"", "None"})


@dataclass(frozen=True)
class DbtTaskLogs:
    """The log of the task, read over Airflow's REST API.

    With `DBT_LOG_FORMAT=json` in the environment of dbt nothing is guessed. Without it, the lines that people read
    are understood as far as a name in them means one resource of the manifest. A log is text that any task can
    write; so only statuses of what the manifest knows are taken from it.

    Args:
        text: Whether lines that people read count too.
    """

    text: bool = True

    def results_of(
        self, airflow: AirflowInstance, instance: TaskInstance, projects: Sequence[DbtProjectContent]
    ) -> Found:
        """Look for the results of a try."""
        try:
            lines = list(airflow.left_behind.log_lines(instance))
        except AirflowNotFound as error:
            return Found(notes=(str(error),))
        except AirflowApiError as error:
            if not error.is_too_much:
                raise
            return Found(notes=(f"The log is too long to be read: {error}",))
        runs = read_json_log(lines)
        if runs or not self.text:
            return Found(tuple(_known(run, projects) for run in runs))
        return read_text_log(lines, projects)


def read_json_log(lines: Iterable[str]) -> list[RunResults]:
    """Read the JSON events of dbt among the lines of a log; what Airflow puts before them is passed over.

    Args:
        lines: The lines.

    Returns:
        One for each run of dbt, in their order.
    """
    runs: dict[str, _Run] = {}
    for line in lines:
        event = _event(line)
        if event is None:
            continue
        told, content = _member(event, "info"), _member(event, "data")
        invocation = str(told.get("invocation_id"))
        run = runs.setdefault(invocation, _Run(invocation, _member(told, "extra")))
        run.take(str(told.get("name")), content)
    return [run.results() for run in runs.values() if run.nodes]


@dataclass
class _Run:
    """One run of dbt as far as its events have come."""

    invocation: str
    stamp: Mapping[str, Any]
    nodes: dict[str, NodeResult] = field(default_factory=dict[str, NodeResult])

    def take(self, name: str, content: Mapping[str, Any]) -> None:
        node = _member(content, "node_info")
        unique_id = node.get("unique_id")
        if not isinstance(unique_id, str):
            return
        if name in _RESULTS or name in _SKIPS:
            status = "skipped" if name in _SKIPS else _status(node, content)
            self.nodes.pop(unique_id, None)
            self.nodes[unique_id] = _result(unique_id, status, node, content)
        elif name == _ERROR and unique_id in self.nodes:
            self.nodes[unique_id] = replace(self.nodes[unique_id], message=str(content.get("msg")))

    def results(self) -> RunResults:
        return RunResults(
            command=None,
            results=tuple(self.nodes.values()),
            invocation_id=self.invocation,
            stamp={str(name): str(value) for name, value in self.stamp.items()},
            is_evident=True,
        )


def _result(unique_id: str, status: str, node: Mapping[str, Any], content: Mapping[str, Any]) -> NodeResult:
    seconds, failures = content.get("execution_time"), content.get("num_failures")
    is_test = unique_id.startswith("test.")
    return NodeResult(
        unique_id=unique_id,
        status=status,
        started_at=read_instant(node.get("node_started_at")),
        completed_at=read_instant(node.get("node_finished_at")),
        seconds=float(seconds) if isinstance(seconds, int | float) else None,
        message=_text(content.get("result_message")),
        failures=failures if is_test and isinstance(failures, int) and status != "skipped" else None,
        relation=_text(_member(node, "node_relation").get("relation_name")),
    )


def _status(node: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """The status of the node; that of a microbatch model or a source is in the event alone."""
    of_node = str(node.get("node_status") or "").lower()
    return str(content.get("status") or "").lower() if of_node in {"none", "", "started"} else of_node


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value not in _EMPTY else None


def _event(line: str) -> Mapping[str, Any] | None:
    """The event that a line holds, which begins where the first brace is."""
    begin = line.find("{")
    while begin >= 0 and '"info"' in line and '"data"' in line:
        try:
            value: object = json.loads(line[begin:])
        except (ValueError, RecursionError):
            begin = line.find("{", begin + 1)
            continue
        event = cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
        return event if "info" in event and "data" in event else None
    return None


def _member(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value: object = payload.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _known(run: RunResults, projects: Sequence[DbtProjectContent]) -> RunResults:
    """Leave out what no manifest knows, and count it: a log is no place to learn of new resources."""
    known = tuple(
        each
        for each in run.results
        if any(each.unique_id in project.graph.nodes for project in projects)
        or each.unique_id.startswith("operation.")
    )
    unknown = len(run.results) - len(known)
    note = (f"{unknown} results in the log are of nothing in the manifest",) if unknown else ()
    return replace(run, results=known, set_aside=note)
