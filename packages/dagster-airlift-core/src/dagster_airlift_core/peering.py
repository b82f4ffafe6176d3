"""Composition: your definitions and one snapshot become definitions; nobody is asked here."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    DefaultSensorStatus,
    Definitions,
    MetadataValue,
    SensorDefinition,
)

from dagster_airlift_core._dagster_private import map_specs, with_deps
from dagster_airlift_core.airflow_assets import AirflowAssets
from dagster_airlift_core.assets import (
    Source,
    dag_asset_spec,
    described,
    instance_asset_spec,
    mistakes,
    task_asset_specs,
)
from dagster_airlift_core.automation import automation_of
from dagster_airlift_core.check_launching import checks_sensor, launchable_checks
from dagster_airlift_core.checks import asset_checks, verdicts
from dagster_airlift_core.drift import drift, drift_by_asset
from dagster_airlift_core.endings import MappedTasks
from dagster_airlift_core.errors import MappingError
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.keys import dag_asset_key
from dagster_airlift_core.lineage import Edges, Lineage, lineage_order
from dagster_airlift_core.loading import Loaded
from dagster_airlift_core.mapping import AssetMapping, DagIndex, claimed
from dagster_airlift_core.model import AirflowAsset
from dagster_airlift_core.observation_check import observation_check
from dagster_airlift_core.partitions import Partitioning, PartitionKeyFn, PartitionSource
from dagster_airlift_core.results import TaskResults
from dagster_airlift_core.sensor import Observer, airflow_sensor, sensor_name
from dagster_airlift_core.transforming import AirflowDefinitionsData, EventTransformerFn

_SHOWN = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choices:
    """What one may choose about the definitions of an Airflow instance.

    Args:
        sensor_minimum_interval_seconds: Seconds between two looks at Airflow.
        default_sensor_status: Whether the sensor runs before anyone has switched it on.
        task_assets: Whether each task is an asset as well.
        airflow_asset_key_fn: Chooses the key of an asset of Airflow; None for its whole URI.
        partition_source: Which moment of a DAG run names the partition of partitioned assets.
        partition_key_fn: Names the partition instead; None for the rules.
        mapped_tasks: How dynamically mapped tasks are told of.
        task_results: What may know more of a finished task than its state.
        event_transformer_fn: What may change the events.
    """

    sensor_minimum_interval_seconds: int = 30
    default_sensor_status: DefaultSensorStatus = DefaultSensorStatus.RUNNING
    task_assets: bool = False
    airflow_asset_key_fn: Callable[[AirflowAsset], AssetKey] | None = None
    partition_source: PartitionSource = "data_interval_start"
    partition_key_fn: PartitionKeyFn | None = None
    mapped_tasks: MappedTasks = "once"
    task_results: TaskResults | None = None
    event_transformer_fn: EventTransformerFn | None = None


@dataclass(frozen=True)
class Peer:
    """The assets that Airflow gives to Dagster, beside those that you have.

    Args:
        source: What Airflow has.
        yours: Your specs, with their mapping.
        airflow_assets: Airflow's own assets, none when they are not wanted.
        task_assets: Whether each task is an asset as well.
    """

    source: Source
    yours: Sequence[AssetSpec]
    airflow_assets: AirflowAssets | None = None
    task_assets: bool = False

    @cached_property
    def mapping(self) -> AssetMapping:
        """The assets of each task and DAG: yours, Airflow's, and those of tasks."""
        return self._yours_mapping.with_others(self._bare, self.source.instance)

    @cached_property
    def _yours_mapping(self) -> AssetMapping:
        return AssetMapping.of(self.source.instance, self.yours)

    @cached_property
    def dag_specs(self) -> Sequence[AssetSpec]:
        """An asset for each DAG that has none among yours; it reads the DAG's leaves."""
        index = self._yours_mapping.index_by_dag()
        nothing = DagIndex({}, [])
        specs: list[AssetSpec] = []
        for dag_id, dag in sorted(self.source.snapshot.dags.items()):
            key = dag_asset_key(self.source.instance, dag_id)
            if key not in self._taken:
                spec = dag_asset_spec(self.source, dag, self._edges.get(key, ()), index.get(dag_id, nothing))
                specs.append(self._with_left_out(spec))
        return specs

    @cached_property
    def other_specs(self) -> Sequence[AssetSpec]:
        """An asset for each of Airflow's assets, and for each task if that was chosen."""
        return [
            self._with_left_out(with_deps(spec, deps) if (deps := self._edges.get(spec.key)) else spec)
            for spec in self._bare
        ]

    @property
    def dag_keys(self) -> Mapping[str, AssetKey]:
        """The key of the asset of each DAG."""
        dags = self.source.snapshot.dags
        return {dag_id: dag_asset_key(self.source.instance, dag_id) for dag_id in dags}

    @cached_property
    def _taken(self) -> frozenset[AssetKey]:
        return frozenset(spec.key for spec in self.yours)

    @cached_property
    def _tasks(self) -> frozenset[TaskHandle]:
        return frozenset(self.source.snapshot.tasks) if self.task_assets else frozenset()

    @cached_property
    def _bare(self) -> Sequence[AssetSpec]:
        """The specs of `other_specs` before anything but a task reads another."""
        tasks = [spec for spec in task_asset_specs(self.source, self._tasks) if spec.key not in self._taken]
        return [*(self.airflow_assets.specs(self._taken) if self.airflow_assets else ()), *tasks]

    @cached_property
    def _lineage(self) -> Lineage:
        return Lineage.of([*self.yours, *self._bare])

    @cached_property
    def _wanted(self) -> Edges:
        """What each asset should read; what yours read is your business."""
        wanted: dict[AssetKey, list[AssetKey]] = {}
        if self.airflow_assets:
            wanted = {key: list(deps) for key, deps in self.airflow_assets.edges(self._tasks).items()}
        for dag_id, keys in self.mapping.keys_by_dag().items():
            if dag_id in self.source.snapshot.dags:
                key = dag_asset_key(self.source.instance, dag_id)
                wanted.setdefault(key, []).extend(self._lineage.leaves(keys - {key}))
        return {key: list(dict.fromkeys(deps)) for key, deps in wanted.items() if key not in self._taken}

    @cached_property
    def _edges(self) -> Edges:
        return self._lineage.without_circles(self._wanted)

    def _with_left_out(self, spec: AssetSpec) -> AssetSpec:
        kept = set(self._edges.get(spec.key, ()))
        left_out = [key.to_user_string() for key in self._wanted.get(spec.key, ()) if key not in kept]
        if not left_out:
            return spec
        names = ", ".join(left_out)
        _log.warning("%s cannot depend on %s: that would close a circle.", spec.key.to_user_string(), names)
        return spec.merge_attributes(metadata={"Would Close a Circle": MetadataValue.json(left_out)})


def peered(airflow: AirflowInstance, defs: Definitions, loaded: Loaded, choices: Choices) -> Definitions:
    """Return your definitions with what Airflow adds to them.

    Args:
        airflow: The Airflow instance, for the sensor and its links.
        defs: Your definitions.
        loaded: What Airflow has, or had.
        choices: What was chosen.

    Raises:
        MappingError: The mapping metadata of an asset is not of the form that we write, or the instance is
            in your definitions already.
    """
    _refuse_twice(airflow.name, defs)
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
    all_specs = [*specs_of(yours), *ours]
    observer = Observer(
        airflow=airflow,
        mapping=mapping,
        order=lineage_order(all_specs),
        airflow_data=AirflowDefinitionsData.of(airflow, all_specs, mapping),
        partitioning=Partitioning.of(all_specs, choices.partition_source, choices.partition_key_fn),
        mapped_tasks=choices.mapped_tasks,
        task_results=choices.task_results,
        event_transformer_fn=choices.event_transformer_fn,
    )
    sensor = airflow_sensor(
        observer,
        minimum_interval_seconds=choices.sensor_minimum_interval_seconds,
        default_status=choices.default_sensor_status,
        outcomes=outcomes,
    )
    checks = [*asset_checks(airflow.name, outcomes), *observation_check(airflow.name)]
    sensors = [sensor, *_check_sensors(airflow.name, yours, mapping, choices)]
    return Definitions.merge(yours, Definitions(assets=ours, asset_checks=checks, sensors=sensors))


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


def specs_of(defs: Definitions) -> list[AssetSpec]:
    """Return the specs of all assets; the deprecated kinds of assets have none and cannot be mapped."""
    found: list[AssetSpec] = []
    for asset in defs.assets or ():
        if isinstance(asset, AssetSpec):
            found.append(asset)
        elif isinstance(asset, AssetsDefinition):
            found.extend(asset.specs)
    return found


def _warn(subject: str, sentences: Iterable[str]) -> None:
    told = list(dict.fromkeys(sentences))
    if told:
        more = f" And {len(told) - _SHOWN} more." if len(told) > _SHOWN else ""
        _log.warning("%s %s%s", subject, " ".join(told[:_SHOWN]), more)
