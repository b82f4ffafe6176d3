"""A selection as a tree of values, and how a command line writes one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dagster_airlift_dbt.errors import DbtSelectionError

IndirectSelection: TypeAlias = Literal["eager", "cautious", "buildable", "empty"]
"""Which tests come along with what they test."""

Operation: TypeAlias = Literal["union", "intersection", "difference"]

METHODS = frozenset(
    {
        "access",
        "config",
        "exposure",
        "file",
        "fqn",
        "group",
        "metric",
        "package",
        "path",
        "resource_type",
        "saved_query",
        "semantic_model",
        "source",
        "tag",
        "test_name",
        "test_type",
        "unit_test",
        "version",
    }
)
_NEEDS_AN_EARLIER_RUN = frozenset({"result", "source_status", "state"})
_TERM = re.compile(
    r"(?P<childrens_parents>@)?(?:(?P<parents_depth>\d*)(?P<parents>\+))?"
    r"(?:(?P<method>[\w.]+):)?(?P<value>.*?)(?:(?P<children>\+)(?P<children_depth>\d*))?"
)
_TEMPLATE = re.compile(r"\{[{%]|\$[\w{(]|`")
# Without a selection dbt takes all of these.
_EVERYTHING = "fqn:* source:* exposure:* metric:* semantic_model:*"


@dataclass(frozen=True)
class Criterion:
    """One term: what it names, and which relatives of that it takes along.

    A depth of None goes all the way. Only `config` compares with anything but text.
    """

    method: str
    value: object
    arguments: tuple[str, ...] = ()
    childrens_parents: bool = False
    parents: bool = False
    parents_depth: int | None = None
    children: bool = False
    children_depth: int | None = None
    indirect: IndirectSelection = "eager"

    def __post_init__(self) -> None:
        """Refuse what dbt refuses, and what needs more than a manifest."""
        if self.method in _NEEDS_AN_EARLIER_RUN:
            raise DbtSelectionError(
                f"'{self.method}:{self.value}' cannot be resolved from a manifest alone: it compares with the "
                "artifacts of an earlier run. Name the models by folder, tag, fqn or config instead."
            )
        if self.method not in METHODS:
            raise DbtSelectionError(
                f"{self.method!r} in '{self.method}:{self.value}' is no selection method. "
                f"The methods are {', '.join(sorted(METHODS))}; a selector of selectors.yml has an argument "
                "of its own."
            )
        if self.method != "config" and not isinstance(self.value, str):
            raise DbtSelectionError(f"The value of '{self.method}: {self.value!r}' has to be text.")
        if self.childrens_parents and self.children:
            raise DbtSelectionError(f"'@' before and '+' after {self.value!r} exclude each other.")


@dataclass(frozen=True)
class Combination:
    """Selections put together: all of them, what they share, or the first without the others."""

    operation: Operation
    parts: tuple[Selection, ...]
    indirect: IndirectSelection = "eager"


Selection: TypeAlias = Criterion | Combination


def parse_term(term: str, indirect: IndirectSelection) -> Criterion:
    """Read one term, like `@model`, `2+tag:daily`, `config.materialized:table+` or `models/staging`."""
    found = _TERM.fullmatch(term)
    if found is None:
        raise DbtSelectionError(f"{term!r} is no dbt selection.")
    method, *arguments = (found["method"] or _default_method(found["value"])).split(".")
    return Criterion(
        method=method,
        value=found["value"],
        arguments=tuple(arguments),
        childrens_parents=bool(found["childrens_parents"]),
        parents=bool(found["parents"]),
        parents_depth=_depth(found["parents_depth"]),
        children=bool(found["children"]),
        children_depth=_depth(found["children_depth"]),
        indirect=indirect,
    )


def parse_terms(terms: str, indirect: IndirectSelection) -> Combination:
    """Read what follows `--select` or `--exclude`: a space is a union, a comma an intersection."""
    template = _TEMPLATE.search(terms)
    if template:
        raise DbtSelectionError(
            f"{terms!r} cannot be resolved from a manifest alone: {template[0]!r} begins a template or a "
            "variable, whose value is known only in Airflow. Write down what it stands for."
        )
    return Combination(
        "union",
        tuple(
            Combination(
                "intersection", tuple(parse_term(part, indirect) for part in term.split(",")), indirect
            )
            for term in terms.split()
        ),
        indirect,
    )


def parse_arguments(select: str, exclude: str, indirect: IndirectSelection) -> Combination:
    """Read `--select` and `--exclude`; nothing selected is everything."""
    selected = parse_terms(select or _EVERYTHING, indirect)
    return Combination("difference", (selected, parse_terms(exclude, indirect)))


def _default_method(value: str) -> str:
    if "/" in value:
        return "path"
    return "file" if value.lower().endswith((".sql", ".py", ".csv")) else "fqn"


def _depth(digits: str | None) -> int | None:
    return int(digits) if digits else None
