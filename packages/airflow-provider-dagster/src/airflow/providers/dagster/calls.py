"""What the provider asks of Dagster, each as a value that either client can send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from airflow.providers.dagster import answers, graphql, partition_cursors, run_answers, wire
from airflow.providers.dagster.assets import (
    AssetReference,
    MappedAsset,
    MappingIndex,
    MomentInPartitions,
    PartitionKeys,
    Repository,
)
from airflow.providers.dagster.exchange import Call
from airflow.providers.dagster.model import CodeLocation, EventPage, Materialized, Refusal, Run, Work
from airflow.providers.dagster.partition_questions import NO_PARTITION, PartitionQuestion

__all__ = [
    "assets",
    "assets_and_runs",
    "events",
    "executable_in_group",
    "jobs",
    "launch",
    "locations",
    "mapping_index",
    "materializations",
    "materialized",
    "partition_at",
    "partition_dimensions",
    "partition_keys",
    "repository_mappings",
    "run",
    "runs",
    "terminate",
    "version",
]

Keys = Iterable[Sequence[str]]

_EVENTS_PER_PAGE = 1000
_RUNS_PER_KEY = 100


def version() -> Call[str]:
    """Ask for Dagster's version, the cheapest question there is."""
    return Call(graphql.VERSION, {}, lambda data: str(data["version"]))


def mapping_index(instance: str, dag_id: str) -> Call[MappingIndex]:
    """Ask what the DAG asset of a DAG says is mapped to it; without a name of the instance there is none."""
    keys = [(instance, wire.DAG_ASSET_PART, dag_id)] if instance else []
    variables = {"dagAssets": graphql.asset_keys_input(keys)}
    parse = partial(answers.parse_mapping_index, instance=instance, dag_id=dag_id)
    return Call(graphql.MAPPING_INDEX, variables, parse)


def repository_mappings(repository: Repository) -> Call[tuple[AssetReference, ...]]:
    """Ask for all mapped assets of a repository: an answer as large as the repository."""
    selector = {"repositoryLocationName": repository.location, "repositoryName": repository.name}
    return Call(graphql.REPOSITORY_MAPPINGS, {"repository": selector}, answers.parse_repository_mappings)


def assets(keys: Keys, partition: PartitionQuestion = NO_PARTITION) -> Call[tuple[MappedAsset, ...]]:
    """Ask for the assets with these keys and what decides their partition; those that Dagster lacks are left out."""
    variables = {**_assets_variables(keys, {}), **partition.variables, "withRuns": False}
    parse = partial(answers.parse_assets, partition=partition)
    return Call(graphql.MAPPED_ASSETS, variables, parse)


def assets_and_runs(
    keys: Keys, tags: Mapping[str, str], partition: PartitionQuestion = NO_PARTITION
) -> Call[tuple[tuple[MappedAsset, ...], tuple[Run, ...]]]:
    """Ask for these assets and, in one go, for the runs, oldest first, that carry all of these tags."""
    variables = {**_assets_variables(keys, tags), **partition.variables, "withRuns": True}
    parse = partial(_assets_and_runs, partition=partition)
    return Call(graphql.MAPPED_ASSETS, variables, parse)


def executable_in_group(repository: Repository, group: str) -> Call[tuple[tuple[str, ...], ...]]:
    """Ask for the keys of what Dagster can run in an asset group of a repository."""
    selector = {
        "groupName": group,
        "repositoryLocationName": repository.location,
        "repositoryName": repository.name,
    }
    return Call(graphql.GROUP, {"group": selector}, answers.parse_executable)


def partition_at(
    keys: Keys, moment: int, *, newest: int
) -> Call[Mapping[tuple[str, ...], MomentInPartitions]]:
    """Ask for the partition keys of assets around a moment, in seconds since the epoch, and for some of the newest."""
    variables = {
        "keys": graphql.asset_keys_input(keys),
        "before": partition_cursors.windows_until(moment),
        "at": partition_cursors.windows_from(moment),
        "after": partition_cursors.windows_from(moment + 1),
        "limit": newest,
    }
    return Call(graphql.PARTITION_AT, variables, answers.parse_moments)


def partition_keys(
    keys: Keys, *, limit: int, cursor: str | None = None
) -> Call[Mapping[tuple[str, ...], PartitionKeys]]:
    """Ask for a page of the partition keys of assets."""
    variables = {"keys": graphql.asset_keys_input(keys), "limit": limit, "cursor": cursor}
    return Call(graphql.PARTITION_KEYS, variables, answers.parse_partition_keys)


def partition_dimensions(keys: Keys) -> Call[Mapping[tuple[str, ...], tuple[tuple[str, ...], ...]]]:
    """Ask for all keys of each dimension of multi-dimensional partitions definitions."""
    return Call(
        graphql.PARTITION_DIMENSIONS, {"keys": graphql.asset_keys_input(keys)}, answers.parse_dimensions
    )


def materializations(key: Sequence[str], partition: str | None, after: float) -> Call[tuple[str, ...]]:
    """Ask for the last run that has materialized an asset after a moment, in seconds since the epoch."""
    variables = {
        "key": graphql.asset_key_input(key),
        "partitions": None if partition is None else [partition],
        "after": str(int(after * 1000)),
    }
    parse = partial(run_answers.parse_materializations, name="/".join(key))
    return Call(graphql.MATERIALIZATIONS, variables, parse)


def jobs() -> Call[tuple[Work, ...]]:
    """Ask for all jobs, each as what a run of it would be."""
    return Call(graphql.JOBS, {}, answers.parse_jobs)


def locations() -> Call[tuple[CodeLocation, ...]]:
    """Ask for all code locations."""
    return Call(graphql.LOCATIONS, {}, answers.parse_locations)


def runs(tags: Mapping[str, str]) -> Call[tuple[Run, ...]]:
    """Ask for the runs, oldest first, that carry all of these tags."""
    return Call(graphql.RUNS, graphql.runs_variables(tags, limit=_RUNS_PER_KEY), _oldest_first)


def run(run_id: str) -> Call[Run]:
    """Ask for one run."""
    return Call(graphql.RUN, {"runId": run_id}, run_answers.parse_run, run_id)


def materialized(run_id: str) -> Call[tuple[Materialized, ...]]:
    """Ask for the assets that a run has materialized, and the values that they publish."""
    return Call(graphql.RUN_ASSETS, {"runId": run_id}, run_answers.parse_run_assets, run_id)


def events(run_id: str, cursor: str | None) -> Call[EventPage]:
    """Ask for what a page of the events of a run says about its failure."""
    variables = {"runId": run_id, "cursor": cursor, "limit": _EVENTS_PER_PAGE}
    return Call(graphql.EVENTS, variables, run_answers.parse_events, run_id)


def launch(work: Work, tags: Mapping[str, str]) -> Call[Run]:
    """Order one run. Not idempotent: never make this call twice unthinkingly."""
    return Call(graphql.LAUNCH, graphql.launch_variables(work, tags), run_answers.parse_launch)


def terminate(run_id: str) -> Call[None]:
    """Order the end of a run; one that has ended already is as good as terminated."""
    return Call(graphql.TERMINATE, {"runId": run_id}, _terminated)


def _assets_variables(keys: Keys, tags: Mapping[str, str]) -> dict[str, Any]:
    runs = graphql.runs_variables(tags, limit=_RUNS_PER_KEY)
    return {"keys": graphql.asset_keys_input(keys), **runs}


def _assets_and_runs(
    data: Mapping[str, Any], partition: PartitionQuestion
) -> tuple[tuple[MappedAsset, ...], tuple[Run, ...]] | Refusal:
    found = _oldest_first(data)
    return found if isinstance(found, Refusal) else (answers.parse_assets(data, partition), found)


def _oldest_first(data: Mapping[str, Any]) -> tuple[Run, ...] | Refusal:
    answer = run_answers.parse_runs(data)
    return answer if isinstance(answer, Refusal) else answer[::-1]


def _terminated(data: Mapping[str, Any]) -> Refusal | None:
    answer = run_answers.parse_terminate(data)
    if answer is not None and answer.type_name in {"TerminateRunFailure", "RunNotFoundError"}:
        return None
    return answer
