"""The asset checks that dbt's tests and the freshness of its sources are in Dagster."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

from dagster import AssetCheckKey, AssetCheckSpec, AssetSpec

from dagster_airlift_dbt.checked import DbtTest
from dagster_airlift_dbt.manifest import Manifest
from dagster_airlift_dbt.selection import DbtAssets
from dagster_airlift_dbt.specs import DbtTranslator

FRESHNESS_CHECK = "dbt_source_freshness"
"""Name of the check that `dbt source freshness` evaluates, on the asset of a source."""


@runtime_checkable
class CheckTranslator(Protocol):
    """What gives specs of checks from a whole manifest, like the `DagsterDbtTranslator` of dagster-dbt."""

    @property
    def settings(self) -> Any:  # noqa: ANN401 - of dagster-dbt, an extra
        """Its settings, `enable_source_tests_as_checks` among them."""
        ...

    def get_asset_check_spec(
        self, asset_spec: AssetSpec, manifest: Manifest, unique_id: str, project: None, /
    ) -> AssetCheckSpec | None:
        """Give the spec of the check that a test is on an asset; None where it is none."""
        ...


@dataclass(frozen=True)
class DbtChecks:
    """The checks of one project: named as dagster-dbt names them, on the assets on which it puts them.

    Args:
        assets: What the project looks like in Dagster.
        translator: What was asked for to translate it.
    """

    assets: DbtAssets
    translator: DbtTranslator | None = None

    def key_of(self, unique_id: str) -> AssetCheckKey | None:
        """Find the check of a test or of a source's freshness.

        Args:
            unique_id: The test or the source.

        Returns:
            The key, None where Dagster has no such check: of a test of what is no asset, or one that reads several
            resources and says in `meta.dagster.ref` of none of them that it belongs to it.
        """
        spec = self._spec_of(unique_id)
        return spec.key if spec else None

    def specs_for(self, ids: Collection[str]) -> Iterator[AssetCheckSpec]:
        """Give the checks of some assets, and of the sources that they read.

        Args:
            ids: Unique ids of the assets.
        """
        project = self.assets.project
        read = {parent for each in ids if self.assets.is_asset(each) for parent in project.upstream(each)}
        sources = {each for each in read if not self.assets.is_asset(each)}
        tests = [
            test.unique_id for test in project.tests.values() if self._checked(test) in sources.union(ids)
        ]
        for unique_id in (*tests, *sorted(sources & project.fresh_sources)):
            if spec := self._spec_of(unique_id):
                yield spec

    def _spec_of(self, unique_id: str) -> AssetCheckSpec | None:
        if unique_id not in self._known:
            test = self.assets.project.tests.get(unique_id)
            self._known[unique_id] = self._of_test(test) if test else self._of_source(unique_id)
        return self._known[unique_id]

    @cached_property
    def _known(self) -> dict[str, AssetCheckSpec | None]:
        return {}

    def _checked(self, test: DbtTest) -> str | None:
        graph = self.assets.graph
        return test.checked(graph.nodes, graph.project)

    def _of_source(self, unique_id: str) -> AssetCheckSpec | None:
        if unique_id not in self.assets.project.fresh_sources:
            return None
        return AssetCheckSpec(
            FRESHNESS_CHECK,
            asset=self.assets.spec_of(unique_id).key,
            description="Whether `dbt source freshness` found its newest rows young enough.",
            metadata={"dagster_dbt/unique_id": unique_id},
        )

    def _of_test(self, test: DbtTest) -> AssetCheckSpec | None:
        checked = self._checked(test)
        if checked is None or checked not in self.assets.project.relations:
            return None
        is_source = not self.assets.is_asset(checked)
        asset = self.assets.spec_of(checked)
        if isinstance(self.translator, CheckTranslator):
            if is_source and not self.translator.settings.enable_source_tests_as_checks:
                return None
            manifest = self.assets.project.manifest or {}
            return self.translator.get_asset_check_spec(asset, manifest, test.unique_id, None)
        if is_source:  # dagster-dbt makes them checks on demand only
            return None
        others = {
            self.assets.spec_of(each).key for each in test.parents if each in self.assets.project.relations
        }
        return AssetCheckSpec(
            test.name,
            asset=asset.key,
            description=test.description,
            additional_deps=others - {asset.key},
            metadata={"dagster_dbt/unique_id": test.unique_id},
            blocking=test.is_error,
        )
