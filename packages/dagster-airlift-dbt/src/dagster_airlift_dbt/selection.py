"""Which assets a dbt command materialises, and which checks it runs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from dagster import AssetCheckSpec, AssetKey, AssetSpec
from dagster_dbt import DagsterDbtTranslator

from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.errors import DbtManifestError, DbtSelectionError
from dagster_airlift_dbt.graph import DbtGraph
from dagster_airlift_dbt.manifest import Manifest
from dagster_airlift_dbt.nodes import DbtNode


@dataclass(frozen=True)
class DbtAssets:
    """What a dbt project looks like in Dagster.

    Args:
        graph: The project.
        manifest: Its manifest.
        translator: Gives each dbt resource its asset key and attributes, and each test its check.
    """

    graph: DbtGraph
    manifest: Manifest
    translator: DagsterDbtTranslator

    def ids_of(self, command: DbtCommand) -> frozenset[str]:
        """Resolve the selection of a dbt command.

        Args:
            command: The command.

        Returns:
            The unique ids of what dbt runs, tests among them.

        Raises:
            DbtSelectionError: The selection names nothing that is an asset, or needs more than a manifest.
        """
        ids = self._resolved(command)
        if not any(_is_asset(self.graph.nodes[each]) for each in ids):
            raise DbtSelectionError(
                f"`{command}` selects nothing in the manifest of dbt project {self.graph.project!r} that is an "
                f"asset. Its folders and resources are {_names(self.graph)}."
            )
        return ids

    def specs(self, ids: Collection[str]) -> dict[str, AssetSpec]:
        """Give the specs of dbt resources.

        Args:
            ids: Their unique ids; what is no asset is passed over: tests, ephemeral models and so on.

        Returns:
            Unique id → the spec that dagster-dbt gives for the same manifest and translator, ordered by key.

        Raises:
            DbtManifestError: Two of the resources have one key.
        """
        owners: dict[AssetKey, str] = {}
        specs: dict[str, AssetSpec] = {}
        for unique_id in sorted(each for each in ids if _is_asset(self.graph.nodes[each])):
            spec = self._spec(unique_id)
            if spec.key in owners:
                raise DbtManifestError(
                    f"The dbt resources {owners[spec.key]!r} and {unique_id!r} both have the asset key "
                    f"{spec.key.to_user_string()!r}. Give one of them another, by `meta.dagster.asset_key` or "
                    "a translator."
                )
            owners[spec.key] = unique_id
            specs[unique_id] = spec
        return dict(sorted(specs.items(), key=lambda item: item[1].key))

    def checks(self, ids: Collection[str]) -> list[AssetCheckSpec]:
        """Give the checks that dagster-dbt makes of dbt tests.

        Args:
            ids: The unique ids of what dbt runs.

        Returns:
            One check for each test among them, where what it tests is too and the translator makes one.
        """
        checks: dict[str, AssetCheckSpec] = {}
        tests = sorted(each for each in ids if self.graph.nodes[each].resource_type == "test")
        for test in tests:
            for parent in self.graph.nodes[test].depends_on:
                if self._has_checks(parent, ids):
                    check = self.translator.get_asset_check_spec(
                        self._spec(parent), self.manifest, test, project=None
                    )
                    if check is not None:
                        checks[check.get_python_identifier()] = check
        return list(checks.values())

    def _resolved(self, command: DbtCommand) -> frozenset[str]:
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

    def _has_checks(self, unique_id: str, ids: Collection[str]) -> bool:
        if unique_id.startswith("source."):
            return self.translator.settings.enable_source_tests_as_checks
        return unique_id in ids and _is_asset(self.graph.nodes[unique_id])

    def _spec(self, unique_id: str) -> AssetSpec:
        return self.translator.get_asset_spec(self.manifest, unique_id, project=None)


def _is_asset(node: DbtNode) -> bool:
    if node.resource_type == "model":
        return node.config.get("materialized") != "ephemeral"
    return node.resource_type in {"seed", "snapshot"}


def _names(graph: DbtGraph) -> str:
    nodes = graph.nodes.values()
    parts = {part for node in nodes if node.resource_type in {"model", "seed"} for part in node.fqn[1:]}
    return ", ".join(sorted(parts)) or "none"
