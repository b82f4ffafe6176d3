"""What the provider asks of Dagster, each as a value that either client can send."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.providers.dagster import graphql
from airflow.providers.dagster.exchange import Call
from airflow.providers.dagster.model import CodeLocation, EventPage, MappedAsset, Refusal, Run

__all__ = [
    "events",
    "launch",
    "locations",
    "mapped_assets",
    "materialized",
    "run",
    "runs",
    "terminate",
    "version",
]

_EVENTS_PER_PAGE = 1000
_RUNS_PER_KEY = 100


def version() -> Call[str]:
    """Ask for Dagster's version, the cheapest question there is."""
    return Call(graphql.VERSION, {}, lambda data: str(data["version"]))


def mapped_assets() -> Call[tuple[MappedAsset, ...]]:
    """Ask for all assets that are mapped to an Airflow task."""
    return Call(graphql.ASSETS, {}, graphql.parse_assets)


def locations() -> Call[tuple[CodeLocation, ...]]:
    """Ask for all code locations."""
    return Call(graphql.LOCATIONS, {}, graphql.parse_locations)


def runs(tags: Mapping[str, str]) -> Call[tuple[Run, ...]]:
    """Ask for the runs, oldest first, that carry all of these tags."""
    return Call(graphql.RUNS, graphql.runs_variables(tags, limit=_RUNS_PER_KEY), _oldest_first)


def run(run_id: str) -> Call[Run]:
    """Ask for one run."""
    return Call(graphql.RUN, {"runId": run_id}, graphql.parse_run, run_id)


def materialized(run_id: str) -> Call[tuple[str, ...]]:
    """Ask for the keys of the assets that a run has materialized."""
    return Call(graphql.RUN_ASSETS, {"runId": run_id}, graphql.parse_run_assets, run_id)


def events(run_id: str, cursor: str | None) -> Call[EventPage]:
    """Ask for what a page of the events of a run says about its failure."""
    variables = {"runId": run_id, "cursor": cursor, "limit": _EVENTS_PER_PAGE}
    return Call(graphql.EVENTS, variables, graphql.parse_events, run_id)


def launch(assets: tuple[MappedAsset, ...], tags: Mapping[str, str]) -> Call[Run]:
    """Order one run for assets of one code location. Not idempotent: never make this call twice unthinkingly."""
    variables = graphql.launch_variables(assets[0], [asset.key for asset in assets], tags)
    return Call(graphql.LAUNCH, variables, graphql.parse_launch)


def terminate(run_id: str) -> Call[None]:
    """Order the end of a run; one that has ended already is as good as terminated."""
    return Call(graphql.TERMINATE, {"runId": run_id}, _terminated)


def _oldest_first(data: Mapping[str, Any]) -> tuple[Run, ...] | Refusal:
    answer = graphql.parse_runs(data)
    return answer if isinstance(answer, Refusal) else answer[::-1]


def _terminated(data: Mapping[str, Any]) -> Refusal | None:
    answer = graphql.parse_terminate(data)
    if answer is not None and answer.type_name in {"TerminateRunFailure", "RunNotFoundError"}:
        return None
    return answer
