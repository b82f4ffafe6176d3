"""The selectors of a project's `selectors.yml`, as a manifest keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

from dagster_airlift_dbt.errors import DbtSelectionError
from dagster_airlift_dbt.spec import (
    Combination,
    Criterion,
    IndirectSelection,
    Operation,
    Selection,
    parse_term,
)


@dataclass(frozen=True)
class YamlSelectors:
    """Named selections.

    Args:
        definitions: Name → the selector, with its `definition` and perhaps `default: true`.
    """

    definitions: Mapping[str, Mapping[str, Any]]

    @property
    def default(self) -> str | None:
        """The name of the selector that counts where nothing is selected."""
        return next((name for name, each in self.definitions.items() if each.get("default") is True), None)

    def parse(self, name: str, indirect: IndirectSelection) -> Selection:
        """Read one selector.

        Args:
            name: Its name.
            indirect: The indirect selection of the command, where the selector gives none.

        Returns:
            Its selection.

        Raises:
            DbtSelectionError: There is no such selector, or it cannot be resolved from a manifest.
        """
        if name not in self.definitions:
            known = ", ".join(sorted(self.definitions)) or "none"
            raise DbtSelectionError(
                f"There is no selector {name!r} in the manifest. Its selectors are {known}."
            )
        return _Reader(self, name, indirect).read(self.definitions[name].get("definition"))

    def before(self, name: str) -> YamlSelectors:
        """Those that a selector may refer to: the ones that stand above it."""
        names = list(self.definitions)
        return YamlSelectors({each: self.definitions[each] for each in names[: names.index(name)]})


@dataclass(frozen=True)
class _Reader:
    selectors: YamlSelectors
    name: str
    indirect: IndirectSelection

    def read(self, definition: object) -> Selection:
        if isinstance(definition, str):
            return parse_term(definition, self.indirect)
        if not isinstance(definition, Mapping):
            raise self._malformed(definition)
        terms = cast("Mapping[str, Any]", definition)
        for operation in ("union", "intersection"):
            if operation in terms:
                return self._group(operation, terms[operation])
        return self._term(terms)

    def _group(self, operation: Operation, definitions: object) -> Selection:
        included: list[Selection] = []
        excluded: list[Selection] = []
        for each in self._listed(definitions):
            if "exclude" in (terms := _mapping(each)):
                excluded.append(self._exclusion(terms["exclude"]))
            else:
                included.append(self.read(each))
        return _without(Combination(operation, tuple(included)), excluded)

    def _term(self, terms: Mapping[str, Any]) -> Selection:
        if len(terms) == 1:
            ((method, value),) = terms.items()
            return self._criterion({"method": method, "value": value})
        if terms.get("method") == "selector":
            return self.selectors.before(self.name).parse(str(terms.get("value")), self.indirect)
        if "method" not in terms or "value" not in terms:
            raise self._malformed(terms)
        excluded = [self._exclusion(terms["exclude"])] if "exclude" in terms else []
        return _without(self._criterion(terms), excluded)

    def _criterion(self, terms: Mapping[str, Any]) -> Criterion:
        method, *arguments = str(terms["method"]).split(".")
        indirect = terms.get("indirect_selection", self.indirect)
        if indirect not in get_args(IndirectSelection):
            raise self._malformed(terms)
        return Criterion(
            method=method,
            value=terms["value"],
            arguments=tuple(arguments),
            childrens_parents=bool(terms.get("childrens_parents")),
            parents=bool(terms.get("parents")),
            parents_depth=_depth(terms.get("parents_depth")),
            children=bool(terms.get("children")),
            children_depth=_depth(terms.get("children_depth")),
            indirect=indirect,
        )

    def _exclusion(self, definitions: object) -> Selection:
        return Combination("union", tuple(self.read(each) for each in self._listed(definitions)))

    def _listed(self, definitions: object) -> Iterator[object]:
        if not isinstance(definitions, Sequence) or isinstance(definitions, str):
            raise self._malformed(definitions)
        yield from cast("Sequence[object]", definitions)

    def _malformed(self, definition: object) -> DbtSelectionError:
        return DbtSelectionError(
            f"The selector {self.name!r} holds {definition!r}, which is no definition of a selection."
        )


def _mapping(definition: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", definition) if isinstance(definition, Mapping) else {}


def _without(selection: Selection, excluded: Sequence[Selection]) -> Selection:
    return Combination("difference", (selection, *excluded)) if excluded else selection


def _depth(value: int | str | None) -> int | None:
    """Dbt takes a depth of the number 0 for none given, and of the text '0' for 0."""
    return int(value) if value else None
