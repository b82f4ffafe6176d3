"""Which dbt resource is which asset, and which tasks run it: asked in one place, in each direction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from dagster import AssetKey

from dagster_airlift_core import TaskHandle
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.selection import DbtAssets


@dataclass(frozen=True)
class DbtIndex:
    """The dbt resources of some projects, the tasks of Airflow that run them, and their assets.

    Args:
        projects: The projects.
        commands: What the tasks run.
    """

    projects: Collection[DbtAssets]
    commands: Collection[TaskCommand]

    def __repr__(self) -> str:
        """Say how much it knows; all of it would be the manifests."""
        return f"DbtIndex of {len(self.assets)} assets, {len(self.run)} of them run by {len(self._by_task)} tasks"

    def ids_of(self, handle: TaskHandle) -> frozenset[str]:
        """The unique ids of all that a task runs, tests among them; none for a task that runs nothing known.

        Args:
            handle: The task.
        """
        return self._by_task.get(handle, frozenset())

    def tasks_of(self, unique_id: str) -> tuple[TaskHandle, ...]:
        """The tasks that run a dbt resource, in the order of their commands.

        Args:
            unique_id: The resource.
        """
        return self._tasks.get(unique_id, ())

    def key_of(self, unique_id: str) -> AssetKey | None:
        """The asset that a dbt resource is, or a source stands for; None for what is none, and what is not known.

        Args:
            unique_id: A model, seed, snapshot or source.
        """
        for assets in self.projects:
            if unique_id in assets.project.relations:
                return assets.spec_of(unique_id).key
        return None

    def id_of(self, key: AssetKey) -> str | None:
        """The model, seed or snapshot that an asset is; None for an asset of something else.

        Args:
            key: The key of the asset.
        """
        return self._ids.get(key)

    def node_of(self, unique_id: str) -> DbtNode | None:
        """What the manifests say about a dbt resource, None for one that they do not have.

        Args:
            unique_id: The resource.
        """
        found = (assets.graph.nodes.get(unique_id) for assets in self.projects)
        return next((node for node in found if node), None)

    @cached_property
    def assets(self) -> frozenset[str]:
        """The unique ids of all that is an asset, run by a task or not."""
        return frozenset(
            each for assets in self.projects for each in assets.project.relations if assets.is_asset(each)
        )

    @cached_property
    def run(self) -> frozenset[str]:
        """The unique ids of what some task runs and is an asset."""
        return frozenset(self._tasks) & self.assets

    @cached_property
    def _by_task(self) -> Mapping[TaskHandle, frozenset[str]]:
        found: defaultdict[TaskHandle, set[str]] = defaultdict(set)
        for each in self.commands:
            found[each.handle].update(each.ids)
        return {handle: frozenset(ids) for handle, ids in found.items()}

    @cached_property
    def _tasks(self) -> Mapping[str, tuple[TaskHandle, ...]]:
        pairs = ((unique_id, each.handle) for each in self.commands for unique_id in each.ids)
        return _grouped(pairs)

    @cached_property
    def _ids(self) -> Mapping[AssetKey, str]:
        return {key: each for each in sorted(self.assets) if (key := self.key_of(each))}


def _grouped(pairs: Iterable[tuple[str, TaskHandle]]) -> Mapping[str, tuple[TaskHandle, ...]]:
    found: defaultdict[str, dict[TaskHandle, None]] = defaultdict(dict)
    for unique_id, handle in pairs:
        found[unique_id][handle] = None
    return {unique_id: tuple(handles) for unique_id, handles in found.items()}
