"""The step of assets that Airflow materializes: it triggers a run of their DAG, and follows it to its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetMaterialization,
    DagsterExecutionInterruptedError,
    DataVersion,
    Failure,
    MaterializeResult,
    MetadataValue,
)

from dagster_airlift_core._dagster_private import tag_run
from dagster_airlift_core.arguments import expect
from dagster_airlift_core.dag_run_request import DagRunRequest
from dagster_airlift_core.dag_trigger import DagTrigger
from dagster_airlift_core.endings import MappedTasks
from dagster_airlift_core.errors import AirflowApiError, AirflowNotFound, AirliftError
from dagster_airlift_core.events import Ended, dag_run_ended, mapped_task_ended, task_ended
from dagster_airlift_core.following import Following
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.launching import Launch, NotStarted
from dagster_airlift_core.mapping import Handle
from dagster_airlift_core.model import FAILED, SUCCESS, DagRun, TaskInstance
from dagster_airlift_core.naming import some_of
from dagster_airlift_core.observed import EARLIEST
from dagster_airlift_core.patience import Patience
from dagster_airlift_core.results import TaskResults
from dagster_airlift_core.wire import DAG_ID_TAG, DAG_RUN_URL_TAG, INSTANCE_TAG

MAX_LINES = 1000
"""Changes of task instances that one step logs."""
_SHOWN = 20


@dataclass
class TriggeredStep:
    """One step: it triggers a DAG run, follows it, and says what that materialized.

    Args:
        context: That of the step.
        airflow: The Airflow instance.
        dag_id: DAG id.
        handles: What each asset is mapped to, tasks of the DAG or the DAG; upstream first.
        trigger: How the DAG is run.
        mapped_tasks: How dynamically mapped tasks are told of.
        task_results: What may know more of a finished task than its state.
    """

    context: AssetExecutionContext
    airflow: AirflowInstance
    dag_id: str
    handles: Mapping[AssetKey, tuple[Handle, ...]]
    trigger: DagTrigger
    mapped_tasks: MappedTasks = "once"
    task_results: TaskResults | None = None

    _lines: int = field(default=0, init=False)

    def results(self) -> Iterator[MaterializeResult[Any]]:
        """Yield a result for each asset that was materialized, of a DAG run that failed too.

        Raises:
            Failure: The DAG run failed, could not begin, or cannot be followed.
        """
        self._refuse_circle()
        try:
            run = self._launch.run(self.context.op_execution_context.retry_number, self._request)
            run, instances = self._followed(run)
        except (DagsterExecutionInterruptedError, KeyboardInterrupt):
            self._cancel()
            raise
        except (AirliftError, NotStarted) as error:
            raise Failure(str(error)) from error
        yield from self._materialized(run, instances)
        if run.state == FAILED:
            raise self._failure(run, instances)

    def _request(self) -> DagRunRequest:
        request = self.trigger.request(self.context)
        expect(
            "What `request` of a DagTrigger returned",
            request,
            DagRunRequest,
            "a DagRunRequest, such as DagRunRequest(conf={})",
        )
        return request

    def _refuse_circle(self) -> None:
        tags = self.context.run.tags
        if (tags.get(INSTANCE_TAG), tags.get(DAG_ID_TAG)) == (self.airflow.name, self.dag_id):
            raise Failure(
                f"A task of the DAG {self.dag_id!r} has launched this run, which would trigger that DAG again. "
                "Give the asset a definition that does the work, or take the task out of the migration state.",
                allow_retries=False,
            )

    @cached_property
    def _patience(self) -> Patience:
        return Patience(self.trigger.outage_seconds, self.context.log.warning)

    @cached_property
    def _launch(self) -> Launch:
        return Launch(self.airflow.dag_runs, self.dag_id, self.context.run.run_id, self._patience)

    def _followed(self, run: DagRun) -> tuple[DagRun, Sequence[TaskInstance]]:
        """Wait for the end of the run, and return it with all of its task instances."""
        url = self.airflow.links.dag_run(self.dag_id, run.run_id)
        tag_run(self.context.instance, self.context.run.run_id, {DAG_RUN_URL_TAG: url})
        self.context.log.info("The DAG run %s of %s: %s", run.run_id, self.dag_id, url)
        following = Following(
            self.airflow, self.dag_id, run.run_id, self._patience, self.trigger.poll_seconds
        )
        for change in following.changes():
            if isinstance(change, DagRun):
                run = change
                self.context.log.info("%s: %s", self.dag_id, change.state)
            else:
                self._tell(change)
        return run, following.ended()

    def _tell(self, instance: TaskInstance) -> None:
        self._lines += 1
        if self._lines > MAX_LINES:
            return
        link = self.airflow.links.task_instance(instance)
        self.context.log.info(
            "%s, try %d: %s. Log: %s", _named(instance), instance.try_number, instance.state, link
        )
        if self._lines == MAX_LINES:
            self.context.log.info(
                "What else changes in this DAG run is not logged here; look at it in Airflow."
            )

    def _materialized(
        self, run: DagRun, instances: Sequence[TaskInstance]
    ) -> Iterator[MaterializeResult[Any]]:
        by_task: dict[str, list[TaskInstance]] = defaultdict(list)
        for instance in instances:
            by_task[instance.task_id].append(instance)
        for key in [key for key in self.handles if key in self.context.selected_asset_keys]:
            ends = [end for handle in self.handles[key] for end in self._ends(handle, run, by_task)]
            good = [end for end in ends if end.failure is None and self._has_built(key, end)]
            if good:
                *others, last = sorted(good, key=lambda end: end.ended_at or EARLIEST)
                self._record(key, others)
                yield MaterializeResult(
                    asset_key=key, metadata=last.metadata, data_version=DataVersion(last.event_id)
                )
            elif run.state == SUCCESS:
                self.context.log.warning(_nothing_done(key, self.handles[key]))

    def _ends(
        self, handle: Handle, run: DagRun, by_task: Mapping[str, Sequence[TaskInstance]]
    ) -> Sequence[Ended]:
        """Return the very ends that the sensor would see, so that it knows them when it comes to them."""
        name, links = self.airflow.name, self.airflow.links
        instances = by_task.get(handle.task_id, ()) if isinstance(handle, TaskHandle) else ()
        if not isinstance(handle, TaskHandle):
            ends = [dag_run_ended(name, links, run)]
        elif self.mapped_tasks == "once" and any(instance.is_mapped for instance in instances):
            ends = [mapped_task_ended(name, links, instances)]
        else:
            ends = [task_ended(name, links, instance) for instance in instances]
        return [end for end in ends if end]

    def _has_built(self, key: AssetKey, end: Ended) -> bool:
        """Ask what knows more of a finished task than its state whether the asset was built."""
        if self.task_results is None or not end.instances:
            return True
        events = self.task_results.events_of(self.airflow, end.instances, [key])
        return events is None or any(
            isinstance(event, AssetMaterialization) and event.asset_key == key for event in events
        )

    def _record(self, key: AssetKey, ends: Sequence[Ended]) -> None:
        """Record what else materialized an asset: a step has one result for each."""
        partition = self.context.partition_key if self.context.has_partition_key else None
        for end in ends:
            event = end.event(key)
            self.context.log_event(
                AssetMaterialization(key, metadata=event.metadata, tags=event.tags, partition=partition)
            )

    def _failure(self, run: DagRun, instances: Sequence[TaskInstance]) -> Failure:
        links = self.airflow.links
        failed = [instance for instance in instances if instance.state == FAILED]
        shown = [f"{_named(one)}, try {one.try_number}: {links.task_instance(one)}" for one in failed]
        url = links.dag_run(self.dag_id, run.run_id)
        return Failure(
            f"The DAG run {run.run_id!r} of {self.dag_id!r} failed in Airflow ({url}). "
            f"Failed tasks: {some_of(shown, _SHOWN, between='; ') or 'none'}.",
            metadata={
                "Run Details": MetadataValue.url(url),
                "Failed Tasks": MetadataValue.json([_named(instance) for instance in failed[:_SHOWN]]),
            },
        )

    def _cancel(self) -> None:
        """End the DAG run in Airflow too, wherever it is, unless that was not wanted."""
        run_id = self._launch.run_id
        if run_id is None:
            return
        if not self.trigger.cancels:
            self.context.log.info("The DAG run %s goes on in Airflow, for so it was chosen.", run_id)
            return
        try:
            run = self.airflow.dag_runs.get(self.dag_id, run_id)
            if run is None or run.is_finished:
                return
            self.airflow.dag_runs.fail(self.dag_id, run_id)
        except AirflowNotFound:
            return
        except AirflowApiError as error:
            self.context.log.error("The DAG run %s may go on in Airflow: %s", run_id, error)  # noqa: TRY400
        else:
            self.context.log.info(
                "The DAG run %s was marked failed in Airflow, as this run was cancelled.", run_id
            )


def _named(instance: TaskInstance) -> str:
    index = f"[{instance.map_index}]" if instance.is_mapped else ""
    return f"{instance.dag_id}.{instance.task_id}{index}"


def _nothing_done(key: AssetKey, handles: Sequence[Handle]) -> str:
    return (
        f"{key.to_user_string()} was not materialized: {', '.join(map(str, handles))} did not succeed in this DAG "
        "run, which succeeded all the same; skipped, perhaps."
    )
