"""What a run of the story found, as a value and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from peering_with_dbt.story.dagster_server import Event


@dataclass(frozen=True)
class Observed:
    """One observed event of an asset.

    Args:
        airflow_run_id: The DAG run.
        task_id: The task; empty for a DAG asset.
        timestamp: When Dagster stored the event, in milliseconds since 1970.
    """

    airflow_run_id: str
    task_id: str
    timestamp: str


@dataclass(frozen=True)
class Proxied:
    """The run of the migrated task.

    Args:
        dag_id: Its DAG.
        task_id: The task.
        airflow_run_id: The DAG run in which it was a proxy.
        dagster_run_id: The Dagster run that did the work.
        dagster_run_tags: Tags of that run.
        materialized: Keys of what it materialised.
    """

    dag_id: str
    task_id: str
    airflow_run_id: str
    dagster_run_id: str
    dagster_run_tags: Mapping[str, str]
    materialized: tuple[str, ...]


@dataclass(frozen=True)
class RolledBack:
    """The run after the roll-back.

    Args:
        airflow_run_id: The DAG run in which the task was Airflow's again.
        dagster_runs: How many Dagster runs carry its tags.
    """

    airflow_run_id: str
    dagster_runs: int


@dataclass(frozen=True)
class Report:
    """Everything that the check verified.

    Args:
        airflow_version: Version that Airflow's API gave.
        dagster_version: Version that Dagster's API gave.
        dag_assets: Keys of the DAG assets.
        mapped_assets: Key → `dag_id.task_id`.
        observed: Key → what was observed from Airflow.
        proxied: The migrated run.
        rolled_back: The run after the roll-back.
        structure_unchanged: Whether tasks and edges were the same before, during and after the migration.
        duplicates: Events that tell of one task instance or DAG run a second time.
        seconds: Step → how long it took.
    """

    airflow_version: str
    dagster_version: str
    dag_assets: tuple[str, ...]
    mapped_assets: Mapping[str, str]
    observed: Mapping[str, tuple[Observed, ...]]
    proxied: Proxied
    rolled_back: RolledBack
    structure_unchanged: bool
    duplicates: int
    seconds: Mapping[str, float]

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


def observed_by_key(events: Iterable[Event]) -> dict[str, tuple[Observed, ...]]:
    """Group what was observed from Airflow by asset, the oldest first."""
    found: dict[str, list[Observed]] = {}
    for event in sorted(events, key=lambda each: int(each.timestamp)):
        if event.airflow_run_id:
            observed = Observed(event.airflow_run_id, event.task_id, event.timestamp)
            found.setdefault(event.key, []).append(observed)
    return {key: tuple(observed) for key, observed in sorted(found.items())}


def count_duplicates(events: Iterable[Event], proxied: Proxied) -> int:
    """Count events that tell of the same work on the same asset a second time.

    Args:
        events: All materializations.
        proxied: The migrated run, whose work must not also be observed from Airflow.

    Returns:
        How many events are too many.
    """
    work = Counter(_work(event, proxied) for event in events)
    return sum(count - 1 for count in work.values())


def _work(event: Event, proxied: Proxied) -> tuple[str, str, str]:
    if event.dagster_run_id == proxied.dagster_run_id:
        return event.key, proxied.airflow_run_id, proxied.task_id
    return event.key, event.airflow_run_id or event.dagster_run_id, event.task_id
