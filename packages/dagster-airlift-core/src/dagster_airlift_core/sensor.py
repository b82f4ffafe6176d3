"""The sensor of an Airflow instance: a tick of Dagster around a tick of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from logging import Logger

from dagster import (
    AssetKey,
    AssetSpec,
    DefaultSensorStatus,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    partition_loading_context,
)

from dagster_airlift_core._dagster_private import Repository, repository_of
from dagster_airlift_core.checks import Verdict, untold
from dagster_airlift_core.cursor import Cursor, CursorError
from dagster_airlift_core.endings import MappedTasks
from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.event_log import DagsterEventLog
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.lineage import lineage_order
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.memory import Memory
from dagster_airlift_core.observation_check import observation_news
from dagster_airlift_core.partitions import Partitioning
from dagster_airlift_core.results import TaskResults
from dagster_airlift_core.scan import Tick
from dagster_airlift_core.timeline import Timeline
from dagster_airlift_core.transforming import AirflowDefinitionsData, EventTransformerFn


def sensor_name(instance: str) -> str:
    """Return the name of the sensor of an Airflow instance; Dagster keeps the cursor under it."""
    return f"{dagster_name(instance)}__airflow_sensor"


@dataclass(frozen=True)
class Observer:
    """What a sensor looks at, and how it tells of it.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG.
        specs: The assets.
        partitioning: How they are partitioned.
        mapped_tasks: How dynamically mapped tasks are told of.
        task_results: What may know more of a finished task than its state.
        event_transformer_fn: What may change the events.
        timeline: Where DAG runs are shown as runs of Dagster, if they are.
    """

    airflow: AirflowInstance
    mapping: AssetMapping
    specs: Sequence[AssetSpec]
    partitioning: Partitioning
    mapped_tasks: MappedTasks = "once"
    task_results: TaskResults | None = None
    event_transformer_fn: EventTransformerFn | None = None
    timeline: Timeline | None = None

    _memory: Memory = field(default_factory=Memory, init=False)

    @cached_property
    def order(self) -> Mapping[AssetKey, int]:
        """A number for each asset, larger than those of the assets it reads."""
        return lineage_order(self.specs)

    @cached_property
    def airflow_data(self) -> AirflowDefinitionsData:
        """What an event transformer is given."""
        return AirflowDefinitionsData.of(self.airflow, self.specs, self.mapping)

    def tick(
        self,
        context: SensorEvaluationContext,
        log: Logger | None = None,
        repository: Repository | None = None,
    ) -> Tick:
        """Return what looks at Airflow in one tick of the sensor.

        Args:
            context: That of the tick.
            log: Where it tells what it sees, by default the log of the tick.
            repository: Where the jobs of DAGs are defined, by default where the sensor is.
        """
        transform = self.event_transformer_fn
        where = repository or repository_of(context)
        return Tick(
            airflow=self.airflow,
            mapping=self.mapping,
            order=self.order,
            events_of=DagsterEventLog(context.instance),
            log=log or context.log,
            partitioning=self.partitioning,
            mapped_tasks=self.mapped_tasks,
            results=self.task_results,
            transform=partial(transform, context, self.airflow_data) if transform else None,
            memory=self._memory,
            on_dag_run=self.timeline.writer(context.instance, log or context.log, where)
            if self.timeline
            else None,
        )


def airflow_sensor(
    observer: Observer,
    *,
    minimum_interval_seconds: int,
    default_status: DefaultSensorStatus,
    outcomes: Sequence[Verdict] = (),
) -> SensorDefinition:
    """Return the sensor that records in Dagster what ended in an Airflow instance.

    When Airflow cannot be read, the tick fails with the reason and keeps its cursor: a red tick is
    what one is alerted about, and the next one reads on from the same place.

    Args:
        observer: What it looks at, and how it tells of it.
        minimum_interval_seconds: Seconds between two ticks.
        default_status: Whether the sensor runs before anyone has switched it on.
        outcomes: What asset checks say; a tick tells what is new, also when Airflow cannot be read.
    """
    instance = observer.airflow.name

    def evaluate(context: SensorEvaluationContext) -> SensorResult:
        news = untold(context.instance, outcomes)
        cursor = _cursor(context, instance)
        try:
            tick = observer.tick(context)
            with partition_loading_context(dynamic_partitions_store=context.instance):
                observed = tick.observe(cursor)
        except AirflowApiError as error:
            if not news:
                raise
            context.log.warning(str(error))  # the next tick, which has nothing else to tell, fails with it
            return SensorResult(asset_events=news, cursor=context.cursor, skip_reason=str(error))
        has_swept = observed.cursor.swept_at != cursor.swept_at
        news = [
            *news,
            *observation_news(context.instance, instance, observed, has_swept=has_swept),
        ]
        told = f"{len(observed.events) or 'No'} new events. {observed.summary}"
        context.log.info(told)
        # Dagster calls every tick without a run request skipped; its reason is the line that people see.
        return SensorResult(
            asset_events=[*observed.events, *news], cursor=observed.cursor.to_json(), skip_reason=told
        )

    return SensorDefinition(
        name=sensor_name(instance),
        evaluation_fn=evaluate,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description=f"Records what ended in the Airflow instance {instance}.",
    )


def _cursor(context: SensorEvaluationContext, instance: str) -> Cursor:
    if context.cursor is None:
        return Cursor(instance)
    try:
        return Cursor.from_json(context.cursor, instance)
    except CursorError as error:
        context.log.error(  # noqa: TRY400 - the reason is in the message
            "The cursor of this sensor is not one for the Airflow instance %r (%s). Reading the last two "
            "days again; what is in the event log already is not reported twice.",
            instance,
            error,
        )
        return Cursor(instance)
