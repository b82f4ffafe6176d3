"""The GraphQL documents that this provider sends to Dagster, and their variables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.providers.dagster.model import Work

__all__ = [
    "DOCUMENTS",
    "EVENTS",
    "GROUP",
    "JOBS",
    "LAUNCH",
    "LOCATIONS",
    "MAPPED_ASSETS",
    "MAPPING_INDEX",
    "MATERIALIZATIONS",
    "PARTITION_AT",
    "PARTITION_DIMENSIONS",
    "PARTITION_KEYS",
    "REPOSITORY_MAPPINGS",
    "RUN",
    "RUNS",
    "RUN_ASSETS",
    "TERMINATE",
    "VERSION",
    "asset_key_input",
    "asset_keys_input",
    "launch_variables",
    "runs_variables",
]

VERSION = "query AirflowVersion { version }"

MAPPING_INDEX = """query AirflowMappingIndex($dagAssets: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $dagAssets) {
    repository { name location { name } }
    metadataEntries { ... on JsonMetadataEntry { label jsonString } }
  }
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries {
        name
        versionKey
        updatedTimestamp
        loadStatus
        locationOrLoadError {
          __typename
          ... on RepositoryLocation { repositories { name } }
          ... on PythonError { message }
        }
      }
    }
    ... on PythonError { message }
  }
}"""

REPOSITORY_MAPPINGS = """query AirflowRepositoryMappings($repository: RepositorySelector!) {
  repositoryOrError(repositorySelector: $repository) {
    __typename
    ... on Repository {
      assetNodes {
        assetKey { path }
        metadataEntries { ... on JsonMetadataEntry { label jsonString } }
      }
    }
    ... on Error { message }
  }
}"""

MAPPED_ASSETS = """query AirflowMappedAssets(
  $keys: [AssetKeyInput!]!, $withRuns: Boolean!, $filter: RunsFilter!, $limit: Int!, $withPartitions: Boolean!, $newestLimit: Int!
  $atMoment: Boolean!, $before: String, $at: String, $after: String
  $span: Int!, $hours: String, $days: String, $months: String
  $nearKey: Boolean!, $near: String, $nearLimit: Int!
) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    isExecutable
    partitionDefinition { type fmt dimensionTypes { name } }
    repository { name location { name } }
    metadataEntries { ... on JsonMetadataEntry { label jsonString } }
    ... @include(if: $withPartitions) {
      oldest: partitionKeyConnection(limit: 1, ascending: true) { results cursor }
      newest: partitionKeyConnection(limit: $newestLimit, ascending: false) { results cursor }
    }
    ... @include(if: $atMoment) {
      before: partitionKeyConnection(limit: 1, ascending: false, cursor: $before) { results cursor }
      at: partitionKeyConnection(limit: 1, ascending: true, cursor: $at) { results }
      after: partitionKeyConnection(limit: 1, ascending: true, cursor: $after) { results }
      hours: partitionKeyConnection(limit: $span, ascending: true, cursor: $hours) { results }
      days: partitionKeyConnection(limit: $span, ascending: true, cursor: $days) { results }
      months: partitionKeyConnection(limit: $span, ascending: true, cursor: $months) { results }
    }
    ... @include(if: $nearKey) {
      near: partitionKeyConnection(limit: $nearLimit, ascending: true, cursor: $near) { results cursor }
    }
  }
  runsOrError(filter: $filter, limit: $limit) @include(if: $withRuns) {
    __typename
    ... on Runs {
      results { runId status tags { key value } repositoryOrigin { repositoryLocationName repositoryName } }
    }
    ... on Error { message }
  }
}"""

GROUP = """query AirflowGroup($group: AssetGroupSelector!) {
  assetNodes(group: $group) { assetKey { path } isExecutable }
}"""

PARTITION_AT = """query AirflowPartitionAt(
  $keys: [AssetKeyInput!]!, $before: String!, $at: String!, $after: String!, $limit: Int!
) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    oldest: partitionKeyConnection(limit: 1, ascending: true) { results cursor }
    newest: partitionKeyConnection(limit: $limit, ascending: false) { results cursor }
    before: partitionKeyConnection(limit: 1, ascending: false, cursor: $before) { results cursor }
    at: partitionKeyConnection(limit: 1, ascending: true, cursor: $at) { results }
    after: partitionKeyConnection(limit: 1, ascending: true, cursor: $after) { results }
  }
}"""

PARTITION_KEYS = """query AirflowPartitionKeys($keys: [AssetKeyInput!]!, $limit: Int!, $cursor: String) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    partitionKeyConnection(limit: $limit, ascending: true, cursor: $cursor) { results cursor hasMore }
  }
}"""

PARTITION_DIMENSIONS = """query AirflowPartitionDimensions($keys: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $keys) {
    assetKey { path }
    partitionKeysByDimension { name partitionKeys }
  }
}"""

JOBS = """query AirflowJobs {
  workspaceOrError {
    __typename
    ... on Workspace {
      locationEntries {
        name
        locationOrLoadError {
          __typename
          ... on RepositoryLocation { repositories { name jobs { name } } }
        }
      }
    }
    ... on PythonError { message }
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
    ... on Run {
      assetMaterializations {
        assetKey { path }
        metadataEntries {
          __typename
          label
          ... on BoolMetadataEntry { boolValue }
          ... on FloatMetadataEntry { floatValue }
          ... on IntMetadataEntry { intRepr }
          ... on JsonMetadataEntry { jsonString }
          ... on TextMetadataEntry { text }
        }
      }
    }
    ... on Error { message }
  }
}"""

MATERIALIZATIONS = """query AirflowMaterializations($key: AssetKeyInput!, $partitions: [String!], $after: String!) {
  assetOrError(assetKey: $key) {
    __typename
    ... on Asset {
      hasDefinitionOrRecord
      assetMaterializations(partitions: $partitions, afterTimestampMillis: $after, limit: 1) { runId timestamp }
    }
    ... on AssetNotFoundError { message }
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
        ... on ExecutionStepFailureEvent { stepKey error { message stack causes { message stack } } }
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

DOCUMENTS = (
    *(EVENTS, GROUP, JOBS, LAUNCH, LOCATIONS, MAPPED_ASSETS, MAPPING_INDEX, MATERIALIZATIONS),
    *(PARTITION_AT, PARTITION_DIMENSIONS, PARTITION_KEYS, REPOSITORY_MAPPINGS),
    *(RUN, RUNS, RUN_ASSETS, TERMINATE, VERSION),
)
"""Every document, for tests that hold them against Dagster's schema."""


def asset_key_input(key: Sequence[str]) -> dict[str, Any]:
    """Write the key of an asset as GraphQL takes it."""
    return {"path": list(key)}


def asset_keys_input(keys: Iterable[Sequence[str]]) -> list[dict[str, Any]]:
    """Write the keys of assets as GraphQL takes them."""
    return [asset_key_input(key) for key in keys]


def launch_variables(work: Work, tags: Mapping[str, str]) -> dict[str, Any]:
    """Variables of LAUNCH: this work, in a run with its tags and these, which win."""
    selector: dict[str, Any] = {
        "repositoryLocationName": work.location,
        "repositoryName": work.repository,
        "pipelineName": work.job,
    }
    if work.asset_keys:
        # No `assetCheckSelection`: only its absence runs the checks of the assets.
        selector["assetSelection"] = asset_keys_input(work.asset_keys)
    all_tags = {**work.tags, **tags}
    return {
        "params": {
            "mode": "default",
            "runConfigData": json.dumps(work.run_config),
            "selector": selector,
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in all_tags.items()]},
        }
    }


def runs_variables(tags: Mapping[str, str], *, limit: int) -> dict[str, Any]:
    """Variables of RUNS: the newest runs that carry all of these tags."""
    return {"filter": {"tags": [{"key": k, "value": v} for k, v in tags.items()]}, "limit": limit}
