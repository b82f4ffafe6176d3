"""A real Dagster, and the questions that the story asks its GraphQL API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import AIRFLOW_INSTANCE, Place, base_environment
from peering_with_dbt.story.processes import Processes, Server

_START_SECONDS = 180.0
_REQUEST_SECONDS = 60.0
_ASSETS = """
query Assets { assetNodes {
  assetKey { path } isExecutable dependencyKeys { path }
  metadataEntries { label ... on JsonMetadataEntry { jsonString } }
} }
"""
_EVENTS = """
query Events { assetNodes {
  assetKey { path }
  assetMaterializations(limit: 1000) { runId timestamp metadataEntries { label ... on TextMetadataEntry { text } } }
} }
"""
_RUNS = """
query Runs($tags: [ExecutionTag!]) { runsOrError(filter: {tags: $tags}) { __typename
  ... on Runs { results { runId status tags { key value } assetMaterializations { assetKey { path } } } }
  ... on Error { message }
} }
"""
_RELOAD = """
mutation Reload($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename
  ... on WorkspaceLocationEntry { loadStatus locationOrLoadError { __typename ... on PythonError { message } } }
  ... on Error { message }
} }
"""
_TICKS = """
query Ticks { workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
  ... on RepositoryLocation { repositories { sensors { sensorState { ticks(limit: 50) { id status } } } } }
} } } } }
"""


@dataclass(frozen=True)
class Asset:
    """One asset, as Dagster shows it.

    Args:
        key: Its key, with slashes.
        executable: Whether Dagster can run it.
        upstream: Keys that it depends on.
        tasks: The Airflow tasks that it is mapped to, as `dag_id.task_id`.
    """

    key: str
    executable: bool
    upstream: tuple[str, ...]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """One materialization in Dagster's event log.

    Args:
        key: Key of the asset.
        dagster_run_id: The Dagster run that it belongs to; empty when Airflow did the work.
        airflow_run_id: The DAG run that it was observed from, if it was.
        task_id: The task that it was observed from, if it was.
        timestamp: When Dagster stored it, in milliseconds since 1970.
    """

    key: str
    dagster_run_id: str
    airflow_run_id: str
    task_id: str
    timestamp: str


@dataclass(frozen=True)
class Run:
    """One run in Dagster.

    Args:
        run_id: Its id.
        status: Its status.
        tags: Its tags.
        materialized: Keys of the assets that it materialised.
    """

    run_id: str
    status: str
    tags: Mapping[str, str]
    materialized: tuple[str, ...]


class DagsterSite:
    """Dagster's processes, and its GraphQL API.

    Args:
        place: The run.
        processes: Starts and stops the servers.
    """

    def __init__(self, place: Place, processes: Processes) -> None:
        self._place = place
        self._processes = processes
        self._http = requests.Session()
        self._http.trust_env = False

    def create_storage(self) -> Server:
        """Begin to create the databases; three servers that find none would each try, and get in each other's way.

        Returns:
            The command, to be awaited.
        """
        return self._processes.start(
            "dagster-instance-migrate", ["dagster", "instance", "migrate"], dagster_environment(self._place)
        )

    def start(self, step: str) -> None:
        """Start code server, webserver and daemon, and wait until assets are there.

        Args:
            step: The definitions to begin with: `peer`, `observe` or `migrate`.
        """
        self._write_definitions(step)
        self.start_servers()

    def start_servers(self) -> Server:
        """Start them with the definitions that are there already.

        Returns:
            The webserver.
        """
        environment = dagster_environment(self._place)
        workspace = ["-w", str(self._place.root / "dagster" / "workspace.yaml")]
        code = self._processes.start(
            "dagster-code-server",
            [
                *("dagster", "code-server", "start", "-h", "127.0.0.1"),
                *("-p", str(self._place.code_port)),
                *("-f", str(self._place.definitions)),
            ],
            environment,
        )
        webserver = self.start_webserver()
        self._processes.start("dagster-daemon", ["dagster-daemon", "run", *workspace], environment)
        wait = self._processes.wait_until
        wait(self._answers, "Dagster's webserver answers", _START_SECONDS, webserver.log)
        wait(lambda: bool(self.assets()), "Dagster has loaded the definitions", _START_SECONDS, code.log)
        return webserver

    def start_webserver(self) -> Server:
        """Start the webserver alone, which runs do not need once they are launched.

        Returns:
            The server.
        """
        workspace = ["-w", str(self._place.root / "dagster" / "workspace.yaml")]
        web = ["-h", "127.0.0.1", "-p", str(self._place.dagster_port)]
        return self._processes.start(
            "dagster-webserver",
            ["dagster-webserver", *workspace, *web],
            dagster_environment(self._place),
        )

    def load(self, step: str) -> None:
        """Go on with other definitions, as a deployment of new code would.

        Args:
            step: `peer`, `observe` or `migrate`.

        Raises:
            StoryError: They do not load.
        """
        self._write_definitions(step)
        answer = self._query(_RELOAD, {"name": AIRFLOW_INSTANCE})["reloadRepositoryLocation"]
        loaded = answer.get("locationOrLoadError") or {"__typename": answer["__typename"], **answer}
        if loaded["__typename"] != "RepositoryLocation":
            raise StoryError(
                f"Dagster does not load {step}.py: {loaded.get('message', loaded)}",
                self._place.logs / "dagster-code-server.log",
            )

    def version(self) -> str:
        """Ask for Dagster's version."""
        return str(self._query("query Version { version }")["version"])

    def assets(self) -> dict[str, Asset]:
        """List all assets by key."""
        nodes = self._query(_ASSETS)["assetNodes"]
        return {asset.key: asset for asset in map(_asset, nodes)}

    def events(self) -> list[Event]:
        """List all materializations of all assets, the latest first."""
        nodes = self._query(_EVENTS)["assetNodes"]
        return [
            _event(_key(node["assetKey"]), event) for node in nodes for event in node["assetMaterializations"]
        ]

    def runs(self, tags: Mapping[str, str]) -> list[Run]:
        """List the runs that carry all of these tags."""
        wanted = [{"key": key, "value": value} for key, value in tags.items()]
        answer = self._query(_RUNS, {"tags": wanted})["runsOrError"]
        return [_run(run) for run in answer["results"]]

    def finished_ticks(self) -> set[str]:
        """List the ids of the latest sensor ticks that have ended."""
        entries = self._query(_TICKS)["workspaceOrError"]["locationEntries"]
        return {
            tick["id"]
            for entry in entries
            for repository in (entry["locationOrLoadError"] or {}).get("repositories", [])
            for sensor in repository["sensors"]
            for tick in sensor["sensorState"]["ticks"]
            if tick["status"] in {"SUCCESS", "SKIPPED"}
        }

    def _write_definitions(self, step: str) -> None:
        self._place.definitions.write_text(f"from peering_with_dbt.{step} import defs as defs\n")

    def _answers(self) -> bool:
        try:
            return self._http.get(f"{self._place.dagster_url}/server_info", timeout=5).ok
        except requests.RequestException:
            return False

    def _query(self, document: str, variables: Mapping[str, object] | None = None) -> dict[str, Any]:
        answer = self._http.post(
            f"{self._place.dagster_url}/graphql",
            json={"query": document, "variables": variables or {}},
            timeout=_REQUEST_SECONDS,
        )
        payload: dict[str, Any] = answer.json() if answer.ok else {"errors": answer.text[:500]}
        if payload.get("errors"):
            raise StoryError(
                f"Dagster refused a query: {payload['errors']}", self._place.logs / "dagster-webserver.log"
            )
        return payload["data"]


def dagster_environment(place: Place) -> dict[str, str]:
    """Build the environment of Dagster's processes.

    Args:
        place: The run.

    Returns:
        The whole environment; of Airflow it knows the URL and a viewer's password.
    """
    return {
        **base_environment(place),
        "DAGSTER_HOME": str(place.root / "dagster"),
        "SHOP_AIRFLOW_URL": place.airflow_url,
        "SHOP_AIRFLOW_USERNAME": "viewer",
        "SHOP_AIRFLOW_PASSWORD": place.viewer_password,
    }


def _key(payload: Mapping[str, Any]) -> str:
    return "/".join(payload["path"])


def _asset(node: Mapping[str, Any]) -> Asset:
    mappings = [
        json.loads(entry["jsonString"])
        for entry in node["metadataEntries"]
        if entry["label"] == "dagster-airlift/task-mapping"
    ]
    return Asset(
        key=_key(node["assetKey"]),
        executable=node["isExecutable"],
        upstream=tuple(sorted(map(_key, node["dependencyKeys"]))),
        tasks=tuple(f"{task['dag_id']}.{task['task_id']}" for tasks in mappings for task in tasks),
    )


def _event(key: str, event: Mapping[str, Any]) -> Event:
    texts = {entry["label"]: entry.get("text", "") for entry in event["metadataEntries"]}
    return Event(
        key=key,
        dagster_run_id=event["runId"],
        airflow_run_id=texts.get("Airflow Run ID", ""),
        task_id=texts.get("Airflow Task ID", ""),
        timestamp=event["timestamp"],
    )


def _run(run: Mapping[str, Any]) -> Run:
    return Run(
        run_id=run["runId"],
        status=run["status"],
        tags={tag["key"]: tag["value"] for tag in run["tags"]},
        materialized=tuple(sorted({_key(event["assetKey"]) for event in run["assetMaterializations"]})),
    )
