"""Composition: what you have in Dagster, what Airflow has, and the sensor between them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from dagster import AssetsDefinition, AssetSpec, DefaultSensorStatus, Definitions

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.assets import (
    Lineage,
    dag_asset_key,
    dag_asset_spec,
    described,
    drift,
    lineage_order,
)
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping, DagIndex, claimed
from dagster_airlift_core.sensor import airflow_sensor
from dagster_airlift_core.snapshot import AirflowSnapshot

_log = logging.getLogger(__name__)


def build_defs_from_airflow_instance(
    *,
    airflow_instance: AirflowInstance,
    defs: Definitions | None = None,
    sensor_minimum_interval_seconds: int = 30,
    default_sensor_status: DefaultSensorStatus = DefaultSensorStatus.RUNNING,
) -> Definitions:
    """Peer an Airflow instance: an asset for each DAG, your mapped assets, and a sensor that observes.

    Airflow is asked once, when this is called. A mapping to a task or DAG that Airflow does not have
    is told in a warning, and the asset stays.

    Args:
        airflow_instance: The Airflow instance.
        defs: Your definitions; they are kept as they are. Mapped assets get facts about their tasks,
            and entries without an instance become those of this one.
        sensor_minimum_interval_seconds: Seconds between two looks at Airflow.
        default_sensor_status: Whether the sensor runs before anyone has switched it on.

    Returns:
        Definitions with the DAG assets, everything in `defs`, and the sensor.

    Raises:
        AirflowApiError: Airflow could not be asked.
        MappingError: The mapping metadata of an asset is not of the form that we write.
    """
    name, links = airflow_instance.name, airflow_instance.links
    yours = _dagster_private.map_specs(defs or Definitions(), lambda spec: claimed(spec, name))
    mapping = AssetMapping.of(name, _specs(yours))
    snapshot = airflow_instance.snapshot(mapping.dag_ids)
    _warn_of_drift(mapping, snapshot)
    yours = _dagster_private.map_specs(yours, lambda spec: described(spec, snapshot, links))
    specs = _specs(yours)
    dag_specs = _dag_specs(airflow_instance, snapshot, mapping, specs)
    sensor = airflow_sensor(
        airflow=airflow_instance,
        mapping=mapping.with_dag_assets({dag_id: dag_asset_key(name, dag_id) for dag_id in snapshot.dags}),
        order=lineage_order([*specs, *dag_specs]),
        minimum_interval_seconds=sensor_minimum_interval_seconds,
        default_status=default_sensor_status,
    )
    return Definitions.merge(yours, Definitions(assets=dag_specs, sensors=[sensor]))


def load_airflow_dag_asset_specs(*, airflow_instance: AirflowInstance) -> Sequence[AssetSpec]:
    """Return the assets that stand for the DAGs of an Airflow instance, without mappings or a sensor.

    Args:
        airflow_instance: The Airflow instance.

    Raises:
        AirflowApiError: Airflow could not be asked.
    """
    snapshot = airflow_instance.snapshot()
    return _dag_specs(airflow_instance, snapshot, AssetMapping({}, {}), [])


def _specs(defs: Definitions) -> list[AssetSpec]:
    """Return the specs of all assets; the deprecated kinds of assets have none and cannot be mapped."""
    found: list[AssetSpec] = []
    for asset in defs.assets or ():
        if isinstance(asset, AssetSpec):
            found.append(asset)
        elif isinstance(asset, AssetsDefinition):
            found.extend(asset.specs)
    return found


def _dag_specs(
    airflow: AirflowInstance, snapshot: AirflowSnapshot, mapping: AssetMapping, yours: Iterable[AssetSpec]
) -> list[AssetSpec]:
    """Return an asset for each DAG that has none in your definitions; it reads the DAG's leaves."""
    yours = list(yours)
    taken = {spec.key for spec in yours}
    lineage = Lineage(yours)
    mapped = mapping.keys_by_dag()
    index = mapping.index_by_dag()
    specs: list[AssetSpec] = []
    for dag_id, dag in sorted(snapshot.dags.items()):
        key = dag_asset_key(snapshot.instance, dag_id)
        if key in taken:
            continue
        leaves = lineage.leaves(mapped.get(dag_id, frozenset()))
        deps = lineage.attach(key, leaves)
        if len(deps) < len(leaves):
            left_out = ", ".join(leaf.to_user_string() for leaf in leaves if leaf not in deps)
            _log.warning("The asset of DAG %s cannot depend on %s: these depend on it.", dag_id, left_out)
        specs.append(dag_asset_spec(snapshot, airflow.links, dag, deps, index.get(dag_id, DagIndex({}, []))))
    return specs


def _warn_of_drift(mapping: AssetMapping, snapshot: AirflowSnapshot) -> None:
    sentences = drift(mapping, snapshot)
    if sentences:
        _log.warning("Assets are mapped to what Airflow does not have; they stay. %s", " ".join(sentences))
