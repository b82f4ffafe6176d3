"""Airflow does what it likes between ticks that may crash; every final success is stored exactly once."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dagster_airlift_core import (
    AirflowApiError,
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core._dialect.port import Ask
from dagster_airlift_core._dialect.v2 import VersionTwo
from dagster_airlift_core.cursor import Cursor, Kind, Scan
from dagster_airlift_core.event_log import DagsterEventLog, Identity
from dagster_airlift_core.model import Page, TaskInstance, Window
from dagster_airlift_core.testing import FakeAirflow, Reply, SensorDaemon

TASKS = {"extract": ["raw"], "load": ["a", "b"], "mapped": ["parts"]}
KEYS = [*(key for keys in TASKS.values() for key in keys), "prod/dag/etl"]
RUNS = ("r1", "r2", "r3")
UNFINISHED = ["running", "up_for_retry", "failed", "skipped", "upstream_failed"]
BAD_REPLIES = {
    "refused": Reply(422, {"detail": "no"}),
    "forbidden": Reply(403, {"detail": "Forbidden"}),
    "a login page": Reply(200, "<html>Sign in</html>", "text/html"),
    "no list": Reply(200, {"task_instances": None}),
    "an unknown page": Reply(400, {"detail": "Invalid cursor token"}),
    "gone": Reply(404, {"detail": "Not Found"}),
}
PATHS = ["version$", "taskInstances$", "~/dagRuns$", "r[123]/taskInstances", "token$|login/$"]
LAST_ACTS = ("nothing", "a burst", "a late success", "an old run")
runs = st.sampled_from(RUNS)
tasks = st.sampled_from(["extract", "load"])
indexes = st.integers(0, 4)


class ObservationMachine(RuleBasedStateMachine):
    """Runs, tasks and DAGs come and go, pages are small, requests fail, and the daemon dies."""

    version = "3.3.2"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.fake = self.stack.enter_context(FakeAirflow(page_cap=2, version=self.version))
        self._dag_appears()
        self.instance = self.stack.enter_context(dg.DagsterInstance.ephemeral())
        self.daemon = self._loaded(*TASKS)
        self.partly_mapped_at: datetime | None = None
        self.hidden: set[tuple[str, str]] = set()
        self.stamped_at: datetime | None = None
        self.reached: dict[str, str] = {}
        self.may_go = self.was_gone = False
        self.last_act = "nothing"
        self.deleted: Counter[str] = Counter()

    def _loaded(self, *tasks: str) -> SensorDaemon:
        airflow = AirflowInstance(AirflowBasicAuthBackend(self.fake.url, "viewer", "viewer"), "prod")
        specs = {task: [dg.AssetSpec(key) for key in TASKS[task]] for task in tasks}
        defs = build_defs_from_airflow_instance(
            airflow_instance=airflow, defs=dg.Definitions(assets=assets_with_task_mappings("etl", specs))
        )
        return SensorDaemon(defs, self.instance)

    def _dag_appears(self) -> None:
        self.fake.add_dag("etl", {task: [] for task in TASKS})
        self.fake.tasks["etl"]["mapped"]["is_mapped"] = True

    def teardown(self) -> None:
        try:
            self.fake.forget_replies()
            self.commits()
            if "etl" not in self.fake.dags:
                self._dag_appears()
            if self.partly_mapped_at:
                self.code_is_loaded_with_another_mapping()
            self.drain()
            self.act_last()
            # What Airflow did not give while the DAG was gone is the next sweep's; nothing else may wait for it.
            # What became visible late may wait until the whole overlap is read again.
            for minutes in (1, 1, 1, 5, *([61] if self.was_gone else [])):
                self.fake.now += timedelta(minutes=minutes)
                self.drain()
            self.each_final_success_is_stored_once()
        finally:
            self.stack.close()

    @initialize(may_go=st.booleans(), is_partly_mapped=st.booleans(), last_act=st.sampled_from(LAST_ACTS))
    def begins(self, *, may_go: bool, is_partly_mapped: bool, last_act: str) -> None:
        # A sweep hides what a wrong cursor has passed over: what goes away is the next sweep's in the end, and what
        # such cursors pass over comes last.
        self.may_go = may_go
        self.last_act = last_act
        if is_partly_mapped:
            self.code_is_loaded_with_another_mapping()

    @rule(minutes=st.sampled_from([0, 1, 5, 15, 70]))
    def time_passes(self, minutes: int) -> None:
        if self.hidden:
            minutes = min(minutes, 5)
        if self.stamped_at and self.fake.now + timedelta(minutes=minutes) - self.stamped_at > timedelta(
            minutes=9
        ):
            self.commits()
        self.fake.now += timedelta(minutes=minutes)
        # A sweep reaches back two days.
        if self.partly_mapped_at and self.fake.now - self.partly_mapped_at > timedelta(hours=24):
            if "etl" not in self.fake.dags:
                self._dag_appears()
            self.code_is_loaded_with_another_mapping()

    @rule(minutes=st.integers(2, 9))
    def it_ticks_once_a_minute(self, minutes: int) -> None:
        for _ in range(minutes):
            self.time_passes(1)
            self.drain()

    @rule(run=runs, task=tasks, minutes=st.integers(2, 8))
    def a_success_becomes_visible_late(self, run: str, task: str, minutes: int) -> None:
        self.drain()
        self.commits()
        self.task_succeeds(run, task, committed=False)
        self.it_ticks_once_a_minute(minutes)
        self.commits()

    # Without the DAG there is no asset for it until the code is loaded once more.
    @precondition(lambda self: "etl" in self.fake.dags)
    @rule()
    def code_is_loaded_with_another_mapping(self) -> None:
        tasks = TASKS if self.partly_mapped_at else [task for task in TASKS if task != "load"]
        self.partly_mapped_at = None if self.partly_mapped_at else self.fake.now
        cursor = self.daemon.cursor
        self.daemon = self._loaded(*tasks)
        self.daemon.cursor = cursor

    @rule(run=runs, task=tasks, committed=st.booleans())
    def task_succeeds(self, run: str, task: str, *, committed: bool) -> None:
        if (run, task) in self.hidden:
            return
        known = self.fake.task_instances.get(("etl", run, task, -1))
        if known is not None and known.payload["state"] == "success":
            return
        if known is not None and known.payload["state"] in ("failed", "up_for_retry"):
            self.fake.retry_task("etl", run, task)
        if not committed:
            self.hidden.add((run, task))
            self.stamped_at = self.stamped_at or self.fake.now
        self.fake.set_task("etl", run, task, committed=committed)

    @rule(run=runs, task=tasks, state=st.sampled_from(UNFINISHED))
    def task_does_not_succeed(self, run: str, task: str, state: str) -> None:
        known = self.fake.task_instances.get(("etl", run, task, -1))
        if (run, task) not in self.hidden and (known is None or known.payload["state"] != "success"):
            self.fake.set_task("etl", run, task, state)

    @rule()
    def commits(self) -> None:
        self.fake.commit()
        self.hidden.clear()
        self.stamped_at = None

    @rule(run=runs, index=indexes, state=st.sampled_from(["success", "failed", "running", "skipped"]))
    def mapped_instance_moves(self, run: str, index: int, state: str) -> None:
        known = self.fake.task_instances.get(("etl", run, "mapped", index))
        if known is not None and known.payload["state"] in ("failed", "success"):
            self.fake.retry_task("etl", run, "mapped", map_index=index)
        self.fake.set_task("etl", run, "mapped", state, map_index=index)

    @rule(run=runs, length=st.integers(0, 4))
    def mapped_task_is_cleared_and_expands_anew(self, run: str, length: int) -> None:
        for index in range(5):
            if ("etl", run, "mapped", index) in self.fake.task_instances:
                self.fake.clear_task("etl", run, "mapped", map_index=index)
                state = "removed" if index >= length else "success"
                self.fake.set_task("etl", run, "mapped", state, map_index=index)

    @rule(run=runs, task=tasks)
    def task_is_cleared(self, run: str, task: str) -> None:
        if ("etl", run, task, -1) in self.fake.task_instances and (run, task) not in self.hidden:
            self.fake.clear_task("etl", run, task)

    @rule(task=tasks)
    def all_runs_end_at_one_instant(self, task: str) -> None:
        for run in RUNS:
            self.task_succeeds(run, task, committed=True)
            self.fake.set_run("etl", run)

    @rule(run=runs, state=st.sampled_from(["success", "failed", "running"]))
    def run_moves(self, run: str, state: str) -> None:
        self.fake.set_run("etl", run, state)

    @rule(task=tasks)
    def a_task_and_its_run_of_last_month_end(self, task: str) -> None:
        if ("etl", "old", task, -1) in self.fake.task_instances:
            self.fake.clear_task("etl", "old", task)
        self.fake.set_run("etl", "old", "success", run_after=self.fake.now - timedelta(days=30))
        self.fake.set_task("etl", "old", task)

    @rule(run=runs)
    def run_is_deleted(self, run: str) -> None:
        self.commits()
        if ("etl", run) in self.fake.runs:
            self.fake.remove_run("etl", run)
            self.deleted[run] += 1

    @precondition(lambda self: self.may_go)
    @rule()
    def dag_is_deleted_or_comes_back(self) -> None:
        if "etl" in self.fake.dags:
            self.fake.remove_dag("etl")
            self.was_gone = True
        else:
            self._dag_appears()

    @rule(run=runs)
    def dag_and_task_run_under_new_names(self, run: str) -> None:
        self.fake.set_task("etl_v2", run, "extract")
        self.fake.set_run("etl_v2", run)
        self.fake.set_task("etl", run, "extract_v2")

    @rule(run=runs)
    def a_foreign_row_is_broken(self, run: str) -> None:
        self.fake.set_task("other", run, "x")
        self.fake.edit_task("other", run, "x", id=f"{run}-bad", dag_run_id=None)

    @rule(cap=st.integers(1, 4))
    def page_cap_changes(self, cap: int) -> None:
        self.fake.page_cap = cap

    @rule()
    def token_is_refused(self) -> None:
        self.fake.revoke_tokens()

    @rule(crash_after=st.none() | st.integers(0, 8))
    def tick(self, crash_after: int | None) -> None:
        self.daemon.tick(crash_after)

    @rule()
    def tick_that_dies_between_events_and_cursor(self) -> None:
        stored = self.daemon.tick(crash_after=10_000)
        assert len(stored) < 10_000

    @rule(path=st.sampled_from(PATHS), reply=st.sampled_from(sorted(BAD_REPLIES)), crash=st.booleans())
    def tick_with_a_failing_request(self, path: str, reply: str, *, crash: bool) -> None:
        reply = "refused" if reply == "gone" and not self.may_go else reply
        self.fake.revoke_tokens()
        self.fake.reply(BAD_REPLIES[reply], path=path)
        before, stored = self.daemon.cursor, self._ids()
        try:
            self.daemon.tick(0 if crash else None)
        except AirflowApiError:
            assert self.daemon.cursor == before
            assert self._ids() == stored
        self.fake.forget_replies()
        self.was_gone |= reply == "gone"

    @rule(text=st.sampled_from(["", "{}", "null", '{"v": 1}']))
    def cursor_is_lost(self, text: str) -> None:
        self.daemon.cursor = text
        self.reached.clear()

    def act_last(self) -> None:
        if self.last_act == "a burst":
            self.all_runs_end_at_one_instant("extract")
        elif self.last_act == "a late success":
            self.a_success_becomes_visible_late("r1", "extract", 8)
        elif self.last_act == "an old run":
            self.a_task_and_its_run_of_last_month_end("extract")

    def drain(self) -> None:
        ticks = iter(self.daemon.tick, [])
        assert sum(1 for _ in zip(ticks, range(20), strict=False)) < 20, "there is always something new"

    @invariant()
    def the_cursor_never_goes_back(self) -> None:
        kept = json.loads(self.daemon.cursor or "{}")
        for name in ("watermark", "swept_at"):
            now = kept.get(name) if isinstance(kept, dict) else None
            assert (now or self.reached.get(name, "")) >= self.reached.get(name, "")
            self.reached |= {name: now} if now else {}

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        assert [one for one, count in Counter(self._ids()).items() if count > 1] == []

    def _ids(self) -> list[tuple[str, str]]:
        return [
            (key, event.tags["dagster/data_version"])
            for key in KEYS
            for event in (*self.daemon.events(key), *self.daemon.observations(key))
        ]

    def each_final_success_is_stored_once(self) -> None:
        for task in ("extract", "load"):
            final = set(self._successes(task))
            for key in TASKS[task]:
                stored = Counter(self._stored(key, "Airflow Run ID", "Try Number"))
                # A run that was deleted and made again has the same names, and is another one.
                assert [one for one in final if not 1 <= stored[one] <= 1 + self.deleted[one[0]]] == []
        self._mapped_tasks_are_stored()
        ends = {
            (run, datetime.fromisoformat(row.payload["end_date"]).timestamp())
            for (dag, run), row in self.fake.runs.items()
            if dag == "etl" and row.payload["state"] == "success"
        }
        stored = Counter(self._stored("prod/dag/etl", "Airflow Run ID", "End Date"))
        assert {one: stored[one] for one in ends} == dict.fromkeys(ends, 1)

    def _successes(self, task: str) -> Iterator[tuple[str, int]]:
        for (dag, run, name, _), row in self.fake.task_instances.items():
            if (dag, name) == ("etl", task) and row.payload["state"] == "success":
                yield run, row.payload["try_number"]

    def _stored(self, key: str, *labels: str) -> Iterator[tuple[object, ...]]:
        for event in self.daemon.events(key):
            yield tuple(event.metadata[label].value for label in labels)

    def _mapped_tasks_are_stored(self) -> None:
        for run in RUNS:
            rows = [
                row.payload
                for key, row in self.fake.task_instances.items()
                if key[:3] == ("etl", run, "mapped")
            ]
            good = [row for row in rows if row["state"] == "success"]
            if good and {row["state"] for row in rows} <= {"success", "skipped", "removed"}:
                last = max(datetime.fromisoformat(row["end_date"]).timestamp() for row in good)
                stored = self._stored("parts", "Airflow Run ID", "Mapped Instances", "End Date")
                # It may have had more instances that were skipped when they were tried again.
                assert any(
                    (of, count >= len(good), end >= last) == (run, True, True) for of, count, end in stored
                )


class ObservationOfAirflowTwo(ObservationMachine):
    """The same, with neither keyset nor order nor ids."""

    version = "2.11.2"


EXAMPLES = int(os.environ.get("AIRLIFT_MACHINE_EXAMPLES", "0"))
"""How many examples of a long run, which begins with another seed each time; 0 for the short one, always the same."""
SETTINGS = settings(
    max_examples=EXAMPLES or 25,
    stateful_step_count=50 if EXAMPLES else 25,
    deadline=None,
    derandomize=not EXAMPLES,
    database=None,
    phases=[Phase.generate],  # an example costs a second: a failure is shown as it was found
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(
    "machine",
    [pytest.param(ObservationMachine, id="airflow 3"), pytest.param(ObservationOfAirflowTwo, id="airflow 2")],
)
def test_every_final_success_is_observed_exactly_once(machine: type[ObservationMachine]) -> None:
    run_state_machine_as_test(machine, settings=SETTINGS)


def _no_overlap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dagster_airlift_core.cursor.OVERLAP", timedelta(0))
    patch.setattr("dagster_airlift_core.cursor.BRIEF_OVERLAP", timedelta(0))


def _overlap_is_always_brief(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dagster_airlift_core.cursor.OVERLAP_EVERY", timedelta.max)


def _brief_passes_count_as_whole_ones(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Cursor, "reads_whole_overlap", True)


def _no_dedupe(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DagsterEventLog, "stored", lambda *_: frozenset[Identity]())


def _dedupe_by_asset_alone(patch: pytest.MonkeyPatch) -> None:
    def stored(log: DagsterEventLog, wanted: Collection[Identity]) -> frozenset[Identity]:
        keys = {key for key, _ in wanted if log.instance.get_latest_materialization_event(key)}
        return frozenset(one for one in wanted if one[0] in keys)

    patch.setattr(DagsterEventLog, "stored", stored)


def _page_by_stamps_alone(patch: pytest.MonkeyPatch) -> None:
    """The next page begins after the last stamp: what shares it is passed over."""
    whole = VersionTwo.task_instances

    def by_stamp(
        self: VersionTwo, ask: Ask, window: Window, page: str | None, *, with_unreached: bool
    ) -> Page[TaskInstance]:
        since = datetime.fromisoformat(page) if page else window.since
        found = whole(self, ask, Window(since, window.run_after), None, with_unreached=with_unreached)
        ends = [row.ended_at for row in found.rows if row.ended_at]
        is_last = found.next_page is None or not ends
        return replace(found, next_page=None if is_last else (max(ends) + timedelta(seconds=1)).isoformat())

    patch.setattr(VersionTwo, "task_instances", by_stamp)


def _instants_are_not_read_on(patch: pytest.MonkeyPatch) -> None:
    """What is more than a page at one stamp is not read, on Airflow 2."""
    patch.setattr("dagster_airlift_core._dialect.slices._is_whole", lambda _: True)


def _watermark_before_the_end(patch: pytest.MonkeyPatch) -> None:
    """A pass counts as done with its first page."""
    whole = Cursor.with_scan

    def early(self: Cursor, kind: Kind, _: Scan | None) -> Cursor:
        return whole(self, kind, None)

    patch.setattr(Cursor, "with_scan", early)


def _no_sweep(patch: pytest.MonkeyPatch) -> None:
    whole = Cursor.begun
    patch.setattr(Cursor, "begun", lambda *given: replace(whole(*given), sweep=None))


def _clock_of_dagster(patch: pytest.MonkeyPatch) -> None:
    """The watermark is what this machine takes for now."""
    patch.setattr(AirflowInstance, "server_time", lambda _: datetime.now(UTC))
    patch.setattr(AirflowInstance, "heard_at", property(lambda _: datetime.now(UTC)))


def _old_runs_wait_for_the_sweep(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(VersionTwo, "first_due", lambda *_: None)


def _success_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("dagster_airlift_core.events.SUCCESS", "nothing")


MUTATIONS = [
    pytest.param(_no_dedupe, ObservationMachine, id="dedupe dropped"),
    pytest.param(_page_by_stamps_alone, ObservationMachine, id="tie-break dropped, keyset"),
    pytest.param(_watermark_before_the_end, ObservationMachine, id="watermark before the end of the pass"),
    pytest.param(_success_is_forgotten, ObservationMachine, id="successes dropped"),
    pytest.param(_no_overlap, ObservationMachine, id="overlap dropped"),
    pytest.param(_overlap_is_always_brief, ObservationMachine, id="overlap always brief"),
    pytest.param(
        _brief_passes_count_as_whole_ones, ObservationMachine, id="brief passes taken for whole ones"
    ),
    pytest.param(_dedupe_by_asset_alone, ObservationMachine, id="dedupe by asset alone"),
    pytest.param(_instants_are_not_read_on, ObservationOfAirflowTwo, id="tie-break dropped, slices"),
    pytest.param(_no_sweep, ObservationMachine, id="sweep dropped"),
    pytest.param(_old_runs_wait_for_the_sweep, ObservationMachine, id="old runs left to the sweep"),
    pytest.param(_clock_of_dagster, ObservationMachine, id="clock of Dagster"),
]


@pytest.mark.parametrize(("mutate", "machine"), MUTATIONS)
def test_the_machine_notices_a_cursor_that_is_not_right(
    mutate: Callable[[pytest.MonkeyPatch], None],
    machine: type[ObservationMachine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutate(monkeypatch)
    # Sensors ask real clocks too: by a hair, what was noticed may not come again when Hypothesis shows it.
    with pytest.raises((AssertionError, FlakyFailure)):
        run_state_machine_as_test(machine, settings=settings(SETTINGS, max_examples=500))
