"""The pages of the passes of a tick: read from Airflow, or kept by the tick before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from dagster_airlift_core.cursor import Cursor, Scan
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.memory import Memory, ScanPage
from dagster_airlift_core.model import SKIPPED, UNREACHED, AssetUpdate, Page
from dagster_airlift_core.observed import EARLIEST

_NOTHING = Page[AssetUpdate]((), (), 0, None)


@dataclass
class ScanPages:
    """Reads pages, and tells by what Airflow answers which passes are to begin.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG.
        memory: Keeps a page that a tick did not deal with to its end.
        clock: Seconds of a clock that never goes back.
        with_unreached: Whether task instances are read too that Airflow did not get to, or skipped.
    """

    airflow: AirflowInstance
    mapping: AssetMapping
    memory: Memory
    clock: Callable[[], float]
    with_unreached: bool

    rows: int = field(default=0, init=False)

    @property
    def now(self) -> datetime:
        """The time of Airflow's server when it answered last."""
        return self.airflow.heard_at or EARLIEST

    @property
    def order(self) -> str:
        """The order and the filters that tokens of pages belong to."""
        order = self.airflow.scan_order()
        return f"{order} {UNREACHED} {SKIPPED}" if self.with_unreached else order

    def begun(self, cursor: Cursor) -> Cursor:
        """Return a cursor with those passes begun that are due.

        When the first question is asked, the time of the server is known from the last answer, which may be an old
        one. The answer tells the time; it is asked again if, by that time, the pass should begin elsewhere.

        Raises:
            AirflowApiError: Airflow could not be read.
        """
        order, mapping = self.order, self.mapping.fingerprint
        if cursor.is_under_way(mapping):
            return cursor.in_order(order)
        heard_at, is_at_rest = self.airflow.heard_at, cursor.watermark and not cursor.recent
        guess = cursor.begun(heard_at, mapping, order) if heard_at and is_at_rest else None
        if guess is None or guess.recent is None or guess.recent.is_wide:
            begun = cursor.begun(self.airflow.server_time(), mapping, order)
            return begun if cursor.recent else self._with_older_runs(begun)
        asked, page = self.clock(), self.page(guess.recent)
        begun = self._with_older_runs(cursor.begun(self._time_when_asked(asked), mapping, order))
        if begun.recent and begun.recent.is_same_page(guess.recent):
            self.memory.keep_page(begun.recent, page)
        return begun

    def _with_older_runs(self, cursor: Cursor) -> Cursor:
        """Let a pass that reads the whole overlap reach back to the oldest DAG run that has changed."""
        if cursor.recent is None or not cursor.reads_whole_overlap:
            return cursor
        first_due = self.airflow.runs_due.first_changed(cursor.recent.window)
        return cursor.due_since(first_due) if first_due else cursor

    def page(self, scan: Scan) -> ScanPage:
        """Return the page at which a pass stands.

        Raises:
            AirflowApiError: Airflow did not give it; status 400 when it does not know the page.
        """
        if page := self.memory.take_page(scan):
            return page
        if scan.stream == "assets" and not self.mapping.uris:
            return _NOTHING
        read = {
            "tasks": partial(self.airflow.list_ended_task_instances, with_unreached=self.with_unreached),
            "runs": self.airflow.list_ended_dag_runs,
            "assets": self.airflow.list_asset_updates,
        }[scan.stream]
        page = read(scan.window, scan.page)
        self.rows += page.received
        return page

    def _time_when_asked(self, asked: float) -> datetime:
        """Return a time of Airflow's server that is no later than that at which it was asked something.

        Args:
            asked: When that was, by our own clock; the answer may have been long in coming.
        """
        return self.now - timedelta(seconds=self.clock() - asked)
