"""A fake Dagster that answers this provider's GraphQL over HTTP, and a clock that does not wait."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from airflow.providers.dagster import wire
from airflow.providers.dagster._fake_assets import FakeAssets
from airflow.providers.dagster._fake_http import Fault, GraphQLServer, Request
from airflow.providers.dagster._fake_partitions import FakeDays, FakeDimensions, FakeKeys, FakePartitions

__all__ = [
    "FakeClock",
    "FakeDagster",
    "FakeDays",
    "FakeDimensions",
    "FakeKeys",
    "FakePartitions",
    "FakeRun",
    "Fault",
    "Request",
]

_STACK = '  File "orders.py", line 7, in orders\n'
_TERMINAL = ("SUCCESS", "FAILURE", "CANCELED")


class FakeClock:
    """A clock that goes on only when somebody sleeps.

    Args:
        now: Where it starts, in seconds since the epoch.
    """

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.time = now
        self.slept: list[float] = []
        self._later: list[tuple[float, Callable[[], object]]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Be later by this many seconds, at once."""
        self.slept.append(seconds)
        self.time += seconds
        due = [action for moment, action in self._later if moment <= self.time]
        self._later = [(moment, action) for moment, action in self._later if moment > self.time]
        for action in due:
            action()

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Let something happen as soon as somebody has slept for so long."""
        self._later.append((self.time + seconds, action))

    async def pause(self, seconds: float) -> None:
        """Be later by this many seconds, as soon as others have had their turn."""
        self.sleep(seconds)
        await asyncio.sleep(0)


@dataclass
class FakeRun:
    """A run, and the statuses that it still goes through: one more each time somebody asks for it."""

    run_id: str
    tags: dict[str, str]
    statuses: list[str]
    asset_keys: list[list[str]] = field(default_factory=list[list[str]])
    location: str = "defs"
    repository: str = "__repository__"
    job: str = "__ASSET_JOB"
    run_config: dict[str, Any] = field(default_factory=dict[str, Any])
    step_error: str = "ValueError: boom"
    hidden_for: int = 0
    """How many look-ups by tag do not find the run yet."""

    @property
    def status(self) -> str:
        """Where it stands."""
        return self.statuses[0]

    def advance(self) -> None:
        """Go on to the next status."""
        if len(self.statuses) > 1:
            self.statuses.pop(0)


class FakeDagster:
    """A Dagster webserver on a free port of the loopback interface; use it as a context manager.

    Attributes:
        assets: What there is to run; see `add_asset`.
        runs: All runs by id, oldest first.
        published: What an asset that is materialized publishes for Airflow, by key: an entry of metadata.
        launch_statuses: What a launched run goes through.
        launch_tags: Tags that Dagster itself gives to a launched run.
        launch_refusal: Type name and message of the answer to a launch, when it is refused.
        hide_launched_for: How many look-ups by tag do not find a launched run yet.
        requests: All calls, in order.
        bytes_sent: The bodies of all answers.
    """

    def __init__(self) -> None:
        self.assets = FakeAssets()
        self.runs: dict[str, FakeRun] = {}
        self.published: dict[str, dict[str, Any]] = {}
        self.launch_statuses: Sequence[str] = ("QUEUED", "STARTED", "SUCCESS")
        self.launch_tags: dict[str, str] = {}
        self.launch_refusal: tuple[str, str] | None = None
        self.hide_launched_for = 0
        self.requests: list[Request] = []
        self.bytes_sent = 0
        self._faults: dict[str, list[Fault]] = {}
        self._server = GraphQLServer(self)

    def __enter__(self) -> Self:
        """Start to answer."""
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop; from now on the port is closed."""
        self._server.stop()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.port}"

    def add_asset(
        self,
        key: str,
        *tasks: tuple[str, ...],
        is_executable: bool = True,
        partitions: FakePartitions | None = None,
        location: str = "defs",
        repository: str = "__repository__",
        group: str = "default",
    ) -> None:
        """Define an asset, `a/b`, mapped to tasks, (Airflow instance, DAG id, task id), or DAGs, without the last."""
        node = self.assets.add(key, location, repository, is_executable=is_executable, group=group)
        names = (wire.INSTANCE_FIELD, wire.DAG_ID_FIELD, wire.TASK_ID_FIELD)
        of_tasks = [dict(zip(names, task, strict=True)) for task in tasks if len(task) == len(names)]
        of_dags = [dict(zip(names, task, strict=False)) for task in tasks if len(task) < len(names)]
        for label, items in (
            (wire.TASK_MAPPING_METADATA_KEY, of_tasks),
            (wire.DAG_MAPPING_METADATA_KEY, of_dags),
        ):
            if items:
                node["metadataEntries"].append({"label": label, "jsonString": json.dumps(items)})
        if partitions:
            self.assets.partitions[tuple(key.split("/"))] = partitions

    def add_dag_asset(self, instance: str, dag_id: str, location: str = "defs") -> None:
        """Define the asset of a DAG, which names what the location has mapped to it so far."""
        self.assets.index(instance, dag_id, location)

    def reload(self, location: str = "defs") -> None:
        """Load a code location again."""
        self.assets.versions[location] = self.assets.versions.get(location, 0) + 1

    def add_run(self, tags: Mapping[str, str], *statuses: str, **fields: Any) -> FakeRun:  # noqa: ANN401
        """Store a run; further fields are those of `FakeRun`."""
        run = FakeRun(str(uuid.uuid4()), dict(tags), list(statuses), **fields)
        self.runs[run.run_id] = run
        return run

    def fail(self, operation: str, *faults: Fault) -> None:
        """Let the next calls of an operation, such as `AirflowLaunch`, go wrong, one for each fault."""
        self._faults.setdefault(operation, []).extend(faults)

    @property
    def broken_locations(self) -> dict[str, str]:
        """Name and error of the code locations that did not load."""
        return self.assets.broken_locations

    @property
    def loading_locations(self) -> list[str]:
        """Names of the code locations that are loading."""
        return self.assets.loading_locations

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(request.operation == operation for request in self.requests)

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Do what an operation asks for and give the data of the answer."""
        answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "AirflowVersion": lambda _: {"version": "1.13.27"},
            **self.assets.answers,
            "AirflowMappedAssets": self._assets_and_runs,
            "AirflowLaunch": lambda v: {"launchRun": self._launch(v["params"])},
            "AirflowRuns": lambda v: {"runsOrError": self._find(v["filter"]["tags"], v["limit"])},
            "AirflowRun": lambda v: {"runOrError": self._get(v["runId"], self._poll)},
            "AirflowRunAssets": lambda v: {"runOrError": self._get(v["runId"], self._materializations)},
            "AirflowRunEvents": lambda v: {"logsForRun": self._get(v["runId"], _events)},
            "AirflowTerminate": lambda v: {"terminateRun": self._get(v["runId"], _terminate)},
        }
        return answers[operation](variables)

    def next_fault(self, operation: str) -> Fault | None:
        """Take the next fault of an operation."""
        faults = self._faults.get(operation)
        return faults.pop(0) if faults else None

    def _assets_and_runs(self, v: dict[str, Any]) -> dict[str, Any]:
        data = self.assets.answers["AirflowMappedAssets"](v)
        if v["withRuns"]:
            data["runsOrError"] = self._find(v["filter"]["tags"], v["limit"])
        return data

    def _launch(self, params: dict[str, Any]) -> dict[str, Any]:
        if self.launch_refusal:
            type_name, message = self.launch_refusal
            return {"__typename": type_name, "message": message}
        selector = params["selector"]
        run = self.add_run(
            {tag["key"]: tag["value"] for tag in params["executionMetadata"]["tags"]} | self.launch_tags,
            *self.launch_statuses,
            job=selector["pipelineName"],
            run_config=json.loads(params["runConfigData"]),
            asset_keys=[key["path"] for key in selector.get("assetSelection", ())],
            location=selector["repositoryLocationName"],
            repository=selector["repositoryName"],
            hidden_for=self.hide_launched_for,
        )
        return {"__typename": "LaunchRunSuccess", "run": _run(run)}

    def _find(self, tags: Iterable[Mapping[str, str]], limit: int) -> dict[str, Any]:
        wanted = {(tag["key"], tag["value"]) for tag in tags}
        found = [run for run in self.runs.values() if wanted <= set(run.tags.items())]
        visible = [run for run in found if run.hidden_for == 0]
        for run in found:
            run.hidden_for = max(run.hidden_for - 1, 0)
        return {"__typename": "Runs", "results": [_run(run) for run in reversed(visible)][:limit]}

    def _get(self, run_id: str, show: Callable[[FakeRun], dict[str, Any]]) -> dict[str, Any]:
        run = self.runs.get(run_id)
        return show(run) if run else {"__typename": "RunNotFoundError", "message": f"no run {run_id}"}

    def _materializations(self, run: FakeRun) -> dict[str, Any]:
        made = [
            {"assetKey": {"path": key}, "metadataEntries": self._metadata("/".join(key))}
            for key in (run.asset_keys if run.status == "SUCCESS" else [])
        ]
        return {"__typename": "Run", "assetMaterializations": made}

    def _metadata(self, key: str) -> list[dict[str, Any]]:
        other = {"__typename": "TextMetadataEntry", "label": "path", "text": "/tmp"}  # noqa: S108 - a text
        entry = self.published.get(key)
        return [other, {"label": wire.RETURN_VALUE_METADATA_KEY, **entry}] if entry else [other]

    def _poll(self, run: FakeRun) -> dict[str, Any]:
        run.advance()
        return {"__typename": "Run", **_run(run)}


def _run(run: FakeRun) -> dict[str, Any]:
    return {
        "runId": run.run_id,
        "status": run.status,
        "tags": [{"key": key, "value": value} for key, value in run.tags.items()],
        "repositoryOrigin": {"repositoryLocationName": run.location, "repositoryName": run.repository},
    }


def _events(run: FakeRun) -> dict[str, Any]:
    error = {
        "message": "Error occurred while executing op.",
        "causes": [{"message": run.step_error, "stack": [_STACK]}],
    }
    failure = {"__typename": "ExecutionStepFailureEvent", "stepKey": "orders", "error": error}
    ended = {"__typename": "RunCanceledEvent", "message": "The run was canceled."}
    events = {"FAILURE": [failure], "CANCELED": [ended]}.get(run.status, [])
    return {"__typename": "EventConnection", "cursor": "1", "hasMore": False, "events": events}


def _terminate(run: FakeRun) -> dict[str, Any]:
    if run.status in _TERMINAL:
        return {"__typename": "TerminateRunFailure", "message": f"run is {run.status}"}
    run.statuses = ["CANCELING", "CANCELED"]
    return {"__typename": "TerminateRunSuccess"}
