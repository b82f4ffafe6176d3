"""Airflow does what it likes between ticks that may crash; every final success is stored exactly once."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from datetime import datetime, timedelta

import dagster as dg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from dagster_airlift_core import (
    AirflowApiError,
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, Reply, SensorDaemon

TASKS = {"extract": ["raw"], "load": ["a", "b"], "mapped": ["parts"]}
RUNS = ("r1", "r2", "r3")
runs = st.sampled_from(RUNS)
tasks = st.sampled_from(["extract", "load"])
indexes = st.integers(0, 2)


class ObservationMachine(RuleBasedStateMachine):
    """Finishes, late commits, equal stamps, clears, small pages, bad rows, outages and crashes."""

    version = "3.3.2"

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.fake = self.stack.enter_context(FakeAirflow(page_cap=2, version=self.version))
        self.fake.add_dag("etl", {task: [] for task in TASKS})
        airflow = AirflowInstance(AirflowBasicAuthBackend(self.fake.url, "viewer", "viewer"), "prod")
        specs = {task: [dg.AssetSpec(key) for key in keys] for task, keys in TASKS.items()}
        defs = build_defs_from_airflow_instance(
            airflow_instance=airflow, defs=dg.Definitions(assets=assets_with_task_mappings("etl", specs))
        )
        instance = self.stack.enter_context(dg.DagsterInstance.ephemeral())
        self.daemon = SensorDaemon(defs, instance)
        self.hidden: set[tuple[str, str]] = set()
        self.stamped_at: datetime | None = None
        self.watermark = ""

    def teardown(self) -> None:
        self.fake.commit()
        for _ in range(3):
            self.fake.now += timedelta(minutes=1)
            self.drain()
        self.each_success_is_stored_once()
        self.stack.close()

    @rule(minutes=st.sampled_from([0, 1, 5, 70]))
    def time_passes(self, minutes: int) -> None:
        if self.hidden:
            minutes = min(minutes, 1)
        self.fake.now += timedelta(minutes=minutes)
        if self.stamped_at and self.fake.now - self.stamped_at > timedelta(minutes=8):
            self.commits()

    @rule(run=runs, task=tasks, committed=st.booleans())
    def task_succeeds(self, run: str, task: str, *, committed: bool) -> None:
        if (run, task) in self.hidden:
            return
        if not committed:
            self.hidden.add((run, task))
            self.stamped_at = self.stamped_at or self.fake.now
        known = self.fake.task_instances.get(("etl", run, task, -1))
        if known is None or known.payload["state"] != "success":
            self.fake.set_task("etl", run, task, committed=committed)
        else:
            self.hidden.discard((run, task))

    @rule()
    def commits(self) -> None:
        self.fake.commit()
        self.hidden.clear()
        self.stamped_at = None

    @rule(run=runs, index=indexes, state=st.sampled_from(["success", "failed", "running", "skipped"]))
    def mapped_instance_moves(self, run: str, index: int, state: str) -> None:
        self.fake.set_task("etl", run, "mapped", state, map_index=index)

    @rule(run=runs, task=tasks)
    def task_is_cleared(self, run: str, task: str) -> None:
        if ("etl", run, task, -1) in self.fake.task_instances and (run, task) not in self.hidden:
            self.fake.clear_task("etl", run, task)

    @rule(run=runs)
    def run_succeeds(self, run: str) -> None:
        self.fake.set_run("etl", run)

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

    @rule(crash_after=st.none() | st.integers(0, 3))
    def tick(self, crash_after: int | None) -> None:
        self.daemon.tick(crash_after)

    @rule()
    def tick_with_an_outage_in_the_middle(self) -> None:
        self.fake.reply(Reply(422, {"detail": "no"}), path="~/dagRuns$")
        before = self.daemon.cursor
        try:
            self.daemon.tick()
        except AirflowApiError:
            assert self.daemon.cursor == before

    @rule(text=st.sampled_from(["", "{}", "null", '{"v": 1}']))
    def cursor_is_lost(self, text: str) -> None:
        self.daemon.cursor = text
        self.watermark = ""

    def drain(self) -> None:
        while self.daemon.tick():
            pass

    @invariant()
    def the_watermark_never_goes_back(self) -> None:
        watermark = json.loads(self.daemon.cursor or "{}").get("watermark") if self._has_cursor() else None
        if watermark:
            assert watermark >= self.watermark
            self.watermark = watermark

    def _has_cursor(self) -> bool:
        return bool(self.daemon.cursor) and isinstance(json.loads(self.daemon.cursor), dict)

    @invariant()
    def nothing_is_stored_twice(self) -> None:
        for keys in TASKS.values():
            for key in keys:
                ids = Counter(event.tags["dagster/data_version"] for event in self.daemon.events(key))
                assert not [event_id for event_id, count in ids.items() if count > 1]

    def each_success_is_stored_once(self) -> None:
        for task in ("extract", "load"):
            final = {
                (row.payload["dag_run_id"], row.payload["try_number"])
                for key, row in self.fake.task_instances.items()
                if key[0] == "etl" and key[2] == task and row.payload["state"] == "success"
            }
            for key in TASKS[task]:
                stored = [
                    (event.metadata["Airflow Run ID"].value, event.metadata["Try Number"].value)
                    for event in self.daemon.events(key)
                ]
                assert Counter(stored) == Counter(set(stored))
                assert final <= set(stored)
        self._mapped_tasks_are_stored()

    def _mapped_tasks_are_stored(self) -> None:
        for run in RUNS:
            states = {
                row.payload["state"]
                for key, row in self.fake.task_instances.items()
                if key[:3] == ("etl", run, "mapped")
            }
            if "success" in states and states <= {"success", "skipped"}:
                stored = {event.metadata["Airflow Run ID"].value for event in self.daemon.events("parts")}
                assert run in stored


class ObservationOfAirflowTwo(ObservationMachine):
    """The same, with neither keyset nor order nor ids."""

    version = "2.11.2"


SETTINGS = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],  # an example costs a second: a failure is shown as it was found
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize(
    "machine",
    [pytest.param(ObservationMachine, id="airflow 3"), pytest.param(ObservationOfAirflowTwo, id="airflow 2")],
)
def test_every_final_success_is_observed_exactly_once(machine: type[ObservationMachine]) -> None:
    run_state_machine_as_test(machine, settings=SETTINGS)


def test_the_machine_notices_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_airlift_core.events.SUCCESS", "nothing")
    with pytest.raises(AssertionError):
        run_state_machine_as_test(ObservationMachine, settings=SETTINGS)
