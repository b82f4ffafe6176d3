"""Which assets stand for a task: a pure choice among those that Dagster has mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow.providers.dagster.exceptions import AmbiguousAssets, DagsterLaunchRefused, NothingToRun
from airflow.providers.dagster.model import AssetMapping, MappedAsset
from airflow.providers.dagster.targets import MappedToDag, MappedToTask, Target

__all__ = ["Selection", "select_assets"]

_ROLL_BACK = "set `migrated: false` for the task in the migration state to run it in Airflow"


@dataclass(frozen=True)
class Selection:
    """The assets of one task.

    Args:
        instance: Name of the Airflow instance in their mappings.
        by_location: The assets of each code location; one Dagster run cannot span two of them.
    """

    instance: str
    by_location: tuple[tuple[MappedAsset, ...], ...]

    @property
    def names(self) -> str:
        """All asset keys, for people."""
        return ", ".join(asset.name for assets in self.by_location for asset in assets)


def select_assets(
    assets: Sequence[MappedAsset],
    *,
    instance: str,
    dag_id: str,
    task_id: str,
    target: Target = MappedToTask(),  # noqa: B008 - a frozen value
) -> Selection:
    """Choose the assets that a task runs.

    Args:
        assets: All mapped assets of a Dagster instance.
        instance: Name of this Airflow instance; empty when it has none, which is enough as long as only one
            instance is mapped to the task.
        dag_id: DAG of the task.
        task_id: Task id, with its task groups.
        target: Whether those of the DAG are among them, and whether there must be any.

    Returns:
        The assets, by code location, in a stable order; none where that is allowed.

    Raises:
        NothingToRun: No asset is mapped where there must be one, or Dagster cannot run one that is.
        AmbiguousAssets: Several Airflow instances are mapped to the task and this one has no name.
        DagsterLaunchRefused: An asset is partitioned.
    """
    task_ids = {task_id, ""} if isinstance(target, MappedToDag) else {task_id}
    of_dag = {
        (asset, mapping)
        for asset in assets
        for mapping in asset.mappings
        if mapping.dag_id == dag_id and instance in {"", mapping.instance}
    }
    mapped = {asset: mapping for asset, mapping in of_dag if mapping.task_id in task_ids}
    if not mapped:
        has_nothing_to_do = bool(of_dag) if isinstance(target, MappedToDag) else not target.required
        if has_nothing_to_do:
            return Selection(instance, ())
        raise NothingToRun(_nothing_mapped(assets, instance=instance, dag_id=dag_id, task_id=task_id))
    chosen = sorted(mapped, key=lambda asset: (asset.location, asset.repository, asset.key))
    named = instance or _only_instance(mapped.keys(), dag_id=dag_id, task_ids=task_ids)
    _check_runnable(chosen, dag_id=dag_id, task_id=task_id)
    places = dict.fromkeys((asset.location, asset.repository) for asset in chosen)
    groups = (tuple(a for a in chosen if (a.location, a.repository) == place) for place in places)
    return Selection(named, tuple(groups))


def _only_instance(assets: Iterable[MappedAsset], *, dag_id: str, task_ids: set[str]) -> str:
    instances = {
        mapping.instance
        for asset in assets
        for mapping in asset.mappings
        if mapping.dag_id == dag_id and mapping.task_id in task_ids
    }
    if len(instances) > 1:
        raise AmbiguousAssets(
            f"Dagster maps assets to task {dag_id}.{max(task_ids)} of several Airflow instances: "
            f"{_listed(instances)}. Say which one this is in the Airflow option [dagster] instance_name."
        )
    return instances.pop()


def _check_runnable(assets: Sequence[MappedAsset], *, dag_id: str, task_id: str) -> None:
    external = [asset.name for asset in assets if not asset.is_executable]
    if external:
        raise NothingToRun(
            f"Dagster cannot run {', '.join(external)}, mapped to task {dag_id}.{task_id}: there it is only a "
            f"description of what Airflow makes. Give it code in Dagster, or {_ROLL_BACK}."
        )
    partitioned = [asset.name for asset in assets if asset.is_partitioned]
    if partitioned:
        raise DagsterLaunchRefused(
            f"The assets {', '.join(partitioned)}, mapped to task {dag_id}.{task_id}, are partitioned, which this "
            f"version cannot run from Airflow: Dagster would start a run without a partition. Until then, {_ROLL_BACK}."
        )


def _nothing_mapped(assets: Sequence[MappedAsset], *, instance: str, dag_id: str, task_id: str) -> str:
    of_dag = {m for asset in assets for m in asset.mappings if m.dag_id == dag_id}
    name = f" of Airflow instance {instance!r}" if instance else ""
    return (
        f"Dagster has no asset that is mapped to task {dag_id}.{task_id}{name}. "
        f"{_what_there_is(of_dag, dag_id)} Map an asset to the task in Dagster and reload its code location, "
        f"or {_ROLL_BACK}."
    )


def _what_there_is(mappings: set[AssetMapping], dag_id: str) -> str:
    if not mappings:
        return f"It maps no asset to any task of DAG {dag_id!r}."
    tasks = {f"{mapping.task_id} (Airflow instance {mapping.instance!r})" for mapping in mappings}
    return f"For DAG {dag_id!r} it maps {_listed(tasks)}."


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
