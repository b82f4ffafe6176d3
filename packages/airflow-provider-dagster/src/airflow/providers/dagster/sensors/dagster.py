"""The sensors: for tasks that need what Dagster does by itself by now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from airflow.providers.common.compat.sdk import (  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed
    BaseSensorOperator,
    Context,
    PokeReturnValue,
    conf,
)

from airflow.providers.dagster.arguments import moment_of
from airflow.providers.dagster.exceptions import DagsterError, DagsterRunDeleted
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.links.dagster import RUN_URL_XCOM_KEY, DagsterRunLink
from airflow.providers.dagster.model import Run
from airflow.providers.dagster.ports import Clock, SystemClock
from airflow.providers.dagster.steps import Steps, take
from airflow.providers.dagster.triggers.watching import (
    DagsterMaterializationTrigger,
    DagsterRunEndTrigger,
    WatchingTrigger,
)
from airflow.providers.dagster.waiting import check_success
from airflow.providers.dagster.watching import look_for_materialization, look_for_run

__all__ = ["DagsterAssetSensor", "DagsterRunSensor", "DagsterSensor"]


class DagsterSensor(BaseSensorOperator):
    """Looks at Dagster until there is something to be seen; what that is, is up to the sensors made of it.

    Args:
        dagster_conn_id: Airflow connection of type `dagster`. (templated)
        deferrable: Whether to wait in the triggerer instead of on a worker; Airflow's option
            `[operators] default_deferrable` unless given.
        **kwargs: What every sensor takes.
    """

    template_fields: Sequence[str] = ("dagster_conn_id",)
    operator_extra_links = (DagsterRunLink(),)

    def __init__(
        self,
        *,
        dagster_conn_id: str = DagsterHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.dagster_conn_id = dagster_conn_id
        self.deferrable = deferrable
        self.dagster_run_url = ""

    def look(self, clock: Clock) -> Steps[Run | str | None]:
        """Look once.

        Args:
            clock: The clock to wait by while Dagster does not answer.

        Returns:
            The run that has ended, or the id of one that has materialized the asset; None while there is nothing.
        """
        raise NotImplementedError

    def trigger(self) -> WatchingTrigger:
        """Give what waits in the triggerer."""
        raise NotImplementedError

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once.

        Args:
            context: Airflow's context of the task instance.

        Returns:
            Whether there is something, and the id of the Dagster run.

        Raises:
            DagsterError: See the tree in `airflow.providers.dagster.exceptions`.
        """
        dagster = DagsterHook(self.dagster_conn_id).get_conn()
        try:
            clock = SystemClock()
            found = take(self.look(clock), dagster, clock)
            if found is None:
                return PokeReturnValue(is_done=False)
            run_id = found.run_id if isinstance(found, Run) else found
            if run_id:
                self.dagster_run_url = dagster.address.run_url(run_id)
                ti = cast("Mapping[str, Any]", context)["ti"]
                ti.xcom_push(key=RUN_URL_XCOM_KEY, value=self.dagster_run_url)
            if isinstance(found, Run):
                check_success(dagster, [found], self.log)
            return PokeReturnValue(is_done=True, xcom_value=run_id)
        finally:
            dagster.close()

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - Airflow's signature
        """Wait, in the triggerer if that is asked for.

        Args:
            context: Airflow's context of the task instance.

        Returns:
            The id of the Dagster run.
        """
        if not self.deferrable:
            return super().execute(context)
        seen = self.poke(context)
        if seen.is_done:
            return seen.xcom_value
        limit = timedelta(seconds=float(self.timeout))
        return self.defer(trigger=self.trigger(), method_name="dagster_seen", timeout=limit)

    def dagster_seen(self, context: Context, event: object = None) -> object:
        """Go on when the trigger has seen something.

        Args:
            context: Airflow's context of the task instance.
            event: What the trigger yielded.

        Returns:
            The id of the Dagster run.

        Raises:
            DagsterError: The trigger has given up, or its event is not known.
        """
        told = cast("Mapping[str, Any]", event if isinstance(event, dict) else {})
        if told.get("seen") is not True:
            raise DagsterError(
                str(
                    told.get("message")
                    or f"The sensor was resumed with {event!r}, which is no event of its trigger."
                )
            )
        seen = self.poke(context)
        if not seen.is_done:
            raise DagsterError(f"What {self.task_id!r} has waited for was in Dagster, and is gone again.")
        return seen.xcom_value


class DagsterRunSensor(DagsterSensor):
    """Waits for a Dagster run, and for what Dagster retries of it; fails as that does.

    Args:
        run_id: The run. (templated)
        **kwargs: What every sensor takes, and `dagster_conn_id` and `deferrable` of `DagsterSensor`.
    """

    custom_operator_name = "DagsterRunSensor"
    template_fields = ("dagster_conn_id", "run_id")

    def __init__(self, *, run_id: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.run_id = run_id
        self._was_seen = False

    def look(self, clock: Clock) -> Steps[Run | str | None]:
        """Look whether the run has ended."""
        try:
            run = yield from look_for_run(self.run_id, clock, self.log)
        except DagsterRunDeleted as error:
            if self._was_seen:
                raise
            raise DagsterRunDeleted(
                f"Dagster, by Airflow connection {self.dagster_conn_id!r}, has no run {self.run_id!r}; check `run_id`, "
                "unless the run has been deleted."
            ) from error
        self._was_seen = True
        return run

    def trigger(self) -> WatchingTrigger:
        """Give what waits in the triggerer."""
        return DagsterRunEndTrigger(
            dagster_conn_id=self.dagster_conn_id,
            poke_interval=float(self.poke_interval),
            run_id=self.run_id,
        )


class DagsterAssetSensor(DagsterSensor):
    """Waits until a Dagster asset, or one partition of it, has been materialized.

    Args:
        asset_key: Key of the asset as Dagster shows it, such as `raw/orders`, or as a list of its parts. (templated)
        partition_key: The partition; any one unless given. (templated)
        after: What has been materialized earlier does not count: a moment, or one in the format of ISO 8601, in UTC
            unless it says otherwise; whatever there is counts unless given. (templated)
        **kwargs: What every sensor takes, and `dagster_conn_id` and `deferrable` of `DagsterSensor`.
    """

    custom_operator_name = "DagsterAssetSensor"
    template_fields = ("dagster_conn_id", "asset_key", "partition_key", "after")

    def __init__(
        self,
        *,
        asset_key: str | Sequence[str],
        partition_key: str | None = None,
        after: str | datetime | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.asset_key = asset_key
        self.partition_key = partition_key
        self.after = after

    def look(self, clock: Clock) -> Steps[Run | str | None]:
        """Look whether the asset has been materialized."""
        return look_for_materialization(
            _parts(self.asset_key), self.partition_key or None, _seconds(self.after), clock, self.log
        )

    def trigger(self) -> WatchingTrigger:
        """Give what waits in the triggerer."""
        return DagsterMaterializationTrigger(
            dagster_conn_id=self.dagster_conn_id,
            poke_interval=float(self.poke_interval),
            asset_key=_parts(self.asset_key),
            partition_key=self.partition_key or None,
            after=_seconds(self.after),
        )


def _parts(key: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(key.split("/")) if isinstance(key, str) else tuple(key)


def _seconds(after: str | datetime | None) -> float:
    return moment_of(after, "after") if after else 0.0
