"""The real hook, operator and sockets against a Dagster that goes wrong at any call, and an Airflow that kills at any."""

import contextlib
import itertools
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow.providers.dagster import wire
from airflow.providers.dagster.exceptions import DagsterError
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator
from airflow.providers.dagster.testing import FakeClock, FakeDagster, FakeRun, Fault

CLIENT_SECONDS = 0.3
LATEST_CREATION = 50.0
RETRIES = 2


class Trouble(Enum):
    """What happens to one call."""

    NONE = "none"
    RESET = "the connection breaks"
    RESET_ACTED = "it breaks after Dagster has acted"
    RESET_ACTS_LATE = "it breaks, and Dagster acts later"
    HANG_ACTED = "Dagster acts and does not answer in time"
    TRUNCATED = "half of the answer arrives"
    BUSY = "429"
    DOWN = "503"
    DOWN_ACTED = "502, though Dagster has acted"
    LOGIN = "a login page"
    KILLED = "the process is killed before Dagster acts"
    KILLED_ACTED = "the process is killed after Dagster has acted"
    KILLED_ACTS_LATE = "the process is killed, and Dagster acts later"
    STOPPED = "Airflow stops the task, which may clean up"


KILLS = {Trouble.KILLED, Trouble.KILLED_ACTED, Trouble.KILLED_ACTS_LATE, Trouble.STOPPED}
LATE = {Trouble.RESET_ACTS_LATE, Trouble.KILLED_ACTS_LATE}
FAULTS = {
    Trouble.RESET: Fault(drop=True),
    Trouble.RESET_ACTED: Fault(acts=True, drop=True),
    Trouble.RESET_ACTS_LATE: Fault(acts=True, drop=True),
    Trouble.HANG_ACTED: Fault(acts=True, drop=True, delay=CLIENT_SECONDS + 0.1),
    Trouble.TRUNCATED: Fault(
        acts=True,
        status=200,
        content_type="application/json",
        body='{"da',
        headers={"Content-Length": "99"},
    ),
    Trouble.BUSY: Fault(status=429, headers={"Retry-After": "7"}),
    Trouble.DOWN: Fault(status=503),
    Trouble.DOWN_ACTED: Fault(acts=True),
    Trouble.LOGIN: Fault(acts=True, status=200),
    Trouble.KILLED: Fault(drop=True),
    Trouble.KILLED_ACTED: Fault(acts=True, drop=True),
    Trouble.KILLED_ACTS_LATE: Fault(acts=True, drop=True),
    Trouble.STOPPED: Fault(acts=True, drop=True),
}


class Killed(BaseException):
    """The process is gone: nothing of ours runs any more."""


class Stopped(BaseException):
    """Airflow stops the task with a signal, and then asks the operator to clean up."""


@dataclass
class Attempt:
    """What happens around one try.

    Args:
        launches: What happens to its launches, in order; later ones go well.
        others: What happens to its other calls.
        ends: How the runs that it launches end.
        clear: Whether somebody clears the task before it, otherwise it is an automatic retry.
        wait: Seconds before it.
        creation: Seconds until Dagster acts where it acts late.
    """

    launches: list[Trouble]
    others: list[Trouble]
    ends: str
    clear: bool
    wait: float
    creation: float


class Process:
    """The process of a task, which may die at any moment.

    Args:
        clock: Time outside of it.
    """

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.end: type[BaseException] | None = None

    def check(self) -> None:
        """Go on only while it lives."""
        if self.end:
            raise self.end

    def now(self) -> float:
        self.check()
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self.check()
        self._clock.sleep(seconds)
        self.check()


class Storm(FakeDagster):
    """A Dagster in trouble, which judges each run when it is created.

    Args:
        clock: Its clock.
    """

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.process = Process(clock)
        self.attempt = Attempt([], [], "SUCCESS", clear=False, wait=0.0, creation=0.0)
        self.violations: list[str] = []
        self._trouble = Trouble.NONE

    def next_fault(self, operation: str) -> Fault | None:
        coming = self.attempt.launches if operation == "AirflowLaunch" else self.attempt.others
        self._trouble = coming.pop(0) if coming else Trouble.NONE
        if self._trouble in KILLS:
            self.process.end = Stopped if self._trouble is Trouble.STOPPED else Killed
        return FAULTS.get(self._trouble)

    def answer(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.launch_statuses = ("QUEUED", "STARTED", "STARTED", self.attempt.ends)
        if operation != "AirflowLaunch" or self._trouble not in LATE:
            return super().answer(operation, variables)
        act = super().answer
        self.clock.after(self.attempt.creation, lambda: act(operation, variables))
        return {}

    def add_run(self, tags: Any, *statuses: str, **fields: Any) -> FakeRun:  # noqa: ANN401
        key, tried = tags[wire.LAUNCH_KEY_TAG], tags[wire.TRY_NUMBER_TAG]
        for run in self.runs.values():
            same_key = run.tags[wire.LAUNCH_KEY_TAG] == key
            if run.status not in {"SUCCESS", "FAILURE", "CANCELED"}:
                self.violations.append(
                    f"a second live run ({run.status}) of {'one key' if same_key else 'one task'}"
                )
            if same_key and run.status == "SUCCESS":
                self.violations.append("a second run after a success")
            if same_key and run.tags[wire.TRY_NUMBER_TAG] == tried:
                self.violations.append("two runs of one try")
        return super().add_run(tags, *statuses, **fields)


@dataclass
class TaskInstance:
    """What the operator sees of Airflow's task instance."""

    try_number: int = 0
    max_tries: int = RETRIES
    dag_id: str = "etl"
    run_id: str = "manual__1"
    task_id: str = "load"
    map_index: int = -1

    def xcom_push(self, key: str, value: object) -> None: ...


@dataclass
class Store:
    """Airflow's store of the task instance, out of reach of a process that is dead."""

    process: Callable[[], Process]
    entries: dict[str, Any] = field(default_factory=dict[str, Any])

    def get(self, key: str) -> Any:  # noqa: ANN401
        self.process().check()
        return self.entries.get(key)

    def set(self, key: str, value: Any) -> None:  # noqa: ANN401
        self.process().check()
        self.entries[key] = value

    def delete(self, key: str) -> None:
        self.process().check()
        self.entries.pop(key, None)


@contextlib.contextmanager
def airflow_of(storm: Storm, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    extra = f'{{"timeout": {CLIENT_SECONDS}}}'
    uri = f'{{"conn_type": "dagster", "host": "{storm.url}", "extra": {extra}}}'
    with monkeypatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_DAGSTER_DEFAULT", uri)
        yield


def run_try(storm: Storm, ti: TaskInstance, store: Store | None) -> dict[str, Any] | None:
    """Let one try of the task run to its end; give what it returns, None unless it succeeds."""
    storm.process = Process(storm.clock)
    operator = DagsterProxyOperator(task_id=ti.task_id)
    operator.clock = storm.process
    context: dict[str, Any] = {"ti": ti, "task": operator}
    if store is not None:
        context["task_state_store"] = store
    try:
        result: Any = operator.execute(context)  # pyright: ignore[reportArgumentType]
        storm.process.check()
    except (DagsterError, Killed):
        return None
    except Stopped:
        storm.process.end = None
        operator.on_kill()
        return None
    return result


troubles = st.sampled_from(list(Trouble))
attempts = st.builds(
    Attempt,
    launches=st.lists(troubles, max_size=3),
    # Most calls go well, or no try would come to its launch.
    others=st.lists(st.one_of(st.just(Trouble.NONE), st.just(Trouble.NONE), troubles), max_size=8),
    ends=st.sampled_from(["SUCCESS", "FAILURE"]),
    clear=st.booleans(),
    wait=st.sampled_from([0.0, 5.0, 100.0]),
    creation=st.sampled_from([0.5, 10.0, LATEST_CREATION]),
)


def tried(
    *launches: Trouble, ends: str = "SUCCESS", clear: bool = False, then: tuple[Trouble, ...] = ()
) -> Attempt:
    before = [Trouble.NONE] * 4 if then else []
    return Attempt(list(launches), [*before, *then], ends, clear, 0.0, LATEST_CREATION)


@pytest.mark.parametrize("has_store", [True, False], ids=["with a store", "without"])
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plan=st.lists(attempts, min_size=1, max_size=4))
@example(plan=[tried(Trouble.RESET_ACTS_LATE)])
@example(plan=[tried(Trouble.DOWN_ACTED)])
@example(plan=[tried(Trouble.KILLED_ACTED), tried()])
@example(plan=[tried(Trouble.KILLED_ACTS_LATE), tried()])
@example(plan=[tried(Trouble.KILLED_ACTS_LATE), tried(clear=True)])
@example(plan=[tried(ends="FAILURE"), tried(Trouble.KILLED_ACTS_LATE), tried()])
@example(plan=[tried(then=(Trouble.KILLED,)), tried(clear=True)])
@example(plan=[tried(then=(Trouble.STOPPED,)), tried(Trouble.RESET), tried(clear=True)])
def test_whatever_goes_wrong_a_task_is_one_run_and_a_clear_one_more(
    monkeypatch: pytest.MonkeyPatch, *, has_store: bool, plan: list[Attempt]
) -> None:
    clock, ti = FakeClock(), TaskInstance()
    with Storm(clock) as storm, airflow_of(storm, monkeypatch):
        storm.add_asset("orders", ("prod", "etl", "load"))
        store = Store(lambda: storm.process) if has_store else None
        last = Attempt([], [], "SUCCESS", clear=True, wait=0.0, creation=0.0)
        for attempt in itertools.chain(plan, [last]):
            clock.sleep(attempt.wait)
            if attempt.clear and ti.try_number:
                ti.max_tries = ti.try_number + RETRIES
            ti.try_number += 1
            storm.attempt = deepcopy(attempt)
            result = run_try(storm, ti, store)
        clock.sleep(2 * LATEST_CREATION)  # what is still on its way arrives
        of_the_last_generation = [
            run
            for run in storm.runs.values()
            if run.tags[wire.TRY_NUMBER_TAG] == str(ti.try_number) and run.status == "SUCCESS"
        ]

        assert storm.violations == []
        assert result is not None
        assert result["run_ids"] == [run.run_id for run in of_the_last_generation]
