"""One Airflow attempt, one Dagster run: find the run of this task, or launch it, and never twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow.providers.dagster import wire
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterApiError, DagsterError, DagsterLaunchRefused
from airflow.providers.dagster.intents import NOTE_SECONDS, Intents
from airflow.providers.dagster.model import Run, RunStatus, Work
from airflow.providers.dagster.patience import PATIENCE_BEFORE_LAUNCH, PATIENCE_WHILE_RUNNING, Patience
from airflow.providers.dagster.ports import Clock, Log

__all__ = ["Attempt", "Launcher", "choose_run", "raise_if_not_loaded"]

SETTLE_SECONDS = 60.0
"""How long a run may take to show up after its launch has left without an answer."""
SETTLE_POLL_SECONDS = 2.0
LAUNCHES = 3
"""How often to launch, each time after a whole settle window without a run."""


@dataclass(frozen=True)
class Attempt:
    """One try of one Airflow task instance, named across both systems."""

    instance: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    max_tries: int
    try_number: int
    dag_run_url: str

    @property
    def key(self) -> str:
        """The launch key: equal for all tries, another one after a clear."""
        return wire.launch_key(
            instance=self.instance,
            dag_id=self.dag_id,
            run_id=self.run_id,
            task_id=self.task_id,
            map_index=self.map_index,
            max_tries=self.max_tries,
        )

    @property
    def task_instance_tags(self) -> dict[str, str]:
        """Tags that all runs of this task instance carry, whatever try or generation launched them."""
        return {
            wire.INSTANCE_TAG: self.instance,
            wire.DAG_ID_TAG: self.dag_id,
            wire.RUN_ID_TAG: self.run_id,
            wire.TASK_ID_TAG: self.task_id,
            wire.MAP_INDEX_TAG: str(self.map_index),
        }

    @property
    def tags(self) -> dict[str, str]:
        """Tags of a run that this try launches."""
        tags = {
            **self.task_instance_tags,
            wire.TRY_NUMBER_TAG: str(self.try_number),
            wire.LAUNCH_KEY_TAG: self.key,
        }
        return {**tags, wire.DAG_RUN_URL_TAG: self.dag_run_url} if self.dag_run_url else tags


def choose_run(runs: Sequence[Run], try_number: int) -> Run | None:
    """Choose the run of a launch key that a try has to follow.

    Args:
        runs: All runs with the key, oldest first.
        try_number: The try that asks.

    Returns:
        A live run, else a successful one, else one of which Dagster has announced a retry that is not there yet, else
        one that is being canceled, else one that this very try launched and that failed. None when a run is to be
        launched.
    """
    ids = {run.run_id for run in runs}
    canceling = [run for run in runs if run.status is RunStatus.CANCELING]
    live = [run for run in runs if not run.status.is_terminal and run not in canceling]
    successful = [run for run in runs if run.status.is_success]
    announced = [run for run in runs if run.will_retry and run.retry_run_id not in ids]
    of_this_try = [run for run in runs if run.status.is_terminal and run.try_number >= try_number]
    return next(iter([*live, *successful, *announced, *canceling, *reversed(of_this_try)]), None)


def _never_arrived(error: DagsterApiError) -> bool:
    """Only then can a launch be sent again without a look for its run."""
    return error.transient and not error.delivered


def raise_if_not_loaded(dagster: DagsterClient, patience: Patience, error: DagsterError) -> None:
    """Turn an error that rules out a retry into one that does not, when code locations are not loaded.

    Args:
        dagster: The Dagster instance.
        patience: How long to ask it.
        error: What Dagster lacks or refuses, perhaps only because a code location is being reloaded.

    Raises:
        DagsterError: Some code location is not loaded.
    """
    broken = patience.ask(dagster.broken_locations)
    if broken:
        reasons = "; ".join(f"{location.name!r}: {location.problem}" for location in broken)
        raise DagsterError(f"{error} Code locations of Dagster are not loaded, {reasons}.") from error


@dataclass(frozen=True)
class _Sight:
    """What Dagster shows of a task instance: the runs of its launch key in one place, and all others, oldest first."""

    own: tuple[Run, ...]
    others: tuple[Run, ...]
    tries: frozenset[int]
    """The tries that have launched a run in this place, in whatever generation."""


class Launcher:
    """Finds or launches the runs of one attempt.

    What makes a second run impossible while one attempt lives at a time (two attempts that live at once, after a
    network split, are beyond what a client can prevent):

    1. A launch leaves only after a look for the runs of its launch key.
    2. A launch that may have arrived without an answer is followed by looks for a settle window, before another.
    3. So is a launch of an earlier try whose process died before the answer. Airflow 3.3 stores the intent to launch.
       Before 3.3 a try after the first has to assume such a launch, unless it sees a run that the try before it has
       launched: then that launch has been answered by its run, and a try makes no other one for the same assets.
    4. What still lives of earlier generations is ended before a launch, after the settle window.

    Args:
        dagster: The Dagster instance.
        attempt: The try of the task.
        intents: Memory of launches whose answer never came.
        clock: The clock to wait by.
        log: Log of the task.
        seen: The runs of the task instance, oldest first, if this attempt has just asked for them: the first look
            takes these. What an earlier attempt has launched is in them, or its intent is open.
    """

    def __init__(
        self,
        dagster: DagsterClient,
        attempt: Attempt,
        intents: Intents,
        clock: Clock,
        log: Log,
        seen: Sequence[Run] | None = None,
    ) -> None:
        self._dagster = dagster
        self._attempt = attempt
        self._intents = intents
        self._clock = clock
        self._log = log
        self._patience = Patience(PATIENCE_BEFORE_LAUNCH, clock, log)
        self._open_since = intents.latest()
        self._seen = seen

    def attach_or_launch(self, work: Work) -> Run:
        """Follow the run that stands for this work already, or launch it.

        Args:
            work: What to launch.

        Returns:
            The run, in any state.

        Raises:
            DagsterLaunchRefused: Dagster declined the launch.
            DagsterError: Dagster cannot be asked, or its code location is not loaded.
        """
        found, sight = self._look(work)
        open_since = None if self._attempt.try_number - 1 in sight.tries else self._open_since
        if found is None and open_since is not None:
            self._log.info("An earlier try may have launched a run that is not there yet. Looking for it.")
            found, sight = self._settle(work, sight, since=open_since)
        if found is not None:
            self._log.info("Found Dagster run %s (%s) of this task.", found.run_id, found.status.value)
            return found
        self._end_older_generations(sight)
        run = self._launch_until_clear(work, sight)
        self._intents.clear()
        return run

    def _launch_until_clear(self, work: Work, sight: _Sight) -> Run:
        unsure: DagsterApiError | None = None
        for _ in range(LAUNCHES):
            answer = self._launch(work)
            if isinstance(answer, Run):
                return answer
            unsure = answer
            run, sight = self._settle(work, sight, since=self._clock.now())
            if run is not None:
                return run
        raise DagsterError(
            f"Dagster at {self._dagster.address.url} took {LAUNCHES} launches for launch key {self._attempt.key} "
            f"without a clear answer, and no run showed up. {unsure}"
        ) from unsure

    def _look(self, work: Work) -> tuple[Run | None, _Sight]:
        """Look for the run to follow, once none of them is being canceled."""
        deadline = self._clock.now() + PATIENCE_WHILE_RUNNING
        while True:
            sight = self._sight(work)
            run = choose_run(sight.own, self._attempt.try_number)
            if run is None or run.status is not RunStatus.CANCELING:
                return run, sight
            self._pause_until(deadline, run)

    def _sight(self, work: Work) -> _Sight:
        runs, self._seen = self._seen, None
        if runs is None:
            runs = self._patience.ask(lambda: self._dagster.runs(self._attempt.task_instance_tags))
        places = {(work.location, work.repository), ("", "")}
        here = [run for run in runs if (run.location, run.repository) in places]
        key = self._attempt.key
        return _Sight(
            own=tuple(run for run in here if run.tags.get(wire.LAUNCH_KEY_TAG) == key),
            others=tuple(run for run in runs if run.tags.get(wire.LAUNCH_KEY_TAG) != key),
            tries=frozenset(run.try_number for run in here),
        )

    def _settle(self, work: Work, sight: _Sight, *, since: float) -> tuple[Run | None, _Sight]:
        """Look until a launch that left then at the latest must have made its run."""
        # A clock elsewhere may be ahead of ours.
        deadline = min(since, self._clock.now()) + SETTLE_SECONDS
        while self._clock.now() < deadline:
            self._clock.sleep(SETTLE_POLL_SECONDS)
            run, sight = self._look(work)
            if run is not None:
                return run, sight
        return None, sight

    def _launch(self, work: Work) -> Run | DagsterApiError:
        """Launch once; an answer that leaves it open whether there is a run is handed back, not raised."""
        try:
            return self._patience.ask(lambda: self._send(work), again_if=_never_arrived)
        except DagsterApiError as error:
            if not error.delivered:
                raise
            self._log.warning("%s Looking for the run for %d s.", error, SETTLE_SECONDS)
            return error
        except DagsterLaunchRefused as error:
            self._intents.clear()
            raise_if_not_loaded(self._dagster, self._patience, error)
            raise

    def _send(self, work: Work) -> Run:
        self._note_intent()
        try:
            return self._dagster.launch(work, self._attempt.tags)
        except DagsterApiError as error:
            if not error.delivered:
                self._intents.clear()
            raise

    def _note_intent(self) -> None:
        """Note when the launch leaves; again when that took so long that it might leave after its deadline."""
        late = True
        while late:
            noted = self._clock.now()
            self._intents.note(noted)
            late = self._clock.now() > noted + NOTE_SECONDS

    def _end_older_generations(self, sight: _Sight) -> None:
        """Terminate what runs for this task from before it was cleared: two must not run at once."""
        for run in sight.others:
            if run.status.is_terminal:
                continue
            self._log.info(
                "Terminating Dagster run %s, which is from before the task was cleared.", run.run_id
            )
            self._terminate_and_wait(run)

    def _terminate_and_wait(self, run: Run) -> None:
        self._patience.ask(lambda: self._dagster.terminate(run.run_id))
        deadline = self._clock.now() + PATIENCE_WHILE_RUNNING
        while not self._patience.ask(lambda: self._dagster.run(run.run_id)).status.is_terminal:
            self._pause_until(deadline, run)

    def _pause_until(self, deadline: float, run: Run) -> None:
        if self._clock.now() > deadline:
            raise DagsterError(
                f"Dagster run {run.run_id} of this task has been terminated but does not end: "
                f"{self._dagster.address.run_url(run.run_id)}. Force its termination there."
            )
        self._clock.sleep(SETTLE_POLL_SECONDS)
