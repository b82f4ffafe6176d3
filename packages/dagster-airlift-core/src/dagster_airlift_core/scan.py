"""One tick: read pages from where the cursor stands, turn successes into events, move the cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from logging import Logger
from typing import Protocol

from dagster import AssetKey, AssetMaterialization

from dagster_airlift_core.cursor import Cursor, Kind, Scan
from dagster_airlift_core.errors import AirflowApiError, AirflowNotFound
from dagster_airlift_core.events import Success, dag_success, mapped_task_success, task_success
from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.model import ENDED_WELL, SUCCESS, DagRun, Page, TaskInstance

MAX_EVENTS = 200
NO_NEW_PAGE_AFTER = 10.0
NO_NEW_ROW_AFTER = 20.0
"""Seconds; a tick that takes more than 60 is cut by Dagster. One row is dealt with in any case."""
MAX_MAPPED = 10_000
AWAITED_FOR = timedelta(days=1)
_SHOWN = 20
_KINDS: tuple[Kind, ...] = ("recent", "sweep")
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_BAD_REQUEST = 400


class EventLog(Protocol):
    """What a tick must know about Dagster's own history."""

    def has_event(self, key: AssetKey, event_id: str) -> bool:
        """Whether an event with this id was stored for the asset."""
        ...

    def launched(self, launch_keys: Iterable[str]) -> frozenset[str]:
        """Return those launch keys that a successful Dagster run carries."""
        ...

    def awaited(self, dag_run_id: str) -> frozenset[AssetKey]:
        """Return the assets that a Dagster run will record itself: one that triggered the DAG run and goes on."""
        ...


@dataclass(frozen=True)
class Observed:
    """What a tick has to tell Dagster."""

    events: tuple[AssetMaterialization, ...]
    cursor: Cursor
    summary: str


@dataclass
class Tick:
    """Reads one Airflow instance, for a few seconds, from where a cursor stands.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG.
        order: A number for each asset, larger than those of the assets it reads.
        events_of: Dagster's own history.
        log: The log of the tick.
        clock: Seconds of a clock that never goes back.
    """

    airflow: AirflowInstance
    mapping: AssetMapping
    order: Mapping[AssetKey, int]
    events_of: EventLog
    log: Logger
    clock: Callable[[], float] = time.monotonic

    _found: dict[tuple[AssetKey, str], tuple[datetime, AssetMaterialization]] = field(
        default_factory=dict[tuple[AssetKey, str], tuple[datetime, AssetMaterialization]], init=False
    )
    _groups: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]], init=False)
    _set_aside: dict[str, None] = field(default_factory=dict[str, None], init=False)
    _restarted: set[Kind] = field(default_factory=set[Kind], init=False)
    _now: datetime = field(default=_EARLIEST, init=False)
    _rows: int = field(default=0, init=False)

    def observe(self, cursor: Cursor) -> Observed:
        """Read on from the cursor until there is nothing left or the budget is spent.

        Raises:
            AirflowApiError: Airflow could not be read at all; nothing was observed and nothing is lost.
        """
        started = self.clock()
        self._now = self.airflow.server_time()
        begun = cursor = cursor.begun(self._now, self.mapping.fingerprint, self.airflow.scan_order())
        try:
            for kind in _KINDS:
                until = (
                    started + NO_NEW_ROW_AFTER
                )  # each pass gets a page of every tick, however slow they are
                while (scan := cursor.scan(kind)) and not self._is_full and self.clock() <= until:
                    cursor = cursor.with_scan(kind, self._step(kind, scan, started))
                    until = started + NO_NEW_PAGE_AFTER
        except AirflowApiError as error:
            if cursor == begun and not self._found:
                raise
            self.log.error("%s The tick keeps what it has; the next one reads on from there.", error)  # noqa: TRY400
        self._tell()
        return Observed(self._events(), cursor, self._summary(cursor))

    @property
    def _is_full(self) -> bool:
        return len(self._found) >= MAX_EVENTS

    def _step(self, kind: Kind, scan: Scan, started: float) -> Scan | None:
        """Deal with one page, as far as the budget goes, and return where to read on."""
        try:
            page = self._page(scan)
        except AirflowApiError as error:
            if error.status != _BAD_REQUEST or scan.page is None or kind in self._restarted:
                raise
            self._restarted.add(kind)
            self.log.warning("%s The page is not known any more: reading from the first one.", error)
            return scan.restarted()
        self._set_aside.update({str(bad): None for bad in page.bad_rows})
        names = [_name(row) for row in page.rows]
        first = names.index(scan.after) + 1 if scan.after in names else 0
        for row, name in zip(page.rows[first:], names[first:], strict=True):
            if not self._take(row):
                return scan
            scan = scan.past_row(name)
            if self.clock() - started > NO_NEW_ROW_AFTER:
                return scan
        return scan.past_page(page.next_page)

    def _page(self, scan: Scan) -> Page[TaskInstance] | Page[DagRun]:
        read = (
            self.airflow.list_successful_task_instances
            if scan.stream == "tasks"
            else self.airflow.list_successful_dag_runs
        )
        page = read(scan.window, scan.page)
        self._rows += page.received
        return page

    def _take(self, row: TaskInstance | DagRun) -> bool:
        """Collect the new events of a row; return whether there was room for all of them."""
        if row.state != SUCCESS:
            return True
        if isinstance(row, DagRun):
            keys = self.mapping.dags.get(DagHandle(row.dag_id), ())
            if not keys:
                self._set_aside[f"{row.dag_id}: no asset stands for this DAG, reload the code location"] = (
                    None
                )
                return True
            return self._collect(keys, dag_success(self.airflow.name, self.airflow.links, row))
        keys = self.mapping.tasks.get(TaskHandle(row.dag_id, row.task_id), ())
        if not keys:
            return True
        if not row.is_mapped:
            return self._collect(keys, task_success(self.airflow.name, self.airflow.links, row))
        return self._take_mapped(row, keys)

    def _take_mapped(self, row: TaskInstance, keys: Iterable[AssetKey]) -> bool:
        group = (row.dag_id, row.run_id, row.task_id)
        if group in self._groups:
            return True
        success = self._mapped_success(row)
        if success and not self._collect(keys, success):
            return False
        self._groups.add(group)
        return True

    def _mapped_success(self, row: TaskInstance) -> Success | None:
        """Ask for all instances of a mapped task, no further than the first that did not end well."""
        instances: list[TaskInstance] = []
        name = f"{row.dag_id}.{row.run_id}.{row.task_id}"
        try:
            for page in self.airflow.instances_of_task(row.dag_id, row.run_id, row.task_id):
                instances.extend(page.rows)
                if page.bad_rows or len(instances) > MAX_MAPPED:
                    self._set_aside[
                        f"{name}: {len(page.bad_rows)} unreadable of {len(instances)} and more"
                    ] = None
                    return None
                if any(instance.state not in ENDED_WELL for instance in page.rows):
                    return None
        except AirflowNotFound as error:
            self._set_aside[f"{name}: {error}"] = None
            return None
        return mapped_task_success(self.airflow.name, self.airflow.links, instances)

    def _collect(self, keys: Iterable[AssetKey], success: Success) -> bool:
        awaited = self._awaited(success)
        new = [key for key in keys if key not in awaited and self._is_new(key, success.event_id)]
        if (
            new
            and success.launch_keys
            and self.events_of.launched(success.launch_keys) >= success.launch_keys
        ):
            return True
        for key in new:
            if self._is_full:
                return False
            event = success.materialization(key)
            self._found[key, success.event_id] = (success.ended_at or _EARLIEST, event)
        return True

    def _awaited(self, success: Success) -> frozenset[AssetKey]:
        """Return what a Dagster run will record; one that goes on so long after its DAG run has died."""
        is_old = success.ended_at is not None and self._now - success.ended_at > AWAITED_FOR
        return frozenset() if is_old else self.events_of.awaited(success.run_id)

    def _is_new(self, key: AssetKey, event_id: str) -> bool:
        return (key, event_id) not in self._found and not self.events_of.has_event(key, event_id)

    def _events(self) -> tuple[AssetMaterialization, ...]:
        """Return the events by their end in Airflow, then upstream before downstream."""
        last = len(self.order)
        found = sorted(self._found.values(), key=lambda one: (one[0], self.order.get(one[1].asset_key, last)))
        return tuple(event for _, event in found)

    def _tell(self) -> None:
        if self._set_aside:
            shown = "; ".join(list(self._set_aside)[:_SHOWN])
            more = len(self._set_aside) - _SHOWN
            tail = f"; and {more} more" if more > 0 else ""
            self.log.warning("Set aside, everything else was observed: %s%s.", shown, tail)

    def _summary(self, cursor: Cursor) -> str:
        name = f"Airflow instance {cursor.instance!r}"
        rest = " A sweep of the last two days is under way." if cursor.sweep else ""
        if cursor.recent:
            since = cursor.recent.window.since
            return f"{name}: {self._rows} rows read; still reading what changed since {since:%Y-%m-%d %H:%M:%S}Z.{rest}"
        return f"{name}: {self._rows} rows read; observed up to {cursor.watermark:%Y-%m-%d %H:%M:%S}Z.{rest}"


def _name(row: TaskInstance | DagRun) -> str:
    return row.id if isinstance(row, TaskInstance) else f"{row.dag_id}/{row.run_id}"
