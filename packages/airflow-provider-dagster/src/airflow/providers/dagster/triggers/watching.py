"""Waiting for what other people's runs in Dagster bring about, without a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow.providers.dagster.exceptions import DagsterError
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.ports import AsyncClock, SystemClock
from airflow.providers.dagster.steps import Steps, take_async
from airflow.providers.dagster.watching import look_for_materialization, look_for_run

__all__ = ["DagsterMaterializationTrigger", "DagsterRunEndTrigger", "WatchingTrigger"]

_EARLIEST_SECONDS = 5.0
"""An event that comes before the scheduler has heard of the deferral makes it fail the task (apache/airflow#72716)."""


class WatchingTrigger(BaseTrigger):
    """Looks again and again, until there is something to be seen; what it is, the sensor looks up itself.

    Args:
        dagster_conn_id: Airflow connection of type `dagster`.
        poke_interval: Seconds between two looks.

    Attributes:
        clock: The clock to wait by.
    """

    clock: AsyncClock = SystemClock()

    def __init__(self, *, dagster_conn_id: str, poke_interval: float) -> None:
        super().__init__()
        self.dagster_conn_id = dagster_conn_id
        self.poke_interval = poke_interval

    def look(self) -> Steps[object | None]:
        """Look once; None while there is nothing."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait.

        Yields:
            `{"seen": true}`, or false with the reason for giving up as `message`.
        """
        dagster = await DagsterHook(self.dagster_conn_id).get_async_conn()
        try:
            # The sensor has just looked, so the first thing to do is to wait.
            await self.clock.pause(max(self.poke_interval, _EARLIEST_SECONDS))
            while await take_async(self.look(), dagster, self.clock) is None:
                await self.clock.pause(self.poke_interval)
            event = {"seen": True, "message": ""}
        except DagsterError as error:
            event = {"seen": False, "message": str(error)}
        finally:
            await dagster.close()
        yield TriggerEvent(event)


class DagsterRunEndTrigger(WatchingTrigger):
    """Waits until a Dagster run, and what Dagster retries of it, has ended.

    Args:
        dagster_conn_id: Airflow connection of type `dagster`.
        poke_interval: Seconds between two looks.
        run_id: The run.
    """

    def __init__(self, *, dagster_conn_id: str, poke_interval: float, run_id: str) -> None:
        super().__init__(dagster_conn_id=dagster_conn_id, poke_interval=poke_interval)
        self.run_id = run_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what another process needs to wait in the place of this one; no secret is in it.

        Returns:
            Path of the class, and its arguments.
        """
        return "airflow.providers.dagster.triggers.watching.DagsterRunEndTrigger", {
            "dagster_conn_id": self.dagster_conn_id,
            "poke_interval": self.poke_interval,
            "run_id": self.run_id,
        }

    def look(self) -> Steps[object | None]:
        """Look whether the run has ended."""
        return look_for_run(self.run_id, self.clock, self.log)


class DagsterMaterializationTrigger(WatchingTrigger):
    """Waits until an asset has been materialized.

    Args:
        dagster_conn_id: Airflow connection of type `dagster`.
        poke_interval: Seconds between two looks.
        asset_key: Parts of the key of the asset.
        partition_key: Its partition, None for any.
        after: What has been materialized earlier does not count, in seconds since the epoch.
    """

    def __init__(
        self,
        *,
        dagster_conn_id: str,
        poke_interval: float,
        asset_key: Sequence[str],
        partition_key: str | None,
        after: float,
    ) -> None:
        super().__init__(dagster_conn_id=dagster_conn_id, poke_interval=poke_interval)
        self.asset_key = tuple(asset_key)
        self.partition_key = partition_key
        self.after = after

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what another process needs to wait in the place of this one; no secret is in it.

        Returns:
            Path of the class, and its arguments.
        """
        return "airflow.providers.dagster.triggers.watching.DagsterMaterializationTrigger", {
            "dagster_conn_id": self.dagster_conn_id,
            "poke_interval": self.poke_interval,
            "asset_key": list(self.asset_key),
            "partition_key": self.partition_key,
            "after": self.after,
        }

    def look(self) -> Steps[object | None]:
        """Look whether the asset has been materialized."""
        return look_for_materialization(self.asset_key, self.partition_key, self.after, self.clock, self.log)
