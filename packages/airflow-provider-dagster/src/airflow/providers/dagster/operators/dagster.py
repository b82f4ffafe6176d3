"""The operator that has Dagster do the work of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, cast
from urllib.parse import quote

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
from airflow.providers.dagster.launching import Attempt, Launcher, raise_if_not_loaded
from airflow.providers.dagster.links.dagster import RUN_URL_XCOM_KEY, DagsterRunLink
from airflow.providers.dagster.model import Run
from airflow.providers.dagster.patience import PATIENCE_BEFORE_LAUNCH, PATIENCE_WHILE_RUNNING, Patience
from airflow.providers.dagster.ports import SystemClock
from airflow.providers.dagster.selection import Selection, select_assets
from airflow.providers.dagster.steps import take
from airflow.providers.dagster.targets import MappedToTask, Target
from airflow.providers.dagster.triggers.dagster import DagsterRunTrigger
from airflow.providers.dagster.waiting import check_success, wait_for_run

__all__ = ["RUN_IDS_XCOM_KEY", "DagsterProxyOperator"]

RUN_IDS_XCOM_KEY = "dagster_run_ids"
"""The Dagster runs of a task instance, one for each code location; normally one."""


class DagsterProxyOperator(BaseOperator):
    """Launches the Dagster assets that are mapped to this task, or to its DAG, and waits for them.

    The assets are those whose metadata names this Airflow instance, DAG and task. A retry follows the run that an
    earlier try has launched, as long as that is alive or has succeeded; a clear always runs again.

    Args:
        target: What it runs.
        once: Whether, of the copies of a dynamically mapped task, only the first one runs it; the others end well at
            once.
        dagster_conn_id: Airflow connection of type `dagster`. (templated)
        deferrable: Whether to wait in the triggerer instead of on a worker; Airflow's option
            `[operators] default_deferrable` unless given.
        cancel_on_kill: Whether to terminate the Dagster run when the task is killed, times out or is marked.
    """

    custom_operator_name = "DagsterProxy"
    template_fields = ("dagster_conn_id",)
    operator_extra_links = (DagsterRunLink(),)

    def __init__(
        self,
        *,
        target: Target = MappedToTask(),  # noqa: B008 - a frozen value
        once: bool = False,
        dagster_conn_id: str = DagsterHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        cancel_on_kill: bool = True,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.once = once
        self.dagster_conn_id = dagster_conn_id
        self.deferrable = deferrable
        self.cancel_on_kill = cancel_on_kill
        self.dagster_run_url = ""
        self._hook: DagsterHook | None = None
        self._launch_key = ""
        self._runs: list[Run] = []

    def execute(self, context: Context) -> dict[str, list[str]]:
        """Run the mapped assets in Dagster.

        Args:
            context: Airflow's context of the task instance.

        Returns:
            `run_ids`, the Dagster runs, and `asset_keys`, what they have materialized.

        Raises:
            DagsterError: See the tree in `airflow.providers.dagster.exceptions`.
        """
        values = cast("Mapping[str, Any]", context)
        if self.once and (values["ti"].map_index or 0) > 0:
            self.log.info("Nothing to do: the copy with map index 0 runs the assets in Dagster for all.")
            return _nothing()
        started = SystemClock().now()
        self._hook = DagsterHook(self.dagster_conn_id)
        dagster = self._hook.get_conn()
        try:
            selection = self._select(dagster, values["ti"])
            if not selection.by_location:
                self.log.info(
                    "Nothing to do: the DAG is migrated as a whole, and no asset is mapped to this task."
                )
                return _nothing()
            self._launch(dagster, selection, values)
            if self.deferrable and not all(run.is_over for run in self._runs):
                self._defer(started)
            ended = [wait_for_run(dagster, run, SystemClock(), self.log) for run in self._runs]
            return self._result(dagster, ended, values["ti"])
        finally:
            dagster.close()

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context
    ) -> dict[str, list[str]]:
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

    def dagster_run_complete(self, context: Context, event: object = None) -> dict[str, list[str]]:
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
            clock = SystemClock()
            following = Following(dagster.address, clock, self.log)
            ended = take(following.ids_to_end(told.run_ids), dagster, clock)
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
                take(end_runs(self._launch_key, self.log), dagster, SystemClock())
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

    def _select(self, dagster: DagsterClient, ti: Any) -> Selection:  # noqa: ANN401 - Airflow's task instance
        patience = Patience(PATIENCE_BEFORE_LAUNCH, SystemClock(), self.log)
        instance = conf.get("dagster", "instance_name", fallback="") or ""
        assets = patience.ask(dagster.mapped_assets)
        try:
            return select_assets(
                assets, instance=instance, dag_id=ti.dag_id, task_id=ti.task_id, target=self.target
            )
        except NothingToRun as error:
            raise_if_not_loaded(dagster, patience, error)
            raise

    def _launch(self, dagster: DagsterClient, selection: Selection, context: Mapping[str, Any]) -> None:
        ti: Any = context["ti"]
        attempt = _attempt(selection.instance, ti)
        self._launch_key = attempt.key
        self.log.info(
            "Dagster at %s runs %s for task %s.%s of Airflow instance %r, under launch key %s. "
            "To run the task in Airflow again, set `migrated: false` for %r in %s.yaml.",
            dagster.address.url,
            selection.names,
            *(
                attempt.dag_id,
                attempt.task_id,
                attempt.instance,
                attempt.key,
                attempt.task_id,
                attempt.dag_id,
            ),
        )
        intents = _StoredIntents(context["task_state_store"], attempt.key)
        launcher = Launcher(dagster, attempt, intents, SystemClock(), self.log)
        for assets in selection.by_location:
            run = launcher.attach_or_launch(assets)
            self._runs.append(run)
            self._publish(dagster, self._runs, ti)
            self.log.info("Dagster run %s (%s)", dagster.address.run_url(run.run_id), run.status.value)

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

    def _result(self, dagster: DagsterClient, ended: Sequence[Run], ti: Any) -> dict[str, list[str]]:  # noqa: ANN401
        self._publish(dagster, ended, ti)  # once more, for Dagster may have retried a run in another one
        check_success(dagster, ended)
        patience = Patience(PATIENCE_WHILE_RUNNING, SystemClock(), self.log)
        keys = {key for run in ended for key in patience.ask(lambda: dagster.materialized(run.run_id))}  # noqa: B023
        return {"run_ids": [run.run_id for run in ended], "asset_keys": sorted(keys)}


def _nothing() -> dict[str, list[str]]:
    return {"run_ids": [], "asset_keys": []}


class _StoredIntents:
    """Launch intents in Airflow's store of the task instance, which outlives a try."""

    def __init__(self, store: Any, key: str) -> None:  # noqa: ANN401 - Airflow's accessor
        self._store = store
        # The store also outlives a clear, hence the launch key in the name.
        self._name = f"dagster_launch_{key}"

    def get(self) -> float | None:
        sent = self._store.get(self._name)
        return float(sent) if isinstance(sent, int | float) else None

    def set(self, sent: float) -> None:
        self._store.set(self._name, sent)

    def clear(self) -> None:
        self._store.delete(self._name)


def _attempt(instance: str, ti: Any) -> Attempt:  # noqa: ANN401 - Airflow's task instance
    base_url = (conf.get("api", "base_url", fallback="") or "").rstrip("/")
    path = f"/dags/{quote(ti.dag_id, safe='')}/runs/{quote(ti.run_id, safe='')}"
    return Attempt(
        instance=instance,
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        max_tries=ti.max_tries,
        try_number=ti.try_number,
        dag_run_url=f"{base_url}{path}" if base_url else "",
    )
