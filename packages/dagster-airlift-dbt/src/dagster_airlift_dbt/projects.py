"""The dbt projects that Airflow's tasks run, and which task runs what of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dagster import AssetKey, AssetSpec

from dagster_airlift_core import TaskHandle, assets_with_multiple_task_mappings
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.cosmos import name_of
from dagster_airlift_dbt.errors import DbtManifestError, DbtSelectionError, NothingSelected
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.selection import DbtAssets, one_key


@dataclass(frozen=True)
class TaskCommand:
    """A dbt command of a task, resolved.

    Args:
        handle: The task.
        command: The command.
        assets: The project that it runs in.
        ids: The unique ids of what it runs.
    """

    handle: TaskHandle
    command: DbtCommand
    assets: DbtAssets
    ids: frozenset[str]


@dataclass(frozen=True)
class DbtProjects:
    """Several dbt projects, often one.

    Args:
        projects: Them.

    Raises:
        DbtManifestError: Two have one name.
    """

    projects: Sequence[DbtAssets]

    def __post_init__(self) -> None:
        """Refuse what no command could tell apart."""
        names = self._names
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise DbtManifestError(
                f"Two of the manifests are of the dbt project {twice[0]!r}. Give the one of the target that "
                "Airflow's tasks run against."
            )

    def resolve(self, handle: TaskHandle, command: DbtCommand) -> TaskCommand:
        """Find out in which project a command runs, and what.

        Args:
            handle: Its task.
            command: The command.

        Returns:
            The command with what it runs.

        Raises:
            DbtSelectionError: It selects nothing, or something in several projects without saying in which it
                runs, or its selection needs more than a manifest.
        """
        projects = self._candidates(command)
        if len(projects) == 1:
            return TaskCommand(handle, command, projects[0], projects[0].ids_of(command))
        found = [
            TaskCommand(handle, command, assets, ids)
            for assets in projects
            if not command.selector or command.selector in assets.graph.selectors
            if _runs_there(command, assets, ids := assets.resolved(command))
        ]
        if not found:
            raise NothingSelected(
                f"`{command}` selects {'nothing that is an asset' if command.builds else 'no test'} in any of the dbt projects {_listed(self._names)}."
            )
        if len(found) > 1:
            several = _listed(each.assets.graph.project for each in found)
            raise DbtSelectionError(
                f"`{command}` selects something in each of the dbt projects {several}. Say by `project=` in "
                f"which of them {handle.dag_id}.{handle.task_id} runs it."
            )
        return found[0]

    @cached_property
    def by_cosmos_name(self) -> Mapping[tuple[str, str], Sequence[tuple[DbtAssets, DbtNode]]]:
        """The resources by what Cosmos names their tasks after."""
        found: defaultdict[tuple[str, str], list[tuple[DbtAssets, DbtNode]]] = defaultdict(list)
        for assets in self.projects:
            for node in assets.graph.nodes.values():
                found[name_of(node)].append((assets, node))
        return found

    @property
    def _names(self) -> list[str]:
        return [assets.graph.project for assets in self.projects]

    def _candidates(self, command: DbtCommand) -> Sequence[DbtAssets]:
        if not command.project:
            return self.projects
        named = [assets for assets in self.projects if assets.graph.project == command.project]
        if not named:
            raise DbtSelectionError(
                f"There is no manifest of the dbt project {command.project!r}, which `{command}` runs in. "
                f"There are those of {_listed(self._names)}."
            )
        return named


def _runs_there(command: DbtCommand, assets: DbtAssets, ids: Collection[str]) -> bool:
    return assets.has_assets(ids) if command.builds else bool(ids)


def specs_of(commands: Collection[TaskCommand]) -> dict[AssetKey, AssetSpec]:
    """Give the specs of all that some commands build.

    Args:
        commands: They may be of several projects. What two projects share, because both install its package,
            is one asset.

    Returns:
        Asset key → spec, ordered.

    Raises:
        DbtManifestError: Two resources have one key.
    """
    specs: dict[AssetKey, AssetSpec] = {}
    owners: dict[AssetKey, str] = {}
    for assets in {id(each.assets): each.assets for each in commands}.values():
        ids = frozenset[str]().union(*(each.ids for each in commands if each.assets is assets))
        for unique_id, spec in assets.specs(ids).items():
            if owners.setdefault(spec.key, unique_id) != unique_id:
                raise one_key(spec.key, owners[spec.key], unique_id)
            specs.setdefault(spec.key, spec)
    return dict(sorted(specs.items()))


def handles_of(commands: Collection[TaskCommand]) -> dict[AssetKey, list[TaskHandle]]:
    """Find the tasks that build an asset.

    Args:
        commands: Theirs.

    Returns:
        Asset key → each of its tasks once, in the order of the commands.
    """
    handles: dict[AssetKey, dict[TaskHandle, None]] = {}
    for each in commands:
        for unique_id in each.ids:
            if each.assets.is_asset(unique_id):
                handles.setdefault(each.assets.spec_of(unique_id).key, {})[each.handle] = None
    return {key: list(tasks) for key, tasks in handles.items()}


def mapped_spec(spec: AssetSpec, handles: Collection[TaskHandle]) -> AssetSpec:
    """Map an asset to its tasks.

    Args:
        spec: The asset.
        handles: The tasks.
    """
    (mapped,) = assets_with_multiple_task_mappings([spec], list(handles))
    return mapped


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
