"""Peer an Airflow instance: what you have in Dagster, what Airflow has, and the sensor between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import Literal

from dagster import AssetKey, AssetSpec, DefaultSensorStatus, Definitions

from dagster_airlift_core._dagster_private import map_specs
from dagster_airlift_core.arguments import expect, expect_function
from dagster_airlift_core.assets import Source
from dagster_airlift_core.choices import Choices
from dagster_airlift_core.composition import peered
from dagster_airlift_core.dag_trigger import DagTrigger, triggers_of
from dagster_airlift_core.filters import EVERYTHING, AirflowFilter
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.loading import Loaded, load
from dagster_airlift_core.mappable import MappableAsset
from dagster_airlift_core.mapping import claimed
from dagster_airlift_core.model import AirflowAsset, Dag
from dagster_airlift_core.partitions import PartitionKeyFn, PartitionSource
from dagster_airlift_core.peering import Peer, specs_of
from dagster_airlift_core.reading import Reading
from dagster_airlift_core.results import TaskResults
from dagster_airlift_core.snapshot import AirflowSnapshot
from dagster_airlift_core.transforming import EventTransformerFn


def build_defs_from_airflow_instance(  # noqa: PLR0913 - each a choice of its own, all but one optional
    *,
    airflow_instance: AirflowInstance,
    defs: Definitions | None = None,
    sensor_minimum_interval_seconds: int = 30,
    default_sensor_status: DefaultSensorStatus | None = DefaultSensorStatus.RUNNING,
    dag_selector_fn: Callable[[Dag], bool] | None = None,
    retrieval_filter: AirflowFilter | None = None,
    source_code_retrieval_enabled: bool | None = None,
    snapshot: AirflowSnapshot | None = None,
    snapshot_path: str | Path | None = None,
    task_assets: bool = False,
    airflow_asset_key_fn: Callable[[AirflowAsset], AssetKey] | None = None,
    trigger_dags: Iterable[str] | Mapping[str, DagTrigger] = (),
    run_timeline: bool = False,
    partition_source: PartitionSource = "data_interval_start",
    partition_key_fn: PartitionKeyFn | None = None,
    mapped_tasks: Literal["once", "each"] = "once",
    task_results: TaskResults | None = None,
    event_transformer_fn: EventTransformerFn | None = None,
) -> Definitions:
    """Peer an Airflow instance: an asset for each DAG, your mapped assets, and a sensor that observes.

    Airflow is asked when the code location loads, and not by the processes that run its steps. When it
    does not answer, or there are no credentials for it, the definitions are those of the last good
    snapshot, and an asset check on `<instance>/instance` says since when and why. When there is no
    snapshot either, yours still load. What a function of yours raises (`dag_selector_fn`,
    `airflow_asset_key_fn`) is raised as it is.

    A mapping to a task or DAG that Airflow does not have is told in a warning and by a failing asset
    check that says what there is instead; the asset stays.

    Args:
        airflow_instance: The Airflow instance.
        defs: Your definitions; they are kept as they are. Mapped assets get facts about their tasks,
            and entries without an instance become those of this one.
        sensor_minimum_interval_seconds: Seconds between two looks at Airflow.
        default_sensor_status: Whether the sensor runs before anyone has switched it on.
        dag_selector_fn: Tells of a DAG whether it is wanted.
        retrieval_filter: Which DAGs and Airflow assets are asked for.
        source_code_retrieval_enabled: Whether the source code of each DAG is shown, which is one
            request for each of them; by default it is not.
        snapshot: Build the definitions of this, and ask Airflow nothing.
        snapshot_path: File of the last good snapshot; by default one below `$DAGSTER_HOME/airlift` for
            each filter, and none where that is not set. A file of another instance is refused.
        task_assets: Whether each task is an asset as well.
        airflow_asset_key_fn: Chooses the key of an asset of Airflow (a dataset, in Airflow 2); by
            default its whole URI, below the name of the instance. With the key of an asset of yours, that
            one is mapped to the tasks that produce it.
        trigger_dags: DAG ids, or for each DAG id how it is run. Their DAG assets, and the specs that are mapped to
            no other DAG, can be materialized from Dagster: that triggers a run of the DAG and follows it. This
            needs the role User in Airflow.
        run_timeline: Whether each DAG is a job as well, and each DAG run that ended a run of it, at Airflow's times.
        partition_source: Which moment of a DAG run names the partition of partitioned assets, where Airflow's own
            partition key does not: `data_interval_start`, `data_interval_end`, `logical_date` or `run_after`. The
            one that `proxying_to_dagster` is given, so that proxied and observed tasks agree.
        partition_key_fn: Names the partition of an asset that a DAG run is for, None for none, instead of these
            rules. What it raises sets the event aside: it is asked again by the next pass over the last two days.
        mapped_tasks: Whether a dynamically mapped task is told of `once`, when all of its instances have ended,
            or `each` of them is an event of its own.
        task_results: Knows more precisely than Airflow what a finished task did to its assets.
        event_transformer_fn: Called with the sensor's context, an `AirflowDefinitionsData`, and the events of one
            finished task or DAG run; returns those that are stored instead. It is called again, each time the
            sensor sees that end, about what it drops. An event that it raises on is set aside and tried again.

    Returns:
        Definitions with the DAG assets, everything in `defs`, the checks, and the sensor.

    Raises:
        MappingError: The mapping metadata of an asset is not of the form that we write, an asset is in `defs` twice,
            or the instance is.
        TypeError: An argument is of another type.
        ValueError: There is no such choice.
    """
    _expect(airflow_instance, dag_selector_fn, retrieval_filter, defs, snapshot)
    only, with_sources = retrieval_filter or EVERYTHING, bool(source_code_retrieval_enabled)
    reading = Reading(airflow_instance, only, selects=dag_selector_fn, with_sources=with_sources)
    loaded = Loaded(snapshot) if snapshot else load(reading, Path(snapshot_path) if snapshot_path else None)
    choices = Choices(
        sensor_minimum_interval_seconds=sensor_minimum_interval_seconds,
        default_sensor_status=default_sensor_status or DefaultSensorStatus.RUNNING,
        task_assets=task_assets,
        airflow_asset_key_fn=airflow_asset_key_fn,
        triggers=triggers_of(trigger_dags),
        run_timeline=run_timeline,
        partition_source=partition_source,
        partition_key_fn=partition_key_fn,
        mapped_tasks=mapped_tasks,
        task_results=task_results,
        event_transformer_fn=event_transformer_fn,
    )
    return peered(airflow_instance, defs or Definitions(), loaded, choices)


def load_airflow_dag_asset_specs(
    airflow_instance: AirflowInstance,
    *,
    mapped_assets: Sequence[MappableAsset] | None = None,
    dag_selector_fn: Callable[[Dag], bool] | None = None,
    source_code_retrieval_enabled: bool | None = None,
    retrieval_filter: AirflowFilter | None = None,
    snapshot_path: str | Path | None = None,
) -> Sequence[AssetSpec]:
    """Return the assets that stand for the DAGs of an Airflow instance, without a sensor.

    Args:
        airflow_instance: The Airflow instance.
        mapped_assets: Assets whose mapping the DAG assets show: they read those of their tasks.
        dag_selector_fn: Tells of a DAG whether it is wanted.
        source_code_retrieval_enabled: Whether the source code of each DAG is shown; by default it is not.
        retrieval_filter: Which DAGs are asked for.
        snapshot_path: File of the last good snapshot; by default one below `$DAGSTER_HOME/airlift`, and
            none where that is not set.

    Raises:
        MappingError: The mapping metadata of an asset is not of the form that we write.
        TypeError: An argument is of another type.
    """
    _expect(airflow_instance, dag_selector_fn, retrieval_filter)
    reading = Reading(
        airflow=airflow_instance,
        only=replace(retrieval_filter or EVERYTHING, retrieve_datasets=False),
        selects=dag_selector_fn,
        with_sources=bool(source_code_retrieval_enabled),
    )
    loaded = load(reading, Path(snapshot_path) if snapshot_path else None)
    if loaded.snapshot is None:
        return []
    yours = map_specs(
        Definitions(assets=mapped_assets or ()), lambda spec: claimed(spec, airflow_instance.name)
    )
    peer = Peer(Source.of(loaded.snapshot, airflow_instance.links.base_url), tuple(specs_of(yours)))
    return peer.dag_specs


def _expect(
    airflow: object, selects: object, only: object, defs: object = None, snapshot: object = None
) -> None:
    """Refuse what is of another type."""
    expect("airflow_instance", airflow, AirflowInstance, "an AirflowInstance with a backend and a name")
    expect("defs", defs, (Definitions, NoneType), "dg.Definitions, such as dg.Definitions(assets=[...])")
    expect(
        "snapshot",
        snapshot,
        (AirflowSnapshot, NoneType),
        "an AirflowSnapshot; a file is named by snapshot_path=",
    )
    expect(
        "retrieval_filter",
        only,
        (AirflowFilter, NoneType),
        "an AirflowFilter, such as AirflowFilter(owners=['etl'])",
    )
    expect_function("dag_selector_fn", selects, "a function of a Dag that tells whether it is wanted")
