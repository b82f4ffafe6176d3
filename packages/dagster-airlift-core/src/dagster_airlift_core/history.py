"""Import what ended in Airflow before the sensor looked: page by page, at a bounded rate, from where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from logging import Logger
from typing import Any, cast

from dagster import (
    AssetCheckEvaluation,
    AssetObservation,
    DagsterInstance,
    JsonMetadataValue,
    MetadataValue,
    build_sensor_context,
    partition_loading_context,
)

from dagster_airlift_core._dagster_private import DATA_VERSION_TAG, Repository
from dagster_airlift_core.cursor import SWEEP_SPAN, Cursor, CursorError, Scan
from dagster_airlift_core.event_log import DagsterEventLog
from dagster_airlift_core.keys import instance_asset_key
from dagster_airlift_core.model import Window
from dagster_airlift_core.results import TaskEvent
from dagster_airlift_core.sensor import Observer

PROGRESS = "dagster-airlift/history"
"""Metadata of observations of the instance's asset: how far the history was imported."""
SETTLE_SECONDS = 60.0
"""A tick of the sensor that was under way when the import began is over by then."""
_LOOKED_THROUGH = 200


@dataclass(frozen=True)
class Imported:
    """How far an import has come.

    Args:
        cursor: Where it reads on; it has no pass when all is imported.
        events: Events stored since it began.
    """

    cursor: Cursor
    events: int = 0

    @property
    def scan(self) -> Scan | None:
        """The pass that is under way."""
        return self.cursor.sweep


@dataclass
class HistoryImport:
    """Imports what ended in an Airflow instance in the days before the last two, which are the sensor's.

    Args:
        observer: What is looked at, and how it is told of.
        instance: Where events are stored.
        log: Where it tells how far it is.
        events_per_second: Events that are stored a second at most, on average.
        repository: Where the jobs of DAGs are defined.
        sleep: Waits that many seconds.
        clock: Seconds of a clock that never goes back.
    """

    observer: Observer
    instance: DagsterInstance
    log: Logger
    events_per_second: float
    repository: Repository | None = None
    sleep: Callable[[float], object] = field(default=time.sleep)
    clock: Callable[[], float] = field(default=time.monotonic)

    def run(self, days: int, *, restart: bool = False) -> Imported:
        """Import until nothing is left, from where an earlier import of as many days stopped.

        Args:
            days: How many days back.
            restart: Whether to begin with the first day, wherever an earlier one stopped.

        Raises:
            AirflowApiError: Airflow cannot be read; the next import goes on from there.
        """
        done = self._begun(days, restart=restart)
        for done in self._chunks(done):  # noqa: B020 - each is the one before, further on
            self._keep(done)
            since = f"{done.scan.stream}, page {done.scan.page}" if done.scan else "all is imported"
            self.log.info("%d events of the history are stored; %s.", done.events, since)
        return done

    def _chunks(self, done: Imported) -> Iterator[Imported]:
        context = build_sensor_context(instance=self.instance)
        while done.scan:
            started = self.clock()
            with partition_loading_context(dynamic_partitions_store=self.instance):
                found, rest = self.observer.tick(context, self.log, self.repository).read(done.scan)
            stored = self._store(found)
            done = replace(done, cursor=done.cursor.with_scan("sweep", rest), events=done.events + stored)
            yield done
            self.sleep(max(0.0, stored / self.events_per_second - (self.clock() - started)))

    def _store(self, events: Sequence[TaskEvent]) -> int:
        """Store what nobody else has stored in the meantime, and return how many that were."""
        stored = 0
        for event in events:
            if not self._is_stored(event):
                self.instance.report_runless_asset_event(event)
                stored += 1
        return stored

    def _is_stored(self, event: TaskEvent) -> bool:
        if isinstance(event, AssetCheckEvaluation):
            return False
        event_id = (event.tags or {}).get(DATA_VERSION_TAG)
        return bool(event_id and DagsterEventLog(self.instance).stored([(event.asset_key, event_id)]))

    def _begun(self, days: int, *, restart: bool) -> Imported:
        airflow, mapping = self.observer.airflow, self.observer.mapping.fingerprint
        now = airflow.server_time()
        since = now - timedelta(days=days)
        last = None if restart else self._last()
        if last and last.scan and last.cursor.mapping == mapping and last.scan.window.since <= since:
            self.log.info("Going on where an earlier import stopped, after %d events.", last.events)
            return last
        window = Window(since, None, now - SWEEP_SPAN)
        if since >= now - SWEEP_SPAN:
            self.log.info("There is nothing to import: the last two days are the sensor's.")
            return Imported(Cursor(airflow.name, mapping=mapping))
        self.log.info("Importing what changed from %s to %s.", window.since, window.until)
        self.sleep(SETTLE_SECONDS)
        return Imported(Cursor(airflow.name, sweep=Scan(window, now), mapping=mapping))

    def _keep(self, done: Imported) -> None:
        state = {"cursor": json.loads(done.cursor.to_json()), "events": done.events}
        self.instance.report_runless_asset_event(
            AssetObservation(
                instance_asset_key(self.observer.airflow.name),
                description="How far the history was imported.",
                metadata={PROGRESS: MetadataValue.json(state)},
            )
        )

    def _last(self) -> Imported | None:
        """Return how far the last import came that is known, None where none is."""
        key = instance_asset_key(self.observer.airflow.name)
        for record in self.instance.fetch_observations(key, limit=_LOOKED_THROUGH).records:
            observation = record.asset_observation
            kept = observation.metadata.get(PROGRESS) if observation else None
            if isinstance(kept, JsonMetadataValue):
                return _read(kept.data, self.observer.airflow.name)
        return None


def _read(state: object, instance: str) -> Imported | None:
    try:
        fields = cast("Mapping[str, Any]", state)
        return Imported(Cursor.from_json(json.dumps(fields["cursor"]), instance), int(fields["events"]))
    except (CursorError, LookupError, TypeError, ValueError):
        return None
