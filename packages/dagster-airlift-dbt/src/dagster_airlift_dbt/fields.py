"""Texts and lists in the template fields of a task, and whether Airflow has cut or masked them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from dagster_airlift_core.model import RenderedValue
from dagster_airlift_dbt.arguments import NonBuilding, Uncertain, doubtful
from dagster_airlift_dbt.parsing import ParsedDbt

Fields: TypeAlias = Mapping[str, RenderedValue]

CUT = "Truncated."
"""So begins a value of which Airflow keeps a part only."""
_PENDING = "DYNAMIC (set during execution)"
MASK = "***"
"""Stands where Airflow has masked a secret."""


def text_of(fields: Fields, *names: str) -> str:
    """The first of some fields that holds a text, or a list of texts."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return value
        if isinstance(value, tuple) and (words := words_of(value)):
            return " ".join(words)
    return ""


def words_of(value: RenderedValue) -> tuple[str, ...]:
    """The texts of a list; none, if it is no list of texts."""
    if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
        return ()
    return tuple(str(each) for each in value)


def lists_named(value: RenderedValue, *names: str) -> Iterator[tuple[str, ...]]:
    """Each list of texts with one of these names, however deep it lies."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name in names and words_of(each):
                yield words_of(each)
            else:
                yield from lists_named(each, *names)
    elif isinstance(value, tuple):
        for each in value:
            yield from lists_named(each, *names)


def is_cut(value: RenderedValue) -> bool:
    """Whether Airflow has kept a part of a value only."""
    return isinstance(value, str) and value.startswith(CUT)


def are_complete(fields: Fields) -> bool:
    """Whether no field is one that a task sets while it runs, and has not set yet: a `@task.bash` that runs now."""
    return _PENDING not in fields.values()


def unmasked(parsed: ParsedDbt) -> ParsedDbt:
    """Take a command for uncertain of which Airflow has masked what decides about the selection."""
    if isinstance(parsed, Uncertain | NonBuilding):
        return parsed
    deciding = (parsed.select, parsed.exclude, parsed.selector)
    if any(MASK in each for each in (*deciding, *parsed.resource_types, *parsed.exclude_resource_types)):
        return doubtful(parsed, "Airflow has masked a part of its selection")
    return parsed
