"""Ticks of a sensor as Dagster's daemon makes them, and what each of them took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from dagster import (
    AssetMaterialization,
    DagsterInstance,
    RepositoryDefinition,
    SensorDefinition,
    build_sensor_context,
)
from dagster._core.storage.event_log.schema import (  # noqa: TID251 - a catch-up of hours is measured without storing it
    AssetEventTagsTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage  # noqa: TID251 - the same
from synthetic_payloads import TASKS, writes_asset

_RUN_ID = ("Airflow Run ID", "dagster-airlift/airflow-run-id")


@dataclass(frozen=True)
class TickWork:
    """One tick.

    Args:
        wall: Seconds until the sensor had answered.
        cpu: Seconds of the processor for that.
        events: How many there were.
        run_requests: How many runs it asked for.
    """

    wall: float
    cpu: float
    events: int
    run_requests: int


class Ticker:
    """Evaluates a sensor again and again, and counts its materializations by asset and DAG run.

    Args:
        repository: With the sensor.
        sensor: The sensor.
        cursor: Where it stands.
        instance: Where the events go.
    """

    def __init__(
        self,
        repository: RepositoryDefinition,
        sensor: SensorDefinition,
        cursor: str | None,
        instance: DagsterInstance,
    ) -> None:
        self._repository = repository
        self._sensor = sensor
        self._cursor = cursor
        self._instance = instance
        self.kept: Counter[tuple[str, str]] = Counter()

    def tick(self) -> TickWork:
        """Tick once."""
        context = build_sensor_context(self._instance, self._cursor, repository_def=self._repository)
        wall, cpu = time.perf_counter(), time.process_time()
        result = self._sensor.evaluate_tick(context)
        took = (time.perf_counter() - wall, time.process_time() - cpu)
        self._keep(result.asset_events)
        self._cursor = result.cursor
        return TickWork(*took, len(result.asset_events), len(result.run_requests or ()))

    def _keep(self, events: Sequence[object]) -> None:
        """Keep of the events what a tick may look up: Dagster takes 15 ms of the processor to store one as a whole."""
        kept = [event for event in events if isinstance(event, AssetMaterialization)]
        self.kept.update((event.asset_key.to_user_string(), run_of(event)) for event in kept)
        rows = [
            {
                "asset_key": event.asset_key.to_string(),
                "key": key,
                "value": value,
                "event_timestamp": datetime.now(UTC).replace(tzinfo=None),
            }
            for event in kept
            for key, value in (event.tags or {}).items()
        ]
        if rows:
            with cast(
                "SqlEventLogStorage", self._instance.event_log_storage
            ).index_connection() as connection:
                connection.execute(AssetEventTagsTable.insert(), rows)

    def catch_up(self) -> Iterator[TickWork]:
        """Tick until a tick has found nothing."""
        while True:
            tick = self.tick()
            yield tick
            if not tick.events:
                return


def counted(instance: DagsterInstance, repository: RepositoryDefinition) -> Counter[tuple[str, str]]:
    """Count the stored materializations of each asset by the DAG run that they tell of."""
    found: Counter[tuple[str, str]] = Counter()
    for key in repository.asset_graph.get_all_asset_keys():
        records = instance.fetch_materializations(key, limit=10_000).records
        name = key.to_user_string()
        found.update(
            (name, run_of(one))
            for one in _materializations(record.asset_materialization for record in records)
        )
    return found


def _materializations(events: Iterable[AssetMaterialization | None]) -> Iterator[AssetMaterialization]:
    return (event for event in events if event)


def expected(runs: int, dags: int) -> int:
    """Return how many events there are to be: of each task, of the DAG, and of the Airflow asset that some write."""
    writers = sum(writes_asset(number % dags, dags) for number in range(runs))
    return runs * (TASKS + 1) + writers


def run_of(event: AssetMaterialization) -> str:
    """Return the DAG run that an event of either tool names."""
    return next((str(event.metadata[name].value) for name in _RUN_ID if name in event.metadata), "")
