"""Waiting for Dagster runs without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow.providers.dagster.async_client import AsyncDagsterClient
from airflow.providers.dagster.event import DagsterRunEvent, Outcome
from airflow.providers.dagster.exceptions import DagsterError, DagsterRunDeleted
from airflow.providers.dagster.following import Following, end_runs
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.model import Run
from airflow.providers.dagster.ports import AsyncClock, SystemClock
from airflow.providers.dagster.steps import take_async
from airflow.providers.dagster.triggers.takeover import look_up

__all__ = ["DagsterRunTrigger"]

_EARLIEST_SECONDS = 5.0
"""An event that comes before the scheduler has heard of the deferral makes it fail the task (apache/airflow#72716)."""


class DagsterRunTrigger(BaseTrigger):
    """Waits until Dagster runs, and the retries that Dagster makes of them, have ended.

    Args:
        dagster_conn_id: Airflow connection of type `dagster`.
        launch_key: The launch key of the runs.
        run_ids: The runs.
        execution_deadline: When to stop waiting, in seconds since the epoch; None for never.
        cancel_on_kill: Whether to terminate the runs when somebody clears or marks the task.

    Attributes:
        clock: The clock to wait by.
    """

    clock: AsyncClock = SystemClock()

    def __init__(
        self,
        *,
        dagster_conn_id: str,
        launch_key: str,
        run_ids: Sequence[str],
        execution_deadline: float | None = None,
        cancel_on_kill: bool = True,
    ) -> None:
        super().__init__()
        self.dagster_conn_id = dagster_conn_id
        self.launch_key = launch_key
        self.run_ids = tuple(run_ids)
        self.execution_deadline = execution_deadline
        self.cancel_on_kill = cancel_on_kill
        self._hook = DagsterHook(dagster_conn_id)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what another process needs to wait in the place of this one; no secret is in it.

        Returns:
            Path of the class, and its arguments.
        """
        return "airflow.providers.dagster.triggers.dagster.DagsterRunTrigger", {
            "dagster_conn_id": self.dagster_conn_id,
            "launch_key": self.launch_key,
            "run_ids": list(self.run_ids),
            "execution_deadline": self.execution_deadline,
            "cancel_on_kill": self.cancel_on_kill,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait.

        Yields:
            One `DagsterRunEvent`, as a dictionary.
        """
        earliest = self.clock.now() + _EARLIEST_SECONDS
        dagster = await self._hook.get_async_conn()
        try:
            event = await self._event(dagster)
        except asyncio.CancelledError:
            await self._end_if_taken_over()
            raise
        finally:
            await dagster.close()
        await self.clock.pause(max(0.0, earliest - self.clock.now()))
        yield TriggerEvent(event.to_dict())

    async def on_kill(self) -> None:
        """Terminate what runs in Dagster for the task: somebody has cleared or marked it while it was deferred."""
        if not self.cancel_on_kill:
            return
        dagster = await self._hook.get_async_conn()
        try:
            await take_async(end_runs(self.launch_key, self.log), dagster, self.clock)
        finally:
            await dagster.close()

    async def _end_if_taken_over(self) -> None:
        """Do in Airflow 2 what Airflow 3.3 asks for by `on_kill`: there a kill breaks the wait off, as a restart does."""
        try:
            is_taken_over = await look_up(self.task_instance)
        except Exception:
            self.log.warning("Dagster runs of this task may go on: its state is unknown.", exc_info=True)
        else:
            if is_taken_over:
                await self._end_runs()

    async def _end_runs(self) -> None:
        """Terminate what runs in Dagster for the task; best effort, never raises."""
        try:
            await self.on_kill()
        except Exception:
            self.log.warning("Dagster runs of this task may go on: they cannot be terminated.", exc_info=True)

    async def _event(self, dagster: AsyncDagsterClient) -> DagsterRunEvent:
        try:
            async with asyncio.timeout(self._seconds_left()):
                runs = await self._ended(dagster)
        except TimeoutError:
            # Airflow 2 fails a task whose time is over without asking its operator.
            await self._end_runs()
            return self._stopped(Outcome.TIMED_OUT, "its execution_timeout is over")
        except DagsterRunDeleted as error:
            return self._stopped(Outcome.DELETED, str(error))
        except DagsterError as error:
            return self._stopped(Outcome.GAVE_UP, str(error))
        return DagsterRunEvent(Outcome.ENDED, self.launch_key, tuple(run.run_id for run in runs))

    async def _ended(self, dagster: AsyncDagsterClient) -> tuple[Run, ...]:
        following = Following(dagster.address, self.clock, self.log)
        return await take_async(following.ids_to_end(self.run_ids), dagster, self.clock)

    def _seconds_left(self) -> float | None:
        # The deadline is on the wall clock, which a restart of the triggerer does not set back.
        return None if self.execution_deadline is None else self.execution_deadline - self.clock.now()

    def _stopped(self, outcome: Outcome, message: str) -> DagsterRunEvent:
        return DagsterRunEvent(outcome, self.launch_key, self.run_ids, message)
