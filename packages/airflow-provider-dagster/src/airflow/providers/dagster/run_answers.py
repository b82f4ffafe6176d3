"""How Dagster's answers about runs are read, and its refusals."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow.providers.dagster import wire
from airflow.providers.dagster.model import EventPage, FailedStep, Materialized, Refusal, Run, RunStatus

__all__ = [
    "message_of",
    "parse_events",
    "parse_launch",
    "parse_materializations",
    "parse_run",
    "parse_run_assets",
    "parse_runs",
    "parse_terminate",
    "refusal_of",
]


def parse_launch(data: Mapping[str, Any]) -> Run | Refusal:
    """Take the run, or why there is none, out of the answer to LAUNCH."""
    answer = data["launchRun"]
    return _run(answer["run"]) if answer["__typename"] == "LaunchRunSuccess" else refusal_of(answer)


def parse_runs(data: Mapping[str, Any]) -> tuple[Run, ...] | Refusal:
    """Take the runs, newest first, out of the answer to RUNS."""
    answer = data["runsOrError"]
    return tuple(map(_run, answer["results"])) if answer["__typename"] == "Runs" else refusal_of(answer)


def parse_run(data: Mapping[str, Any]) -> Run | Refusal:
    """Take the run out of the answer to RUN."""
    answer = data["runOrError"]
    return _run(answer) if answer["__typename"] == "Run" else refusal_of(answer)


def parse_run_assets(data: Mapping[str, Any]) -> tuple[Materialized, ...] | Refusal:
    """Take the materialized assets, sorted and each once as it was last, out of the answer to RUN_ASSETS."""
    answer = data["runOrError"]
    if answer["__typename"] != "Run":
        return refusal_of(answer)
    events = (event for event in answer["assetMaterializations"] if event["assetKey"])
    found = {each.key: each for each in map(_materialized, events)}
    return tuple(found[key] for key in sorted(found))


def parse_materializations(data: Mapping[str, Any], *, name: str) -> tuple[str, ...] | Refusal:
    """Take the ids of the runs that have materialized an asset out of the answer to MATERIALIZATIONS."""
    answer = data["assetOrError"]
    if answer["__typename"] != "Asset" or not answer["hasDefinitionOrRecord"]:
        return Refusal("AssetNotFoundError", f"there is no asset {name}. Write its key as Dagster shows it")
    return tuple(event["runId"] for event in answer["assetMaterializations"])


def parse_events(data: Mapping[str, Any]) -> EventPage | Refusal:
    """Take the failures out of the answer to EVENTS."""
    answer = data["logsForRun"]
    if answer["__typename"] != "EventConnection":
        return refusal_of(answer)
    events: list[dict[str, Any]] = answer["events"]
    steps = [e for e in events if e["__typename"] == "ExecutionStepFailureEvent"]
    ends = [e for e in events if e["__typename"] in {"RunFailureEvent", "RunCanceledEvent"}]
    return EventPage(
        failed_steps=tuple(
            FailedStep(event["stepKey"], _cause(event), "".join(_innermost(event).get("stack") or ()))
            for event in steps
        ),
        run_failure=_cause(ends[-1]) if ends else "",
        cursor=answer["cursor"],
        has_more=answer["hasMore"],
    )


def parse_terminate(data: Mapping[str, Any]) -> Refusal | None:
    """Take the reason why a run was not terminated out of the answer to TERMINATE, None when it was."""
    answer = data["terminateRun"]
    return None if answer["__typename"] == "TerminateRunSuccess" else refusal_of(answer)


def _materialized(event: Mapping[str, Any]) -> Materialized:
    key = "/".join(event["assetKey"]["path"])
    for entry in event["metadataEntries"]:
        if entry["label"] == wire.RETURN_VALUE_METADATA_KEY:
            return Materialized(key, has_value=True, value=_value(entry))
    return Materialized(key)


def _value(entry: Mapping[str, Any]) -> object:
    """Read a piece of metadata as the value that it was; of a kind that JSON has none of, nothing is left."""
    kind = entry["__typename"]
    if kind == "JsonMetadataEntry":
        return json.loads(entry["jsonString"])
    if kind == "IntMetadataEntry":
        return int(entry["intRepr"])
    return entry.get({"BoolMetadataEntry": "boolValue", "FloatMetadataEntry": "floatValue"}.get(kind, "text"))


def _run(node: Mapping[str, Any]) -> Run:
    origin: dict[str, str] = node["repositoryOrigin"] or {}
    return Run(
        run_id=node["runId"],
        status=RunStatus(node["status"]),
        location=origin.get("repositoryLocationName", ""),
        repository=origin.get("repositoryName", ""),
        tags={tag["key"]: tag["value"] for tag in node["tags"]},
    )


def refusal_of(answer: Mapping[str, Any]) -> Refusal:
    """Read an answer that is not what was asked for."""
    return Refusal(answer["__typename"], message_of(answer))


def message_of(answer: Mapping[str, Any]) -> str:
    """Take all reasons out of an answer that is not what was asked for."""
    reasons = [answer.get("message"), *(error["message"] for error in answer.get("errors", ()))]
    return " ".join(str(reason).strip() for reason in reasons if reason) or "no reason given"


def _cause(event: Mapping[str, Any]) -> str:
    error = _innermost(event)
    return str(error.get("message") or event.get("message") or "no reason given").strip()


def _innermost(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The innermost error, which is the user's own; Dagster wraps it in its framework's."""
    error: Mapping[str, Any] = event.get("error") or {}
    return (error.get("causes") or [error])[-1]
