"""Ticks of a sensor as Dagster's daemon makes them, and what each of them took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dagster import (
    AssetMaterialization,
    DagsterInstance,
    RepositoryDefinition,
    SensorDefinition,
    build_sensor_context,
)
from synthetic_payloads import DAGS_PER_ASSET, TASKS

_RUN_ID = ("Airflow Run ID", "dagster-airlift/airflow-run-id")


@dataclass(frozen=True)
class TickWork:
    """One tick.

    Args:
        wall: Seconds until the sensor had answered.
        cpu: Seconds of the processor for that.
        stored_wall: Seconds until its events were stored.
        stored_cpu: Seconds of the processor for that.
        events: How many there were.
        run_requests: How many runs it asked for.
    """

    wall: float
    cpu: float
    stored_wall: float
    stored_cpu: float
    events: int
    run_requests: int


class Ticker:
    """Evaluates a sensor again and again; its events are stored one by one, the cursor last.

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

    def tick(self) -> TickWork:
        """Tick once."""
        context = build_sensor_context(self._instance, self._cursor, repository_def=self._repository)
        wall, cpu = time.perf_counter(), time.process_time()
        result = self._sensor.evaluate_tick(context)
        took = (time.perf_counter() - wall, time.process_time() - cpu)
        wall, cpu = time.perf_counter(), time.process_time()
        for event in result.asset_events:
            self._instance.report_runless_asset_event(event)
        stored = (time.perf_counter() - wall, time.process_time() - cpu)
        self._cursor = result.cursor
        return TickWork(*took, *stored, len(result.asset_events), len(result.run_requests or ()))

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
    writers = sum(number % dags % DAGS_PER_ASSET == 0 and number % dags < dags - 1 for number in range(runs))
    return runs * (TASKS + 1) + writers


def run_of(event: AssetMaterialization) -> str:
    """Return the DAG run that an event of either tool names."""
    return next((str(event.metadata[name].value) for name in _RUN_ID if name in event.metadata), "")
