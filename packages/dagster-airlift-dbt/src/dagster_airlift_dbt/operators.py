"""The dbt commands in the template fields of operators, other than those of Cosmos."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from dagster_airlift_dbt.arguments import DBT_COMMANDS, Uncertain, read_arguments
from dagster_airlift_dbt.fields import Fields, is_cut, lists_named, text_of, unmasked, words_of
from dagster_airlift_dbt.parsing import ParsedDbt, parse_dbt
from dagster_airlift_dbt.shell import Word

Reader: TypeAlias = Callable[[str, Fields], Sequence[ParsedDbt]]
"""Reads the commands of a task from the name of its class and its template fields."""

_SCRIPTS = ("bash_command", "command", "commands", "dbt_command", "script", "cmd")
_CUT = "Airflow keeps only the beginning of what it runs ([core] max_templated_field_length)"
# By them dbt selects without a word on its command line.
_SELECTS = re.compile(r"\bDBT_(EXCLUDE_)?RESOURCE_TYPES?\b")
_PYTHON_CLASS = re.compile(r"Dbt(?P<command>[A-Z][A-Za-z]*)Operator")


def bash(_: str, fields: Fields) -> Sequence[ParsedDbt]:
    """Read the script of a Bash task."""
    return _scripts(fields, ("bash_command",))


def other(_: str, fields: Fields) -> Sequence[ParsedDbt]:
    """Read an operator of somebody's own that has a script in one of its fields."""
    return [*_scripts(fields, _SCRIPTS), *_argument_lists(fields, runs_dbt=True)]


def container(class_name: str, fields: Fields) -> Sequence[ParsedDbt]:
    """Read the arguments of a container."""
    if any(is_cut(fields.get(name)) for name in ("command", "cmds", "arguments", "overrides")):
        return [Uncertain("", _CUT)]
    image = text_of(fields, "image", "task_definition", "job_name", "job_definition")
    runs_dbt = "dbt" in f"{class_name} {image}".lower()
    found = list(_argument_lists(fields, runs_dbt=runs_dbt))
    command = fields.get("command")
    if isinstance(command, str):
        found += _arguments(_split(command), runs_dbt=runs_dbt)
    return _with_environment(found, fields)


def cloud(_: str, fields: Fields) -> Sequence[ParsedDbt]:
    """Read the steps of a dbt Cloud job, where the task says them."""
    steps = words_of(fields.get("steps_override"))
    if steps:
        return [unmasked(parsed) for step in steps for parsed in parse_dbt(step)]
    name = text_of(fields, "job_name") or str(fields.get("job_id") or "")
    return [Uncertain(f"job {name}".strip(), "dbt Cloud alone knows the commands of this job")]


def airflow_dbt_python(class_name: str, fields: Fields) -> Sequence[ParsedDbt]:
    """Read the selection of an operator of airflow-dbt-python."""
    found = _PYTHON_CLASS.fullmatch(class_name)
    command = re.sub(r"(?<!^)(?=[A-Z])", "-", found["command"]).lower() if found else ""
    if command not in DBT_COMMANDS:
        return [Uncertain(class_name, "it is not known which dbt command it stands for")]
    return [unmasked(read_arguments([Word(command), *selecting_words(fields)]))]


def selecting_words(fields: Fields) -> Iterator[Word]:
    """Write the fields that select as dbt takes them."""
    flags = {
        "--select": ("select", "models"),
        "--exclude": ("exclude",),
        "--selector": ("selector_name", "selector"),
        "--vars": ("vars",),
        "--target": ("target",),
    }
    for flag, names in flags.items():
        value = next((fields[name] for name in names if fields.get(name)), None)
        if isinstance(value, Mapping):
            text = "{" + ", ".join(f"{name}: {each}" for name, each in value.items()) + "}"
        else:
            text = " ".join(words_of(value)) if isinstance(value, tuple) else str(value or "")
        if text.strip():
            yield from (Word(flag), Word(text, is_cut(text) or "{{" in text))
    if fields.get("full_refresh") in (True, "True", "true"):
        yield Word("--full-refresh")


READERS: Mapping[str, Reader] = {
    "bash": bash,
    "container": container,
    "dbt cloud": cloud,
    "airflow-dbt-python": airflow_dbt_python,
    "other operator": other,
}
"""Style → how its fields are read."""


def _scripts(fields: Fields, names: Sequence[str]) -> list[ParsedDbt]:
    found: list[ParsedDbt] = []
    for name in names:
        value = fields.get(name)
        if is_cut(value):
            return [Uncertain("", _CUT)]
        if isinstance(value, str):
            found += [unmasked(parsed) for parsed in parse_dbt(value)]
    text = " ".join(str(fields.get(name)) for name in names)
    return _with_environment(found, {**fields, "script": text})


def _with_environment(found: list[ParsedDbt], fields: Fields) -> list[ParsedDbt]:
    where = [str(fields.get(name) or "") for name in ("env", "env_vars", "environment", "script")]
    if not any(map(_SELECTS.search, where)):
        return found
    return [
        Uncertain(str(each), "a variable of its environment selects resource types")
        if not isinstance(each, Uncertain)
        else each
        for each in found
    ]


def _argument_lists(fields: Fields, *, runs_dbt: bool) -> Iterator[ParsedDbt]:
    own = (*words_of(fields.get("cmds")), *words_of(fields.get("arguments")))
    if own:
        yield from _arguments(own, runs_dbt=runs_dbt)
    entry = fields.get("entrypoint")
    start = words_of(entry) or (_split(entry) if isinstance(entry, str) else ())
    command = words_of(fields.get("command"))
    if start or command:
        yield from _arguments((*start, *command), runs_dbt=runs_dbt)
    for value in (fields.get("overrides"), fields.get("container_overrides")):
        for words in lists_named(value, "command", "args"):
            yield from _arguments(words, runs_dbt=runs_dbt)


def _arguments(words: Sequence[str], *, runs_dbt: bool) -> Iterator[ParsedDbt]:
    if any(map(is_cut, words)):
        yield Uncertain("", _CUT)
    elif words and words[0] in DBT_COMMANDS and not runs_dbt:
        yield Uncertain(" ".join(words), "it is not known whether its image runs dbt")
    else:
        yield from map(unmasked, parse_dbt(words))


def _split(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return (command,)
