"""The runs of a synthetic Airflow and their task instances, as lists that are cut from rendered rows."""

from __future__ import annotations

import json
import time
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from synthetic_payloads import TASKS, Payloads, dag_id, task_id, writes_asset

Query: TypeAlias = Mapping[str, list[str]]

PAGE_CAP = 100
_ALL = "~"


@dataclass
class Rows:
    """Rendered rows, each with its stamp, in the order of their stamps; of each run those that belong to it.

    Args:
        name: What a list of them is called.
    """

    name: str
    rendered: list[bytes] = field(default_factory=list[bytes])
    stamps: list[float] = field(default_factory=list[float])
    of_dag: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    of_run: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))

    def add(self, run: tuple[str, str], stamp: float, rendered: bytes) -> None:
        """Add a row that is later than the others."""
        self.of_dag[run[0]].append(len(self.rendered))
        self.of_run[run].append(len(self.rendered))
        self.stamps.append(round(stamp, 6))  # as it is written, so that spans of time meet
        self.rendered.append(rendered)

    def within(self, query: Query, stamp: str = "updated_at") -> range:
        """Return the places of those rows that pass the filters by stamp and state."""
        if "success" not in query.get("state", ["success"]):
            return range(0)
        end = _instant(query, f"{stamp}_lte")
        last = len(self.stamps) if end is None else bisect_right(self.stamps, end)
        return range(bisect_left(self.stamps, _instant(query, f"{stamp}_gte") or 0.0), last)


class History:
    """Runs that have succeeded, with all of their tasks.

    Args:
        api: `v1` or `v2`.
        dags: How many DAGs there are; their runs end in turn, and run ids are shared, as those of one schedule are.
    """

    def __init__(self, api: str, dags: int) -> None:
        self._api = api
        self._dags = dags
        self._runs = Rows("dag_runs")
        self._tasks = Rows("task_instances")
        self._events = Rows("dataset_events" if api == "v1" else "asset_events")
        payloads = Payloads(api)
        self._run = _template(api, payloads.run())
        self._task = _template(api, payloads.task_instance())
        self._event = _template(api, payloads.asset_event()).replace(b'"%(event)s"', b"%(event)d")

    def finish(self, runs: int, seconds: float) -> None:
        """Let more runs end, evenly over the seconds until now; the tasks of each end one after the other."""
        begin, slot = time.time() - seconds, seconds / max(runs, 1)
        before = len(self._runs.rendered)
        for number in range(before, before + runs):
            start = begin + (number - before) * slot
            of = (dag_id(number % self._dags), f"scheduled__{number // self._dags:08}T00:00:00+00:00")
            names = {b"dag": of[0].encode(), b"run": of[1].encode(), b"start": self._text(start)}
            for task in range(TASKS):
                end = start + slot * (task + 1) / (TASKS + 1)
                one = {b"task": task_id(task).encode(), b"number": b"%012d" % (number * TASKS + task)}
                self._tasks.add(of, end, self._task % {**names, **one, b"end": self._text(end)})
                if task == TASKS - 1 and writes_asset(number % self._dags, self._dags):
                    recorded = {b"event": len(self._events.rendered) + 1, b"end": self._text(end)}
                    self._events.add(of, end, self._event % {**names, **one, **recorded})
            end = start + slot
            self._runs.add(of, end, self._run % {**names, b"end": self._text(end)})

    def answer(self, parts: Sequence[str], query: Query, body: bytes) -> bytes | None:
        """Return a list, None where there is no such."""
        asked: Mapping[str, Any] = json.loads(body) if body else {}
        match [*parts]:
            case ["dags", _, "dagRuns", "list"]:
                return self._listed(self._runs, self._asked_runs(asked), asked)
            case ["dags", _, "dagRuns", _, "taskInstances", "list"]:
                return self._listed(self._tasks, self._asked_tasks(asked), asked)
            case ["dags", dag, "dagRuns"]:
                return self._page(self._runs, dag, _ALL, query)
            case ["dags", dag, "dagRuns", run, "taskInstances"]:
                return self._page(self._tasks, dag, run, query)
            case ["datasets" | "assets", "events"]:
                return self._recorded(query)
            case _:
                return None

    def _recorded(self, query: Query) -> bytes:
        """Return updates of Airflow's assets: 3 filters them by time, 2.11 gives the latest first."""
        places: Sequence[int] = self._events.within(query, "timestamp")
        places = places[::-1] if self._api == "v1" else places
        start = int(query.get("offset", ["0"])[0])
        page = places[start : start + min(int(query.get("limit", ["100"])[0]), PAGE_CAP)]
        return _list(self._events, page, b'"total_entries": %d' % len(places))

    def _page(self, rows: Rows, dag: str, run: str, query: Query) -> bytes:
        places: Sequence[int] = rows.within(query)
        if dag != _ALL:
            kept = set(rows.of_dag[dag] if run == _ALL else rows.of_run[dag, run])
            places = [place for place in places if place in kept]
        limit = int(query.get("limit", ["100"])[0])
        if self._api == "v2":
            return self._keyset(rows, places, min(limit, PAGE_CAP), query.get("cursor", [""])[0])
        start = int(query.get("offset", ["0"])[0])
        capped = limit if rows is self._tasks else min(limit, PAGE_CAP)  # as 2.11 does
        return _list(rows, places[start : start + capped], b'"total_entries": %d' % len(places))

    def _keyset(self, rows: Rows, places: Sequence[int], limit: int, cursor: str) -> bytes:
        start = bisect_left(places, int(cursor)) if cursor else 0
        page, rest = places[start : start + limit], places[start + limit : start + limit + 1]
        return _list(rows, page, b'"next_cursor": %s' % (b'"%d"' % rest[0] if rest else b"null"))

    def _asked_runs(self, asked: Mapping[str, Any]) -> Sequence[int]:
        dags = set(asked.get("dag_ids") or [dag_id(number) for number in range(self._dags)])
        first = bisect_left(self._runs.stamps, _stamp(asked.get("end_date_gte"), 0.0))
        last = bisect_right(self._runs.stamps, _stamp(asked.get("end_date_lte"), float("inf")))
        return [place for place in range(first, last) if dag_id(place % self._dags) in dags]

    def _asked_tasks(self, asked: Mapping[str, Any]) -> Sequence[int]:
        found: list[int] = []
        for dag in asked["dag_ids"]:
            for run in asked["dag_run_ids"]:
                own = self._tasks.of_run[dag, run]
                found += [place for place in own if task_id(place % TASKS) in asked["task_ids"]]
        return found

    def _listed(self, rows: Rows, places: Sequence[int], asked: Mapping[str, Any]) -> bytes:
        start = int(asked.get("page_offset", 0))
        page = places[start : start + int(asked.get("page_limit", PAGE_CAP))]
        return _list(rows, page, b'"total_entries": %d' % len(places))

    def _text(self, stamp: float) -> bytes:
        text = datetime.fromtimestamp(round(stamp, 6), UTC).isoformat(timespec="microseconds")
        return (text if self._api == "v1" else text.replace("+00:00", "Z")).encode()


def _template(api: str, row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, indent=2 if api == "v1" else None).encode()


def _list(rows: Rows, places: Sequence[int], end: bytes) -> bytes:
    listed = b", ".join([rows.rendered[place] for place in places])
    return b'{"%s": [%s], %s}' % (rows.name.encode(), listed, end)


def _instant(query: Query, name: str) -> float | None:
    return datetime.fromisoformat(query[name][0]).timestamp() if name in query else None


def _stamp(text: str | None, otherwise: float) -> float:
    return datetime.fromisoformat(text).timestamp() if text else otherwise
