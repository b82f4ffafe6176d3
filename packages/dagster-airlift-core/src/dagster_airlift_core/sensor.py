"""The sensor of an Airflow instance: a tick of Dagster around a tick of ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagster import (
    AssetKey,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
)

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.checks import Verdict, untold
from dagster_airlift_core.cursor import Cursor, CursorError
from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.run_names import dagster_run_of
from dagster_airlift_core.scan import Tick
from dagster_airlift_core.wire import LAUNCH_KEY_TAG


def sensor_name(instance: str) -> str:
    """Return the name of the sensor of an Airflow instance; Dagster keeps the cursor under it."""
    return f"{dagster_name(instance)}__airflow_sensor"


def airflow_sensor(
    *,
    airflow: AirflowInstance,
    mapping: AssetMapping,
    order: Mapping[AssetKey, int],
    minimum_interval_seconds: int,
    default_status: DefaultSensorStatus,
    outcomes: Sequence[Verdict] = (),
) -> SensorDefinition:
    """Return the sensor that records in Dagster what succeeded in an Airflow instance.

    When Airflow cannot be read, the tick fails with the reason and keeps its cursor: a red tick is
    what one is alerted about, and the next one reads on from the same place.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG.
        order: A number for each asset, larger than those of the assets it reads.
        minimum_interval_seconds: Seconds between two ticks.
        default_status: Whether the sensor runs before anyone has switched it on.
        outcomes: What asset checks say; a tick tells what is new, also when Airflow cannot be read.
    """

    def tick(context: SensorEvaluationContext) -> SensorResult:
        log = DagsterEventLog(context.instance)
        news = untold(context.instance, outcomes)
        try:
            observed = Tick(airflow, mapping, order, log, context.log).observe(_cursor(context, airflow.name))
        except AirflowApiError as error:
            if not news:
                raise
            context.log.warning(str(error))  # the next tick, which has nothing else to tell, fails with it
            return SensorResult(asset_events=news, cursor=context.cursor, skip_reason=str(error))
        told = f"{len(observed.events) or 'No'} new events. {observed.summary}"
        context.log.info(told)
        # Dagster calls every tick without a run request skipped; its reason is the line that people see.
        return SensorResult(
            asset_events=[*observed.events, *news], cursor=observed.cursor.to_json(), skip_reason=told
        )

    return SensorDefinition(
        name=sensor_name(airflow.name),
        evaluation_fn=tick,
        minimum_interval_seconds=minimum_interval_seconds,
        default_status=default_status,
        description=f"Records what succeeded in the Airflow instance {airflow.name}.",
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


@dataclass(frozen=True)
class DagsterEventLog:
    """What a tick must know about the history of a Dagster instance."""

    instance: DagsterInstance

    def has_event(self, key: AssetKey, event_id: str) -> bool:
        """Whether an event with this id was stored for the asset."""
        return _dagster_private.has_event(self.instance, key, event_id)

    def launched(self, launch_keys: Iterable[str]) -> frozenset[str]:
        """Return those launch keys that a successful Dagster run carries."""
        wanted = sorted(launch_keys)
        found = self.instance.get_run_records(
            RunsFilter(tags={LAUNCH_KEY_TAG: wanted}, statuses=[DagsterRunStatus.SUCCESS])
        )
        return frozenset(record.dagster_run.tags[LAUNCH_KEY_TAG] for record in found)

    def awaited(self, dag_run_id: str) -> frozenset[AssetKey]:
        """Return the assets that a Dagster run will record itself: one that triggered the DAG run and goes on."""
        run_id = dagster_run_of(dag_run_id)
        run = self.instance.get_run_by_id(run_id) if run_id else None
        return (
            frozenset()
            if run is None or run.is_finished
            else _dagster_private.planned(self.instance, run.run_id)
        )
