"""What a dbt command of an Airflow task runs, and the assets that this materialises."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dagster import AssetKey, AssetSpec

from dagster_airlift_core.naming import nearest, some_of
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.errors import DbtManifestError, DbtSelectionError, NothingSelected
from dagster_airlift_dbt.graph import DbtGraph
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.specs import SpecOf

_SHOWN = 20


@dataclass(frozen=True)
class DbtAssets:
    """What a dbt project looks like in Dagster.

    Args:
        project: The project.
        spec_of: Gives each dbt resource its asset key and attributes.
    """

    project: DbtProjectContent
    spec_of: SpecOf

    @property
    def graph(self) -> DbtGraph:
        """The resources of the project."""
        return self.project.graph

    def ids_of(self, command: DbtCommand) -> frozenset[str]:
        """Resolve the selection of a dbt command.

        Args:
            command: The command.

        Returns:
            The unique ids of what dbt runs, tests among them.

        Raises:
            DbtSelectionError: The selection of a command that builds names nothing that is an asset, or it needs more
                than a manifest.
        """
        ids = self.resolved(command)
        if command.builds and not self.has_assets(ids):
            raise NothingSelected(
                f"`{command}` selects nothing in the manifest of dbt project {self.graph.project!r} that is an "
                f"asset. Its folders and resources are {_names(self.graph, command.select)}"
            )
        return ids

    def resolved(self, command: DbtCommand) -> frozenset[str]:
        """Resolve the selection of a dbt command, which may be nothing.

        Args:
            command: The command.

        Returns:
            The unique ids of what dbt runs, tests among them.

        Raises:
            DbtSelectionError: The selection needs more than a manifest.
        """
        try:
            return self.graph.select(
                command.select,
                exclude=command.exclude,
                command=command.command,
                indirect_selection=command.indirect_selection,
                selector=command.selector,
                resource_types=command.resource_types,
                exclude_resource_types=command.exclude_resource_types,
            )
        except DbtSelectionError as error:
            # Without the cause: Dagster would show its stack too, and the sentence says it all.
            raise DbtSelectionError(f"`{command}`: {error}") from None

    def has_assets(self, ids: Collection[str]) -> bool:
        """Whether any of some resources is an asset."""
        return any(self.is_asset(each) for each in ids)

    def is_asset(self, unique_id: str) -> bool:
        """Whether a resource is an asset: a model that is not ephemeral, a seed or a snapshot."""
        return unique_id in self.project.relations and not self._is_source(unique_id)

    def specs(self, ids: Collection[str]) -> dict[str, AssetSpec]:
        """Give the specs of dbt resources.

        Args:
            ids: Their unique ids; what is no asset is passed over: tests, ephemeral models and so on.

        Returns:
            Unique id → the spec that dagster-dbt gives for the same manifest and translator, ordered by key.

        Raises:
            DbtManifestError: Two of the resources have one key, or one has the key of a source.
        """
        specs = {each: self.spec_of(each) for each in sorted(ids) if self.is_asset(each)}
        sources = {
            parent for each in specs for parent in self.project.upstream(each) if self._is_source(parent)
        }
        owners: dict[AssetKey, str] = {self.spec_of(source).key: source for source in sorted(sources)}
        for unique_id, spec in specs.items():
            if spec.key in owners:
                raise one_key(spec.key, owners[spec.key], unique_id)
            owners[spec.key] = unique_id
        return dict(sorted(specs.items(), key=lambda item: item[1].key))

    def _is_source(self, unique_id: str) -> bool:
        return self.graph.nodes[unique_id].resource_type == "source"


def one_key(key: AssetKey, first: str, second: str) -> DbtManifestError:
    """Tell that two resources have one key."""
    return DbtManifestError(
        f"The dbt resources {first!r} and {second!r} both have the asset key {key.to_user_string()!r}. "
        "Give one of them another, by `meta.dagster.asset_key` or a translator."
    )


def _names(graph: DbtGraph, wanted: str) -> str:
    nodes = graph.nodes.values()
    parts = {part for node in nodes if node.resource_type in {"model", "seed"} for part in node.fqn[1:]}
    names = sorted(parts)
    return f"{some_of(names, _SHOWN) or 'none'}.{nearest(wanted, names)}"
