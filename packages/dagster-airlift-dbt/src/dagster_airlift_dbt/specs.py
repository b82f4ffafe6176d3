"""Asset specs of dbt resources: those that dagster-dbt gives, without dagster-dbt."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Any, Protocol, TypeAlias, runtime_checkable

from dagster import (
    AssetDep,
    AssetKey,
    AssetSpec,
    AutoMaterializePolicy,
    AutomationCondition,
    DagsterError,
    MetadataValue,
    TableColumn,
    TableSchema,
)

from dagster_airlift_dbt.errors import DbtManifestError
from dagster_airlift_dbt.manifest import Manifest
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.relations import DbtColumn, DbtRelation

ChangeSpec: TypeAlias = Callable[[DbtNode, AssetSpec], AssetSpec]
"""Gives a dbt resource another spec than the one that it would have."""


@runtime_checkable
class ManifestTranslator(Protocol):
    """What gives specs from a whole manifest, like the `DagsterDbtTranslator` of dagster-dbt."""

    def get_asset_spec(self, manifest: Manifest, unique_id: str, project: None, /) -> AssetSpec:
        """Give the spec of one resource."""
        ...


DbtTranslator: TypeAlias = ManifestTranslator | ChangeSpec
"""What decides how a dbt resource looks in Dagster."""

SpecOf: TypeAlias = Callable[[str], AssetSpec]
"""Unique id → spec."""

# What dagster-dbt takes for a tag; it passes over the others, and Dagster would refuse them.
_TAG = re.compile(r"^([A-Za-z0-9_.-]{1,63}/|dagster/kind/)?[A-Za-z0-9_.-]{1,63}$")
# The metadata of dagster-dbt about the project differ between projects that share a source.
_ABOUT_THE_PROJECT = "dagster_dbt/"


def specs_by(translator: DbtTranslator | None, project: DbtProjectContent) -> SpecOf:
    """Choose who gives the specs.

    Args:
        translator: What was asked for.
        project: The project, with its manifest if the translator wants one.

    Returns:
        A function from unique id to spec.

    Raises:
        DbtManifestError: When called for a resource with something that Dagster refuses.
    """
    if not isinstance(translator, ManifestTranslator):
        return OwnSpecs(project, translator).spec
    manifest = project.manifest or {}
    return lambda unique_id: translator.get_asset_spec(manifest, unique_id, None)


@dataclass(frozen=True)
class OwnSpecs:
    """The specs of one project, made from what was kept of its manifest.

    Args:
        project: The project.
        change: What changes them. A changed key is the key of the dependencies too.
    """

    project: DbtProjectContent
    change: ChangeSpec | None = None

    def spec(self, unique_id: str) -> AssetSpec:
        """Give the spec of a relation.

        Args:
            unique_id: A model, seed, snapshot or source.

        Returns:
            Its spec, equal to that of dagster-dbt unless it is changed.

        Raises:
            DbtManifestError: Dagster refuses something that the project says, like the name of a group.
        """
        return self._changed[unique_id] if self.change else self._default(unique_id)

    @cached_property
    def _changed(self) -> Mapping[str, AssetSpec]:
        if self.change is not None:
            for unique_id in self._parents_first():
                node = self.project.graph.nodes[unique_id]
                self._known[unique_id] = self.change(node, self._default(unique_id))
        return self._known

    def _parents_first(self) -> list[str]:
        upstream = {unique_id: self.project.upstream(unique_id) for unique_id in self.project.relations}
        return [
            *self._source_ids,
            *(each for each in TopologicalSorter(upstream).static_order() if each not in self._source_ids),
        ]

    def _default(self, unique_id: str) -> AssetSpec:
        relation = self.project.relations[unique_id]
        try:
            return AssetSpec(
                key=AssetKey(relation.key),
                deps=[self._dep(parent) for parent in self.project.upstream(unique_id)],
                description=relation.description,
                metadata=self._metadata(relation),
                skippable=True,
                group_name=relation.group,
                code_version=relation.code_version,
                automation_condition=_automation_condition(relation.policy),
                # A list, as dagster-dbt gives it: a spec compares the two by their kind.
                owners=[*(relation.owners or self.project.group_owners.get(relation.dbt_group or "", ()))],
                tags={tag: "" for tag in self.project.graph.nodes[unique_id].tags if _TAG.match(tag)},
                kinds={"dbt", self.project.adapter or "dbt"},
            )
        except DagsterError as error:
            raise DbtManifestError(
                f"Dagster refuses what the dbt project says about {unique_id!r}: {error} "
                "Say otherwise in the project; `meta.dagster` has settings of its own for group and owners."
            ) from error

    def _dep(self, unique_id: str) -> AssetDep:
        if unique_id not in self._deps:
            metadata = self._source_metadata(unique_id) if unique_id in self._source_ids else None
            self._deps[unique_id] = AssetDep(self._key(unique_id), metadata=metadata)
        return self._deps[unique_id]

    def _key(self, unique_id: str) -> AssetKey:
        known = self._known.get(unique_id)
        return known.key if known else AssetKey(self.project.relations[unique_id].key)

    def _source_metadata(self, unique_id: str) -> Mapping[str, Any] | None:
        # Of two sources with one key, neither says what the asset is.
        if self._sources_by_key[self._key(unique_id)] > 1:
            return None
        source = self._known.get(unique_id) or self._default(unique_id)
        return {
            name: value for name, value in source.metadata.items() if not name.startswith(_ABOUT_THE_PROJECT)
        }

    @cached_property
    def _source_ids(self) -> frozenset[str]:
        nodes = self.project.graph.nodes
        return frozenset(each for each in self.project.relations if nodes[each].resource_type == "source")

    @cached_property
    def _sources_by_key(self) -> Counter[AssetKey]:
        return Counter(self._key(each) for each in self._source_ids)

    @cached_property
    def _known(self) -> dict[str, AssetSpec]:
        """What was changed so far."""
        return {}

    @cached_property
    def _deps(self) -> dict[str, AssetDep]:
        """Many depend on the same."""
        return {}

    def _metadata(self, relation: DbtRelation) -> Mapping[str, Any]:
        metadata: dict[str, Any] = {
            "dagster-dbt/materialization_type": relation.materialized,
            "dagster/column_schema": self._schema(relation.columns) if relation.columns else None,
            "dagster/table_name": relation.table_name,
            "dagster_dbt/unique_id": relation.unique_id,
            "dagster/storage_kind": self.project.adapter,
            "dagster_dbt/project_id": MetadataValue.text(self.project.project_id)
            if self.project.project_id
            else None,
        }
        return {name: value for name, value in metadata.items() if value is not None}

    def _schema(self, columns: Collection[DbtColumn]) -> TableSchema:
        return TableSchema(
            columns=[
                TableColumn(
                    name=column.name,
                    type=column.type,
                    description=column.description,
                    tags=dict.fromkeys(column.tags, ""),
                )
                for column in columns
            ]
        )


def _automation_condition(policy: str | None) -> AutomationCondition[Any] | None:
    if policy not in {"eager", "lazy"}:
        return None
    with warnings.catch_warnings():
        # Deprecated, and what dagster-dbt makes of this setting; its conditions equal no others.
        warnings.simplefilter("ignore", DeprecationWarning)
        made = AutoMaterializePolicy.eager() if policy == "eager" else AutoMaterializePolicy.lazy()
    return made.to_automation_condition()
