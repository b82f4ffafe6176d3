"""From Airflow's own assets (datasets, in Airflow 2) to asset specs, and the edges that they stand for."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagster import AssetKey, AssetSpec, MetadataValue

from dagster_airlift_core._dagster_specs import spec_like
from dagster_airlift_core.assets import Source, described, template
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.keys import airflow_asset_key, dag_asset_key, task_asset_key
from dagster_airlift_core.mapping import MappingEntry
from dagster_airlift_core.model import AirflowAsset

KeyOf = Callable[[AirflowAsset], AssetKey]
_SCHEME = re.compile(r"([a-z][a-z0-9]{0,30})://")


@dataclass(frozen=True)
class AirflowAssets:
    """Airflow's assets by the key that each has in Dagster; a function may give several of them one key.

    Args:
        source: What Airflow has.
        by_key: The assets.
    """

    source: Source
    by_key: Mapping[AssetKey, Sequence[AirflowAsset]]

    @classmethod
    def of(cls, source: Source, key_of: KeyOf | None) -> AirflowAssets:
        """Return the assets of a snapshot; those that no DAG of the snapshot touches are left out.

        Args:
            source: What Airflow has.
            key_of: Chooses the keys; None for the whole URI under the name of the instance.
        """
        found: dict[AssetKey, list[AirflowAsset]] = defaultdict(list)
        dags = source.snapshot.dags.keys()
        for asset in source.snapshot.assets:
            if not dags.isdisjoint(_dag_ids(asset)):
                key = key_of(asset) if key_of else airflow_asset_key(source.instance, asset.uri)
                found[key].append(asset)
        return cls(source, dict(found))

    @property
    def uris(self) -> Mapping[str, AssetKey]:
        """The key of each asset, by URI."""
        return {asset.uri: key for key, assets in self.by_key.items() for asset in assets}

    def entries(self, key: AssetKey) -> tuple[MappingEntry, ...]:
        """Return the mapping of an asset to the tasks that produce it."""
        if key not in self.by_key:
            return ()
        tasks = {task for asset in self.by_key.get(key, ()) for task in asset.producing_tasks}
        dags = self.source.snapshot.dags
        return tuple(
            MappingEntry(task, self.source.instance) for task in sorted(tasks) if task.dag_id in dags
        )

    def specs(self, taken: Iterable[AssetKey]) -> Sequence[AssetSpec]:
        """Return a spec for each of Airflow's assets but those whose key is taken."""
        taken = set(taken)
        return [self._spec(key, assets) for key, assets in self.by_key.items() if key not in taken]

    def edges(self, task_assets: Iterable[TaskHandle]) -> Mapping[AssetKey, Sequence[AssetKey]]:
        """Return what reads Airflow's assets, and what these are made of.

        A DAG reads those that it is scheduled on, and so does what its tasks produce; a task reads its inlets.

        Args:
            task_assets: Tasks that have an asset of their own.
        """
        instance, tasks = self.source.instance, set(task_assets)
        read: dict[AssetKey, dict[AssetKey, None]] = defaultdict(dict)
        inputs: dict[str, list[AssetKey]] = defaultdict(list)
        for key, assets in self.by_key.items():
            for dag_id in sorted({dag_id for asset in assets for dag_id in asset.consuming_dag_ids}):
                inputs[dag_id].append(key)
                if dag_id in self.source.snapshot.dags:
                    read[dag_asset_key(instance, dag_id)][key] = None
            for task in sorted({task for asset in assets for task in asset.consuming_tasks} & tasks):
                read[task_asset_key(instance, task.dag_id, task.task_id)][key] = None
        for key in self.by_key:
            for entry in self.entries(key):
                task = entry.handle
                read[key].update(dict.fromkeys(one for one in inputs[task.dag_id] if one != key))
                if isinstance(task, TaskHandle) and task in tasks:
                    read[key][task_asset_key(instance, task.dag_id, task.task_id)] = None
        return {reader: list(keys) for reader, keys in read.items()}

    def _spec(self, key: AssetKey, assets: Sequence[AirflowAsset]) -> AssetSpec:
        instance = self.source.instance
        uris = [asset.uri for asset in assets]
        names = [asset.name for asset in assets if asset.name != asset.uri]
        schemes = {match[1] for uri in uris if (match := _SCHEME.match(uri))}
        spec = spec_like(
            template(instance, *sorted(schemes)[:1]),
            key=key,
            deps=(),
            description=f"The asset {', '.join(names or uris)} of the Airflow instance {instance}.",
            owners=(),
            tags={},
            metadata={
                "Airflow Asset URI": uris[0] if len(uris) == 1 else MetadataValue.json(uris),
                **({"Airflow Asset Name": names[0]} if len(names) == 1 else {}),
            },
        )
        return described(spec, self.source, None, self.entries(key))


def _dag_ids(asset: AirflowAsset) -> set[str]:
    tasks = asset.producing_tasks | asset.consuming_tasks
    return {*(task.dag_id for task in tasks), *asset.consuming_dag_ids}
