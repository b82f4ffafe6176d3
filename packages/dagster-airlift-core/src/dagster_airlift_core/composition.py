"""Composition: your definitions and one snapshot become definitions; nobody is asked here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dagster import (
    AssetKey,
    AssetSpec,
    Definitions,
    SensorDefinition,
)

from dagster_airlift_core._collecting import collecting_later
from dagster_airlift_core._dagster_private import map_specs
from dagster_airlift_core.airflow_assets import AirflowAssets
from dagster_airlift_core.assets import (
    Source,
    described,
    instance_asset_spec,
    mistakes,
)
from dagster_airlift_core.automation import automation_of
from dagster_airlift_core.check_launching import checks_sensor, launchable_checks
from dagster_airlift_core.checks import asset_checks, verdicts
from dagster_airlift_core.choices import Choices
from dagster_airlift_core.conflicts import refuse_conflicts
from dagster_airlift_core.drift import drift, drift_by_asset
from dagster_airlift_core.errors import MappingError
from dagster_airlift_core.history_job import history_job
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.loading import Loaded
from dagster_airlift_core.mapping import AssetMapping, claimed
from dagster_airlift_core.naming import some_of
from dagster_airlift_core.observation_check import observation_check
from dagster_airlift_core.partitions import Partitioning
from dagster_airlift_core.peering import Peer, specs_of
from dagster_airlift_core.sensor import Observer, airflow_sensor, sensor_name
from dagster_airlift_core.timeline import Timeline
from dagster_airlift_core.triggering import Executor, TriggeredDags

_SHOWN = 20
_log = logging.getLogger(__name__)


@collecting_later()
def peered(airflow: AirflowInstance, defs: Definitions, loaded: Loaded, choices: Choices) -> Definitions:
    """Return your definitions with what Airflow adds to them.

    Args:
        airflow: The Airflow instance, for the sensor and its links.
        defs: Your definitions.
        loaded: What Airflow has, or had.
        choices: What was chosen.

    Raises:
        MappingError: The mapping metadata of an asset is not of the form that we write, or an asset is in your
            definitions twice, or the instance is in them already.
    """
    _refuse_twice(airflow.name, defs)
    refuse_conflicts(defs.assets or ())
    instance = instance_asset_spec(airflow.name, airflow.links, loaded.snapshot)
    if loaded.snapshot is None:
        yours = map_specs(defs, lambda spec: claimed(spec, airflow.name))
        mapping = AssetMapping.of(airflow.name, specs_of(yours))
        return _composed(airflow, yours, loaded, choices, mapping, [instance], {})
    source = Source.of(loaded.snapshot, airflow.links.base_url)
    airflow_assets = AirflowAssets.of(source, choices.airflow_asset_key_fn)
    yours = _described(defs, source, airflow_assets)
    peer = Peer(source, tuple(specs_of(yours)), airflow_assets, choices.task_assets)
    drifted = drift(peer.mapping, source.snapshot)
    _warn("Assets are mapped to what Airflow does not have; they stay.", drifted.values())
    mapping = replace(peer.mapping.with_dag_assets(peer.dag_keys), uris=airflow_assets.uris)
    ours = [instance, *peer.dag_specs, *peer.other_specs]
    return _composed(airflow, yours, loaded, choices, mapping, ours, drift_by_asset(peer.mapping, drifted))


def _refuse_twice(instance: str, defs: Definitions) -> None:
    if any(sensor.name == sensor_name(instance) for sensor in defs.sensors or ()):
        raise MappingError(
            f"The Airflow instance {instance!r} is in these definitions already. Peer it once, with all assets "
            "that are mapped to it, or give the other one a name of its own."
        )


def _described(defs: Definitions, source: Source, airflow_assets: AirflowAssets) -> Definitions:
    """Give your assets the name of the instance in their mapping, and what Airflow knows about them."""
    automation = automation_of(defs)

    def change(spec: AssetSpec) -> AssetSpec:
        return described(spec, source, automation.get(spec.key), airflow_assets.entries(spec.key))

    yours = map_specs(defs, change)
    _warn("Assets run in Airflow and in Dagster.", mistakes(specs_of(yours), source, automation))
    return yours


def _composed(
    airflow: AirflowInstance,
    yours: Definitions,
    loaded: Loaded,
    choices: Choices,
    mapping: AssetMapping,
    ours: Sequence[AssetSpec],
    drifted: Mapping[AssetKey, Sequence[str]],
) -> Definitions:
    taken = {spec.key for spec in specs_of(yours)}
    ours = [spec for spec in ours if spec.key not in taken]
    outcomes = verdicts(airflow.name, loaded, drifted)
    dag_ids = frozenset(loaded.snapshot.dags) if loaded.snapshot else frozenset[str]()
    timeline = Timeline(airflow, mapping, dag_ids) if choices.run_timeline else None
    observer = _observer(airflow, [*specs_of(yours), *ours], mapping, choices, timeline)
    sensor = airflow_sensor(
        observer,
        minimum_interval_seconds=choices.sensor_minimum_interval_seconds,
        default_status=choices.default_sensor_status,
        outcomes=outcomes,
    )
    checks = [*asset_checks(airflow.name, outcomes), *observation_check(airflow.name)]
    sensors = [sensor, *_check_sensors(airflow.name, yours, mapping, choices)]
    executor = Executor(airflow, choices.mapped_tasks, choices.task_results)
    triggered = TriggeredDags(executor, loaded.snapshot, choices.triggers)
    yours, assets = triggered.made_executable(yours, ours)
    jobs = [history_job(observer), *(timeline.jobs() if timeline else ())]
    added = Definitions(assets=assets, asset_checks=checks, sensors=sensors, jobs=jobs)
    return Definitions.merge(yours, added)


def _observer(
    airflow: AirflowInstance,
    specs: Sequence[AssetSpec],
    mapping: AssetMapping,
    choices: Choices,
    timeline: Timeline | None,
) -> Observer:
    return Observer(
        airflow=airflow,
        mapping=mapping,
        specs=specs,
        partitioning=Partitioning.of(specs, choices.partition_source, choices.partition_key_fn),
        mapped_tasks=choices.mapped_tasks,
        task_results=choices.task_results,
        event_transformer_fn=choices.event_transformer_fn,
        timeline=timeline,
    )


def _check_sensors(
    instance: str, yours: Definitions, mapping: AssetMapping, choices: Choices
) -> Sequence[SensorDefinition]:
    """Return the sensor that runs your checks, none when there is nothing to run."""
    checks = launchable_checks(yours, mapping)
    if not checks:
        return ()
    return [
        checks_sensor(
            instance,
            checks,
            minimum_interval_seconds=choices.sensor_minimum_interval_seconds,
            default_status=choices.default_sensor_status,
        )
    ]


def _warn(subject: str, sentences: Iterable[str]) -> None:
    told = list(dict.fromkeys(sentences))
    if told:
        _log.warning("%s %s", subject, some_of(told, _SHOWN, between=" "))
