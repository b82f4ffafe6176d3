"""Resolves a selection on the resources of a project, tests that come along included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dagster_airlift_dbt.catalogue import Catalogue
from dagster_airlift_dbt.lineage import Lineage
from dagster_airlift_dbt.methods import find
from dagster_airlift_dbt.nodes import DbtNode
from dagster_airlift_dbt.spec import Combination, Criterion, Selection


@dataclass(frozen=True)
class Found:
    """What is selected, and the tests that would be once all of their parents are."""

    selected: set[str]
    waiting: set[str]


@dataclass(frozen=True)
class Resolver:
    """Resolves selections as dbt's selector does, step by step."""

    catalogue: Catalogue
    lineage: Lineage

    def resolve(self, selection: Selection) -> Found:
        """Resolve a selection."""
        if isinstance(selection, Criterion):
            return self._criterion(selection)
        parts = [self.resolve(part) for part in selection.parts]
        selected = _combined(selection, [part.selected for part in parts])
        waiting = _combined(selection, [part.selected | part.waiting for part in parts])
        return Found(selected | self._complete(selection, selected, waiting), waiting)

    def _criterion(self, criterion: Criterion) -> Found:
        found = find(self.catalogue, criterion)
        selected = found | self._relatives(criterion, found)
        if criterion.indirect == "empty":
            return Found(selected, set())
        tests = {each.unique_id: each for each in self._tests_of(selected)}
        if criterion.indirect == "eager":
            return Found(selected | tests.keys(), set())
        known = selected
        if criterion.indirect == "buildable":
            sources = (node.unique_id for node in self.catalogue.of_type("source"))
            known = selected.union(self.lineage.ancestors(selected), sources)
        complete = _with_all_parents(tests, known)
        return Found(selected | complete, tests.keys() - complete)

    def _relatives(self, criterion: Criterion, found: set[str]) -> set[str]:
        relatives: set[str] = set()
        if criterion.childrens_parents:
            family = found | self.lineage.descendants(found)
            relatives |= family | self.lineage.ancestors(family)
        if criterion.parents:
            relatives |= self.lineage.ancestors(found, criterion.parents_depth)
        if criterion.children:
            relatives |= self.lineage.descendants(found, criterion.children_depth)
        return relatives

    def _tests_of(self, ids: Iterable[str]) -> Iterable[DbtNode]:
        for one in ids:
            for child in self.lineage.children.get(one, ()):
                if self.catalogue.nodes[child].is_test:
                    yield self.catalogue.nodes[child]

    def _complete(self, selection: Combination, selected: set[str], waiting: set[str]) -> set[str]:
        """The waiting tests whose parents another part of the selection has brought; never a unit test."""
        if selection.indirect not in {"cautious", "buildable"}:
            return set()
        nodes = self.catalogue.nodes
        tests = {each: nodes[each] for each in waiting if nodes[each].resource_type != "unit_test"}
        # Other than for a single term, dbt does not take sources as given here.
        upstream = self.lineage.ancestors(selected) if selection.indirect == "buildable" else set[str]()
        return _with_all_parents(tests, selected | upstream)


def _with_all_parents(tests: Mapping[str, DbtNode], known: set[str]) -> set[str]:
    return {unique_id for unique_id, test in tests.items() if known.issuperset(test.depends_on)}


def _combined(selection: Combination, sets: Sequence[set[str]]) -> set[str]:
    if not sets:
        return set()
    first, *others = sets
    if selection.operation == "union":
        return first.union(*others)
    return first.intersection(*others) if selection.operation == "intersection" else first.difference(*others)
