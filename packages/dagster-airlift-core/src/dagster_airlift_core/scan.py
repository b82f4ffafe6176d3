"""One tick: read pages from where the cursor stands, turn what ended into events, move the cursor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from logging import Logger

from dagster import AssetCheckEvaluation, AssetCheckKey, AssetKey

from dagster_airlift_core.batches import batches
from dagster_airlift_core.cursor import Cursor, Kind, Scan
from dagster_airlift_core.endings import Ending, Endings, MappedTasks
from dagster_airlift_core.errors import AirflowApiError, SetAside
from dagster_airlift_core.event_log import EventLog
from dagster_airlift_core.events import Ended
from dagster_airlift_core.identity import Told
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.memory import Memory
from dagster_airlift_core.model import AssetUpdate, DagRun, TaskInstance
from dagster_airlift_core.naming import some_of
from dagster_airlift_core.observed import EARLIEST, Observed
from dagster_airlift_core.partitions import Partitioning
from dagster_airlift_core.placing import Placer
from dagster_airlift_core.recall import Candidate, Recall
from dagster_airlift_core.results import TaskEvent, TaskResults, testing_tasks, unreached_tasks
from dagster_airlift_core.scan_pages import ScanPages
from dagster_airlift_core.telling import Teller, Transform

NO_NEW_PAGE_AT = 500
MAX_EVENTS = 1000
"""Events; Dagster's daemon stores them one by one, and meanwhile no other sensor of it has its turn."""
AWAITED_FOR = timedelta(days=1)
NO_NEW_PAGE_AFTER = 10.0
NO_NEW_ROW_AFTER = 20.0
"""Seconds; a tick that takes more than 60 is cut by Dagster. One row is dealt with in any case."""
_LOOK_UP = 100
"""Rows whose events are looked up at a time."""
_SHOWN = 20
_KINDS: tuple[Kind, ...] = ("recent", "sweep")
_BAD_REQUEST = 400


@dataclass
class Tick:
    """Reads one Airflow instance, for a few seconds, from where a cursor stands.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG.
        order: A number for each asset, larger than those of the assets it reads.
        events_of: Dagster's own history.
        log: The log of the tick.
        mapped_tasks: How dynamically mapped tasks are told of.
        results: What may know more of a finished task than its state.
        transform: What may change the events.
        memory: What earlier ticks of the same process found.
        partitioning: How the assets are partitioned.
        on_dag_run: Is told of each DAG run that is seen to have ended.
        clock: Seconds of a clock that never goes back.
    """

    airflow: AirflowInstance
    mapping: AssetMapping
    order: Mapping[AssetKey, int]
    events_of: EventLog
    log: Logger
    mapped_tasks: MappedTasks = "once"
    results: TaskResults | None = None
    transform: Transform | None = None
    memory: Memory = field(default_factory=Memory)
    partitioning: Partitioning = field(default_factory=Partitioning)
    on_dag_run: Callable[[DagRun], None] | None = None
    clock: Callable[[], float] = time.monotonic

    _found: dict[tuple[AssetKey | AssetCheckKey, str], tuple[datetime, Told]] = field(
        default_factory=dict[tuple[AssetKey | AssetCheckKey, str], tuple[datetime, Told]], init=False
    )
    _set_aside: dict[str, None] = field(default_factory=dict[str, None], init=False)
    _done: set[str] = field(default_factory=set[str], init=False)
    _restarted: set[Kind] = field(default_factory=set[Kind], init=False)

    def __post_init__(self) -> None:
        """Begin to know things."""
        unreached = unreached_tasks(self.results)
        self._pages = ScanPages(self.airflow, self.mapping, self.memory, self.clock, bool(unreached))
        self._recall = Recall(self.events_of, self.airflow.name)
        self._endings = Endings(
            airflow=self.airflow,
            mapping=self.mapping,
            recall=self._recall,
            memory=self.memory,
            mapped_tasks=self.mapped_tasks,
            testing_tasks=testing_tasks(self.results),
            unreached_tasks=unreached,
        )
        self._placer = Placer(self.airflow, self.mapping, self.partitioning)
        self._teller = Teller(
            airflow=self.airflow,
            known=self.order.keys(),
            placer=self._placer,
            recall=self._recall,
            memory=self.memory,
            log=self.log,
            set_aside=self._put_aside,
            results=self.results,
            transform=self.transform,
        )

    def observe(self, cursor: Cursor) -> Observed:
        """Read on from the cursor until there is nothing left or the budget is spent.

        Raises:
            AirflowApiError: Airflow could not be read at all; nothing was observed and nothing is lost.
        """
        started = self.clock()
        begun = cursor = self._pages.begun(cursor)
        try:
            for kind in _KINDS:
                # Each pass gets a page of every tick, however slow they are.
                until = started + NO_NEW_ROW_AFTER
                while (
                    (scan := cursor.scan(kind))
                    and len(self._found) < NO_NEW_PAGE_AT
                    and self.clock() <= until
                ):
                    cursor = cursor.with_scan(kind, self._step(kind, scan, started))
                    until = started + NO_NEW_PAGE_AFTER
        except AirflowApiError as error:
            if cursor == begun and not self._found:
                raise
            self.log.error("%s The tick keeps what it has; the next one reads on from there.", error)  # noqa: TRY400
        self._tell()
        now = self._pages.now
        return Observed(self._events(), cursor, self._summary(cursor, now), tuple(self._set_aside), now)

    def read(self, scan: Scan) -> tuple[tuple[TaskEvent, ...], Scan | None]:
        """Read on in one pass alone, as far as the budget of a tick goes.

        Args:
            scan: Where to read on.

        Returns:
            What is new, and where to read on after that; None at the end of the pass.

        Raises:
            AirflowApiError: Airflow could not be read; nothing of the pass is lost.
        """
        started = self.clock()
        rest: Scan | None = scan.in_order(self._pages.order)
        while rest and len(self._found) < NO_NEW_PAGE_AT and self.clock() - started <= NO_NEW_PAGE_AFTER:
            rest = self._step("sweep", rest, started)
        self._tell()
        return self._events(), rest

    def _step(self, kind: Kind, scan: Scan, started: float) -> Scan | None:
        """Deal with one page, as far as the budget goes, and return where to read on."""
        try:
            page = self._pages.page(scan)
        except AirflowApiError as error:
            if error.status != _BAD_REQUEST or scan.page is None or kind in self._restarted:
                raise
            self._restarted.add(kind)
            self.log.warning("%s The page is not known any more: reading from the first one.", error)
            return scan.restarted()
        self._set_aside.update({str(bad): None for bad in page.bad_rows})
        names = [_name(row) for row in page.rows]
        first = names.index(scan.after) + 1 if scan.after in names else 0
        for rows in batches(page.rows[first:], _LOOK_UP):
            self._placer.expect(rows)
            candidates = self._candidates(rows)
            for row, candidate in zip(rows, candidates, strict=True):
                is_taken = self._take(row, candidate)
                scan = scan.past_row(_name(row)) if is_taken else scan
                if not is_taken or self.clock() - started > NO_NEW_ROW_AFTER:
                    self.memory.keep_page(scan, page)
                    return scan
        return scan.past_page(page.next_page)

    def _candidates(self, rows: Sequence[Ending]) -> Sequence[Candidate | None]:
        """Return what each row alone says ended, and look up at once what is known of all of them."""
        candidates = [self._try(self._endings.of_row, row) for row in rows]
        self._recall.prepare(candidate for candidate in candidates if candidate)
        return candidates

    def _take(self, row: Ending, candidate: Candidate | None) -> bool:
        """Collect the new events of a row; return whether there was room for all of them."""
        if self.on_dag_run and isinstance(row, DagRun):
            self.on_dag_run(row)
        if isinstance(row, TaskInstance) and self._endings.is_one_of_several(row):
            candidate = self._try(self._endings.of_mapped_task, row)
        if candidate is None or self._collect(candidate):
            return True
        self._endings.again(row)
        return False

    def _try(self, tell: Callable[..., Candidate | None], row: Ending) -> Candidate | None:
        try:
            return tell(row)
        except SetAside as reason:
            self._put_aside(str(reason))
            return None

    def _put_aside(self, reason: str) -> None:
        self._set_aside[reason] = None

    def _collect(self, candidate: Candidate) -> bool:
        keys, ended = candidate
        if ended.event_id in self._done:
            return True
        awaited = self._awaited(ended)
        for told in self._teller.new_events([key for key in keys if key not in awaited], ended):
            identity = (told.of, told.event_id)
            if told.of not in awaited and identity not in self._found:
                if len(self._found) >= MAX_EVENTS:
                    return False
                self._found[identity] = (ended.ended_at or EARLIEST, told)
        self._done.add(ended.event_id)
        return True

    def _awaited(self, ended: Ended) -> frozenset[AssetKey]:
        """Return what a Dagster run will record; one that goes on so long after its DAG run has died."""
        awaited = self.events_of.awaited(ended.of.run_id or "")
        is_old = bool(awaited and ended.ended_at and self._pages.now - ended.ended_at > AWAITED_FOR)
        return frozenset() if is_old else awaited

    def _events(self) -> tuple[TaskEvent, ...]:
        """Return the events by their end in Airflow, then those of checks, then upstream before downstream."""
        last = len(self.order)

        def place(found: tuple[datetime, Told]) -> tuple[datetime, bool, int]:
            ended_at, told = found
            is_check = isinstance(told.event, AssetCheckEvaluation)
            return ended_at, not is_check, self.order.get(told.event.asset_key, last)

        return tuple(told.event for _, told in sorted(self._found.values(), key=place))

    def _tell(self) -> None:
        if self._set_aside:
            self.log.warning(
                "Set aside, everything else was observed: %s.", some_of(self._set_aside, _SHOWN, between="; ")
            )
        if self._placer.unplaced:
            self.log.warning(
                "Observed without a partition: %s.", some_of(self._placer.unplaced, _SHOWN, between="; ")
            )

    def _summary(self, cursor: Cursor, now: datetime) -> str:
        name = f"Airflow instance {cursor.instance!r}"
        rest = " A sweep of the last two days is under way." if cursor.sweep else ""
        rows = self._pages.rows
        if cursor.recent:
            since, late = f"{cursor.recent.window.since:%Y-%m-%d %H:%M:%S}Z", cursor.lag(now)
            still = f"still reading what changed since {since}, {late} late"
            return f"{name}: {rows} rows read; {still}.{rest}"
        return f"{name}: {rows} rows read; observed up to {cursor.watermark:%Y-%m-%d %H:%M:%S}Z.{rest}"


def _name(row: Ending) -> str:
    if isinstance(row, AssetUpdate):
        return f"asset event {row.id}"
    return row.id if isinstance(row, TaskInstance) else f"{row.dag_id}/{row.run_id}"
