"""The operator that has Dagster do the work of a task, and the one that stands in for a task nobody knows about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote

from airflow.providers.common.compat.sdk import (  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed
    AirflowFailException,
    BaseOperator,
    Context,
    conf,
)

from airflow.providers.dagster import wire
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import NothingToRun
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.launching import Attempt, Launcher, raise_if_not_loaded
from airflow.providers.dagster.links.dagster import RUN_URL_XCOM_KEY, DagsterRunLink
from airflow.providers.dagster.model import Run
from airflow.providers.dagster.patience import PATIENCE_BEFORE_LAUNCH, PATIENCE_WHILE_RUNNING, Patience
from airflow.providers.dagster.ports import SystemClock
from airflow.providers.dagster.selection import Selection, select_assets
from airflow.providers.dagster.waiting import check_success, wait_for_run

__all__ = ["RUN_IDS_XCOM_KEY", "DagsterProxyOperator", "UnreadableStateOperator"]

RUN_IDS_XCOM_KEY = "dagster_run_ids"
"""The Dagster runs of a task instance, one for each code location; normally one."""


class DagsterProxyOperator(BaseOperator):
    """Launches the Dagster assets that are mapped to this task and waits for them.

    The assets are those whose metadata names this Airflow instance, DAG and task. A retry follows the run that an
    earlier try has launched, as long as that is alive or has succeeded; a clear always runs again.

    Args:
        dagster_conn_id: Airflow connection of type `dagster`. (templated)
    """

    custom_operator_name = "DagsterProxy"
    template_fields = ("dagster_conn_id",)
    operator_extra_links = (DagsterRunLink(),)

    def __init__(self, *, dagster_conn_id: str = DagsterHook.default_conn_name, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.dagster_conn_id = dagster_conn_id
        self.dagster_run_url = ""
        self._hook: DagsterHook | None = None
        self._attempt: Attempt | None = None
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
        self._hook = DagsterHook(self.dagster_conn_id)
        dagster = self._hook.get_conn()
        try:
            selection = self._select(dagster, values["ti"])
            self._launch(dagster, selection, values)
            return self._await(dagster)
        finally:
            dagster.close()

    def on_kill(self) -> None:
        """Terminate what runs in Dagster for this task; best effort, never raises."""
        if self._hook is None or self._attempt is None:
            return
        try:
            dagster = self._hook.get_conn()
            try:
                self._terminate_all(dagster, self._attempt.key)
            finally:
                dagster.close()
        except Exception:
            self.log.warning("Dagster runs of this task may go on: they cannot be terminated.", exc_info=True)

    def _terminate_all(self, dagster: DagsterClient, key: str) -> None:
        # By key, not by the ids we know: the answer to a launch may not have come yet.
        for run in dagster.runs({wire.LAUNCH_KEY_TAG: key}):
            if not run.status.is_terminal:
                self.log.info("Terminating Dagster run %s.", run.run_id)
                dagster.terminate(run.run_id)

    def _select(self, dagster: DagsterClient, ti: Any) -> Selection:  # noqa: ANN401 - Airflow's task instance
        patience = Patience(PATIENCE_BEFORE_LAUNCH, SystemClock(), self.log)
        instance = conf.get("dagster", "instance_name", fallback="") or ""
        assets = patience.ask(dagster.mapped_assets)
        try:
            return select_assets(assets, instance=instance, dag_id=ti.dag_id, task_id=ti.task_id)
        except NothingToRun as error:
            raise_if_not_loaded(dagster, patience, error)
            raise

    def _launch(self, dagster: DagsterClient, selection: Selection, context: Mapping[str, Any]) -> None:
        ti: Any = context["ti"]
        self._attempt = attempt = _attempt(selection.instance, ti)
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
            self._runs.append(launcher.attach_or_launch(assets))
            self._publish(dagster, attempt, ti)

    def _publish(self, dagster: DagsterClient, attempt: Attempt, ti: Any) -> None:  # noqa: ANN401
        address = dagster.address
        several = len(self._runs) > 1
        self.dagster_run_url = (
            address.runs_url(wire.LAUNCH_KEY_TAG, attempt.key)
            if several
            else address.run_url(self._runs[0].run_id)
        )
        ti.xcom_push(key=RUN_IDS_XCOM_KEY, value=[run.run_id for run in self._runs])
        ti.xcom_push(key=RUN_URL_XCOM_KEY, value=self.dagster_run_url)
        self.log.info(
            "Dagster run %s (%s)", address.run_url(self._runs[-1].run_id), self._runs[-1].status.value
        )

    def _await(self, dagster: DagsterClient) -> dict[str, list[str]]:
        ended = [wait_for_run(dagster, run, SystemClock(), self.log) for run in self._runs]
        check_success(dagster, ended)
        patience = Patience(PATIENCE_WHILE_RUNNING, SystemClock(), self.log)
        keys = {key for run in ended for key in patience.ask(lambda: dagster.materialized(run.run_id))}  # noqa: B023
        return {"run_ids": [run.run_id for run in ended], "asset_keys": sorted(keys)}


class UnreadableStateOperator(BaseOperator):
    """Stands for a task of a DAG whose migration state cannot be read, and fails with the reason.

    Args:
        reason: What is wrong with the file, and where.
    """

    custom_operator_name = "DagsterProxy (unreadable migration state)"

    def __init__(self, *, reason: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.reason = reason

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Fail, without a retry.

        Raises:
            AirflowFailException: Always.
        """
        raise AirflowFailException(self.reason)


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
