"""The assets that one snapshot of an Airflow instance gives to Dagster; nobody is asked here."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dagster import (
    AssetKey,
    AssetsDefinition,
    AssetSpec,
    Definitions,
    MetadataValue,
)

from dagster_airlift_core._dagster_specs import with_deps
from dagster_airlift_core.airflow_assets import AirflowAssets
from dagster_airlift_core.assets import (
    Source,
    dag_asset_spec,
    task_asset_specs,
)
from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.keys import dag_asset_key
from dagster_airlift_core.lineage import Edges, Lineage
from dagster_airlift_core.mapping import AssetMapping, DagIndex

_log = logging.getLogger(__name__)


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
        dags = self.source.snapshot.dags
        for dag_id, key in sorted(self.dag_keys.items()):
            if key not in self._taken:
                dag = dags[dag_id]
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

    @cached_property
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
            key = self.dag_keys.get(dag_id)
            if key:
                wanted.setdefault(key, []).extend(self._lineage.leaves(keys - {key}))
        return {key: list(dict.fromkeys(deps)) for key, deps in wanted.items() if key not in self._taken}

    @cached_property
    def _edges(self) -> Edges:
        return self._lineage.without_circles(self._wanted)

    def _with_left_out(self, spec: AssetSpec) -> AssetSpec:
        kept, wanted = self._edges.get(spec.key, ()), self._wanted.get(spec.key, ())
        if len(kept) == len(wanted):
            return spec
        left_out = [key.to_user_string() for key in wanted if key not in set(kept)]
        names = ", ".join(left_out)
        _log.warning("%s cannot depend on %s: that would close a circle.", spec.key.to_user_string(), names)
        return spec.merge_attributes(metadata={"Would Close a Circle": MetadataValue.json(left_out)})


def specs_of(defs: Definitions) -> list[AssetSpec]:
    """Return the specs of all assets; the deprecated kinds of assets have none and cannot be mapped."""
    found: list[AssetSpec] = []
    for asset in defs.assets or ():
        if isinstance(asset, AssetSpec):
            found.append(asset)
        elif isinstance(asset, AssetsDefinition):
            found.extend(asset.specs)
    return found
