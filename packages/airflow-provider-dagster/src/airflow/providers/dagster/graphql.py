"""The GraphQL documents that this provider sends to Dagster, and how their answers are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from airflow.providers.dagster import wire
from airflow.providers.dagster.model import (
    AssetMapping,
    CodeLocation,
    EventPage,
    MappedAsset,
    Refusal,
    Run,
    RunStatus,
)

__all__ = [
    "ASSETS",
    "DOCUMENTS",
    "EVENTS",
    "LAUNCH",
    "LOCATIONS",
    "RUN",
    "RUNS",
    "RUN_ASSETS",
    "TERMINATE",
    "VERSION",
    "launch_variables",
    "parse_assets",
    "parse_events",
    "parse_launch",
    "parse_locations",
    "parse_run",
    "parse_run_assets",
    "parse_runs",
    "parse_terminate",
    "runs_variables",
]

_MAPPINGS = {
    wire.TASK_MAPPING_METADATA_KEY: (wire.INSTANCE_FIELD, wire.DAG_ID_FIELD, wire.TASK_ID_FIELD),
    wire.DAG_MAPPING_METADATA_KEY: (wire.INSTANCE_FIELD, wire.DAG_ID_FIELD),
}

VERSION = "query AirflowVersion { version }"

ASSETS = """query AirflowAssets {
  assetNodes {
    assetKey { path }
    isExecutable
    isPartitioned
    repository { name location { name } }
    metadataEntries { ... on JsonMetadataEntry { label jsonString } }
  }
}"""

LOCATIONS = """query AirflowLocations {
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries {
        name
        loadStatus
        locationOrLoadError { __typename ... on PythonError { message } }
      }
    }
    ... on PythonError { message }
  }
}"""

LAUNCH = """mutation AirflowLaunch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess {
      run { runId status tags { key value } repositoryOrigin { repositoryLocationName repositoryName } }
    }
    ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""

RUNS = """query AirflowRuns($filter: RunsFilter!, $limit: Int!) {
  runsOrError(filter: $filter, limit: $limit) {
    __typename
    ... on Runs {
      results { runId status tags { key value } repositoryOrigin { repositoryLocationName repositoryName } }
    }
    ... on Error { message }
  }
}"""

RUN = """query AirflowRun($runId: ID!) {
  runOrError(runId: $runId) {
    __typename
    ... on Run { runId status tags { key value } repositoryOrigin { repositoryLocationName repositoryName } }
    ... on Error { message }
  }
}"""

RUN_ASSETS = """query AirflowRunAssets($runId: ID!) {
  runOrError(runId: $runId) {
    __typename
    ... on Run { assetMaterializations { assetKey { path } } }
    ... on Error { message }
  }
}"""

EVENTS = """query AirflowRunEvents($runId: ID!, $cursor: String, $limit: Int!) {
  logsForRun(runId: $runId, afterCursor: $cursor, limit: $limit) {
    __typename
    ... on EventConnection {
      cursor
      hasMore
      events {
        __typename
        ... on ExecutionStepFailureEvent { stepKey error { message causes { message } } }
        ... on RunFailureEvent { message error { message causes { message } } }
        ... on RunCanceledEvent { message }
      }
    }
    ... on Error { message }
  }
}"""

TERMINATE = """mutation AirflowTerminate($runId: String!) {
  terminateRun(runId: $runId, terminatePolicy: SAFE_TERMINATE) {
    __typename
    ... on TerminateRunFailure { message }
    ... on Error { message }
  }
}"""

DOCUMENTS = (ASSETS, EVENTS, LAUNCH, LOCATIONS, RUN, RUNS, RUN_ASSETS, TERMINATE, VERSION)
"""Every document, for tests that hold them against Dagster's schema."""

_ASSET_JOB = "__ASSET_JOB"


def launch_variables(
    asset: MappedAsset, keys: Iterable[Sequence[str]], tags: Mapping[str, str]
) -> dict[str, Any]:
    """Variables of LAUNCH: these assets, through the implicit job of the location that `asset` is in."""
    # No `assetCheckSelection`: only its absence runs the checks of the assets.
    selector = {
        "repositoryLocationName": asset.location,
        "repositoryName": asset.repository,
        "pipelineName": _ASSET_JOB,
        "assetSelection": [{"path": list(key)} for key in keys],
    }
    metadata = {"tags": [{"key": key, "value": value} for key, value in tags.items()]}
    return {
        "params": {
            "mode": "default",
            "runConfigData": "{}",
            "selector": selector,
            "executionMetadata": metadata,
        }
    }


def runs_variables(tags: Mapping[str, str], *, limit: int) -> dict[str, Any]:
    """Variables of RUNS: the newest runs that carry all of these tags."""
    return {"filter": {"tags": [{"key": k, "value": v} for k, v in tags.items()]}, "limit": limit}


def parse_assets(data: Mapping[str, Any]) -> tuple[MappedAsset, ...]:
    """Take the mapped assets out of the answer to ASSETS; the others are not of interest."""
    return tuple(asset for node in data["assetNodes"] if (asset := _asset(node)).mappings)


def parse_locations(data: Mapping[str, Any]) -> tuple[CodeLocation, ...]:
    """Take the code locations, and what keeps some from being loaded, out of the answer to LOCATIONS."""
    workspace = data["workspaceOrError"]
    if workspace["__typename"] != "Workspace":
        return (CodeLocation("(workspace)", _message(workspace)),)
    return tuple(map(_location, workspace["locationEntries"]))


def parse_launch(data: Mapping[str, Any]) -> Run | Refusal:
    """Take the run, or why there is none, out of the answer to LAUNCH."""
    answer = data["launchRun"]
    return _run(answer["run"]) if answer["__typename"] == "LaunchRunSuccess" else _refusal(answer)


def parse_runs(data: Mapping[str, Any]) -> tuple[Run, ...] | Refusal:
    """Take the runs, newest first, out of the answer to RUNS."""
    answer = data["runsOrError"]
    return tuple(map(_run, answer["results"])) if answer["__typename"] == "Runs" else _refusal(answer)


def parse_run(data: Mapping[str, Any]) -> Run | Refusal:
    """Take the run out of the answer to RUN."""
    answer = data["runOrError"]
    return _run(answer) if answer["__typename"] == "Run" else _refusal(answer)


def parse_run_assets(data: Mapping[str, Any]) -> tuple[str, ...] | Refusal:
    """Take the keys of the materialized assets, sorted and each once, out of the answer to RUN_ASSETS."""
    answer = data["runOrError"]
    if answer["__typename"] != "Run":
        return _refusal(answer)
    keys = (event["assetKey"] for event in answer["assetMaterializations"])
    return tuple(sorted({"/".join(key["path"]) for key in keys if key}))


def parse_events(data: Mapping[str, Any]) -> EventPage | Refusal:
    """Take the failures out of the answer to EVENTS."""
    answer = data["logsForRun"]
    if answer["__typename"] != "EventConnection":
        return _refusal(answer)
    events: list[dict[str, Any]] = answer["events"]
    steps = [e for e in events if e["__typename"] == "ExecutionStepFailureEvent"]
    ends = [e for e in events if e["__typename"] in {"RunFailureEvent", "RunCanceledEvent"}]
    return EventPage(
        step_failures=tuple(f"step {event['stepKey']!r}: {_cause(event)}" for event in steps),
        run_failure=_cause(ends[-1]) if ends else "",
        cursor=answer["cursor"],
        has_more=answer["hasMore"],
    )


def parse_terminate(data: Mapping[str, Any]) -> Refusal | None:
    """Take the reason why a run was not terminated out of the answer to TERMINATE, None when it was."""
    answer = data["terminateRun"]
    return None if answer["__typename"] == "TerminateRunSuccess" else _refusal(answer)


def _asset(node: Mapping[str, Any]) -> MappedAsset:
    repository = node["repository"]
    return MappedAsset(
        key=tuple(node["assetKey"]["path"]),
        location=repository["location"]["name"],
        repository=repository["name"],
        is_executable=node["isExecutable"],
        is_partitioned=node["isPartitioned"],
        mappings=tuple(_mappings(node["metadataEntries"])),
    )


def _mappings(entries: Iterable[Mapping[str, Any]]) -> Iterator[AssetMapping]:
    """Read the mapping metadata; an entry that is not one is nobody's mapping."""
    for entry in entries:
        names = _MAPPINGS.get(entry.get("label", ""))
        if names is None:
            continue
        value: object = json.loads(entry["jsonString"])
        for item in cast("list[object]", value) if isinstance(value, list) else ():
            mapping = _mapping(item, names)
            if mapping is not None:
                yield mapping


def _mapping(item: object, names: Sequence[str]) -> AssetMapping | None:
    if not isinstance(item, dict):
        return None
    fields = cast("dict[object, object]", item)
    values = [fields.get(name) for name in names]
    texts = [value for value in values if isinstance(value, str)]
    return AssetMapping(*texts) if len(texts) == len(values) else None


def _location(entry: Mapping[str, Any]) -> CodeLocation:
    loaded: dict[str, Any] = entry["locationOrLoadError"] or {}
    if entry["loadStatus"] != "LOADED":
        return CodeLocation(entry["name"], "it is still loading")
    return CodeLocation(entry["name"], _message(loaded) if loaded.get("__typename") == "PythonError" else "")


def _run(node: Mapping[str, Any]) -> Run:
    origin: dict[str, str] = node["repositoryOrigin"] or {}
    return Run(
        run_id=node["runId"],
        status=RunStatus(node["status"]),
        location=origin.get("repositoryLocationName", ""),
        repository=origin.get("repositoryName", ""),
        tags={tag["key"]: tag["value"] for tag in node["tags"]},
    )


def _refusal(answer: Mapping[str, Any]) -> Refusal:
    return Refusal(answer["__typename"], _message(answer))


def _message(answer: Mapping[str, Any]) -> str:
    reasons = [answer.get("message"), *(error["message"] for error in answer.get("errors", ()))]
    return " ".join(str(reason).strip() for reason in reasons if reason) or "no reason given"


def _cause(event: Mapping[str, Any]) -> str:
    """The innermost error, which is the user's own; Dagster wraps it in its framework's."""
    error = event.get("error")
    if not error:
        return str(event.get("message") or "no reason given").strip()
    causes = error["causes"] or [error]
    return str(causes[-1]["message"]).strip()
