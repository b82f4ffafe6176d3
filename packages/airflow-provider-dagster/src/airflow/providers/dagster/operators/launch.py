"""What every operator does that launches Dagster runs: wait for them, end them, and say what they have made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast

from airflow.providers.common.compat.sdk import (  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed
    AirflowTaskTimeout,
    BaseOperator,
    Context,
    conf,
)

from airflow.providers.dagster import wire
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.event import DagsterRunEvent, Outcome
from airflow.providers.dagster.exceptions import DagsterError, DagsterRunDeleted, NothingToRun
from airflow.providers.dagster.following import Following, end_runs
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.intents import intents_of
from airflow.providers.dagster.launching import Attempt, Launcher, raise_if_not_loaded
from airflow.providers.dagster.links.dagster import RUN_URL_XCOM_KEY, DagsterRunLink
from airflow.providers.dagster.model import Materialized, Run
from airflow.providers.dagster.patience import PATIENCE_BEFORE_LAUNCH, PATIENCE_WHILE_RUNNING, Patience
from airflow.providers.dagster.plans import Plan, attempt_of
from airflow.providers.dagster.ports import Clock, SystemClock
from airflow.providers.dagster.steps import take
from airflow.providers.dagster.triggers.dagster import DagsterRunTrigger
from airflow.providers.dagster.waiting import check_success, wait_for_run

__all__ = ["ASSET_KEYS_XCOM_KEY", "RUN_IDS_XCOM_KEY", "DagsterLaunchOperator"]

RUN_IDS_XCOM_KEY = "dagster_run_ids"
"""The Dagster runs of a task instance, one for each code location; normally one."""
ASSET_KEYS_XCOM_KEY = "dagster_asset_keys"
"""The assets that these runs have materialized."""


class DagsterLaunchOperator(BaseOperator):
    """Launches Dagster runs and waits for them; what they are for is up to the operators made of it.

    A retry follows the run that an earlier try has launched, as long as that is alive or has succeeded; a clear always
    runs again.

    Args:
        dagster_conn_id: Airflow connection of type `dagster`. (templated)
        deferrable: Whether to wait in the triggerer instead of on a worker; Airflow's option
            `[operators] default_deferrable` unless given.
        cancel_on_kill: Whether to terminate the Dagster runs when the task is killed, times out or is marked.

    Attributes:
        clock: The clock to wait by.
    """

    clock: Clock = SystemClock()
    template_fields: Sequence[str] = ("dagster_conn_id",)
    operator_extra_links = (DagsterRunLink(),)

    def __init__(
        self,
        *,
        dagster_conn_id: str = DagsterHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        cancel_on_kill: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.dagster_conn_id = dagster_conn_id
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill
        self.dagster_run_url = ""
        self._hook: DagsterHook | None = None
        self._launch_key = ""
        self._runs: list[Run] = []

    def plan(self, dagster: DagsterClient, patience: Patience, context: Mapping[str, Any]) -> Plan:
        """Find out what to launch; nothing has been launched yet, and asking may be repeated.

        Args:
            dagster: The Dagster instance.
            patience: How long to ask it.
            context: Airflow's context of the task instance.

        Returns:
            What to launch.

        Raises:
            NothingToRun: Dagster lacks it.
        """
        raise NotImplementedError

    def execute(self, context: Context) -> object:
        """Run it in Dagster.

        Args:
            context: Airflow's context of the task instance.

        Returns:
            What an asset publishes as `airflow/return_value` in the metadata of its materialization; when several do,
            these values by asset key. Without any, `run_ids`, the Dagster runs, and `asset_keys`, what they have
            materialized.

        Raises:
            DagsterError: See the tree in `airflow.providers.dagster.exceptions`.
        """
        values = cast("Mapping[str, Any]", context)
        started = self.clock.now()
        self._hook = DagsterHook(self.dagster_conn_id)
        dagster = self._hook.get_conn()
        try:
            self._launch(dagster, self._planned(dagster, values), values)
            if self.deferrable and not all(run.is_over for run in self._runs):
                self._defer(started)
            ended = [wait_for_run(dagster, run, self.clock, self.log) for run in self._runs]
            return self._result(dagster, ended, values["ti"])
        finally:
            dagster.close()

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> object:
        """Go on after a deferral, with the link that Airflow stores again when the task ends.

        Args:
            next_method: The method to go on with.
            next_kwargs: Its arguments.
            context: Airflow's context of the task instance.

        Returns:
            What that method returns.
        """
        ti = cast("Mapping[str, Any]", context)["ti"]
        url = ti.xcom_pull(task_ids=ti.task_id, key=RUN_URL_XCOM_KEY, map_indexes=ti.map_index)
        self.dagster_run_url = str(url or "")
        return super().resume_execution(next_method, next_kwargs, context)

    def dagster_run_complete(self, context: Context, event: object = None) -> object:
        """Go on when the trigger has waited.

        Its name is ours alone: if the task is given back to Airflow while it is deferred, the original operator does
        not take our event for its own.

        Args:
            context: Airflow's context of the task instance.
            event: What the trigger yielded.

        Returns:
            What `execute` returns.

        Raises:
            DagsterError: See the tree in `airflow.providers.dagster.exceptions`.
            AirflowTaskTimeout: The `execution_timeout` is over.
        """
        told = DagsterRunEvent.from_dict(event)
        self._hook = DagsterHook(self.dagster_conn_id)
        self._launch_key = told.launch_key
        self._raise_unless_ended(told)
        dagster = self._hook.get_conn()
        try:
            following = Following(dagster.address, self.clock, self.log)
            ended = take(following.ids_to_end(told.run_ids), dagster, self.clock)
            return self._result(dagster, ended, cast("Mapping[str, Any]", context)["ti"])
        finally:
            dagster.close()

    def on_kill(self) -> None:
        """Terminate what runs in Dagster for this task; best effort, never raises."""
        if self._hook is None or not self._launch_key or not self.cancel_on_kill:
            return
        try:
            dagster = self._hook.get_conn()
            try:
                take(end_runs(self._launch_key, self.log), dagster, self.clock)
            finally:
                dagster.close()
        except Exception:
            self.log.warning("Dagster runs of this task may go on: they cannot be terminated.", exc_info=True)

    def _defer(self, started: float) -> NoReturn:
        timeout = self.execution_timeout
        trigger = DagsterRunTrigger(
            dagster_conn_id=self.dagster_conn_id,
            launch_key=self._launch_key,
            run_ids=[run.run_id for run in self._runs],
            # Airflow does not count the time of a deferred task against its timeout.
            execution_deadline=started + timeout.total_seconds() if timeout else None,
            cancel_on_kill=self.cancel_on_kill,
        )
        self.defer(trigger=trigger, method_name="dagster_run_complete")

    def _raise_unless_ended(self, told: DagsterRunEvent) -> None:
        if told.outcome is Outcome.TIMED_OUT:
            self.on_kill()
            raise AirflowTaskTimeout(
                f"Dagster runs {', '.join(told.run_ids)} have not ended, and {told.message}."
            )
        if told.outcome is Outcome.DELETED:
            raise DagsterRunDeleted(told.message)
        if told.outcome is Outcome.GAVE_UP:
            raise DagsterError(told.message)

    def _planned(self, dagster: DagsterClient, context: Mapping[str, Any]) -> Plan:
        patience = Patience(PATIENCE_BEFORE_LAUNCH, self.clock, self.log)
        try:
            return self.plan(dagster, patience, context)
        except NothingToRun as error:
            raise_if_not_loaded(dagster, patience, error)
            raise

    def _launch(self, dagster: DagsterClient, plan: Plan, context: Mapping[str, Any]) -> None:
        ti: Any = context["ti"]
        attempt = attempt_of(plan.instance, ti)
        self._launch_key = attempt.key
        self.log.info(
            "Dagster at %s runs %s for task %s.%s%s, under launch key %s.%s",
            dagster.address.url,
            ", ".join(work.name for work in plan.works) or "nothing",
            attempt.dag_id,
            attempt.task_id,
            f" of Airflow instance {plan.instance!r}" if plan.instance else "",
            attempt.key,
            self._way_back(attempt),
        )
        intents = intents_of(context, self.clock)
        launcher = Launcher(dagster, attempt, intents, self.clock, self.log, plan.seen)
        for work in plan.works:
            run = launcher.attach_or_launch(work)
            self._runs.append(run)
            self._publish(dagster, self._runs, ti)
            self.log.info("Dagster run %s (%s)", dagster.address.run_url(run.run_id), run.status.value)

    def _way_back(self, attempt: Attempt) -> str:  # noqa: ARG002 - for those who have one
        return ""

    def _publish(self, dagster: DagsterClient, runs: Sequence[Run], ti: Any) -> None:  # noqa: ANN401
        address = dagster.address
        several = len(runs) > 1
        self.dagster_run_url = (
            address.runs_url(wire.LAUNCH_KEY_TAG, self._launch_key)
            if several
            else address.run_url(runs[0].run_id)
        )
        ti.xcom_push(key=RUN_IDS_XCOM_KEY, value=[run.run_id for run in runs])
        ti.xcom_push(key=RUN_URL_XCOM_KEY, value=self.dagster_run_url)

    def _result(self, dagster: DagsterClient, ended: Sequence[Run], ti: Any) -> object:  # noqa: ANN401
        if not ended:
            return {"run_ids": [], "asset_keys": []}
        self._publish(dagster, ended, ti)  # once more, for Dagster may have retried a run in another one
        check_success(dagster, ended, self.log)
        patience = Patience(PATIENCE_WHILE_RUNNING, self.clock, self.log)
        made = [
            each
            for run in ended
            for each in patience.ask(lambda: dagster.materialized(run.run_id))  # noqa: B023
        ]
        keys = sorted({each.key for each in made})
        ti.xcom_push(key=ASSET_KEYS_XCOM_KEY, value=keys)
        return _return_value(made, {"run_ids": [run.run_id for run in ended], "asset_keys": keys})


def _return_value(made: Sequence[Materialized], summary: dict[str, list[str]]) -> object:
    values = {each.key: each.value for each in made if each.has_value}
    if not values:
        return summary
    return next(iter(values.values())) if len(values) == 1 else values
