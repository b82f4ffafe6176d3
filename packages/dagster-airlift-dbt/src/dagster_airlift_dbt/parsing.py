"""The dbt commands in what an Airflow task runs: a shell script, or the arguments of a container."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TypeAlias

from dagster_airlift_dbt.arguments import (
    DBT_COMMANDS,
    NonBuilding,
    Uncertain,
    doubtful,
    read_arguments,
    written,
)
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.shell import SimpleCommand, Word, has_template, simple_commands

ParsedDbt: TypeAlias = DbtCommand | NonBuilding | Uncertain
"""A dbt command that was found: what it runs is known, it builds nothing, or what it builds cannot be told."""

_DBT = frozenset({"dbt", "dbtf", "dbt-ol"})
_DBT_IN_A_VARIABLE = re.compile(r"\$\{?\w*DBT\w*\}?|\{\{.*dbt.*\}\}", re.IGNORECASE | re.DOTALL)
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "sh", "zsh"})
_ASSIGNMENT = re.compile(r"\w+=")
# What runs the command that follows, after its own flags; and those of these flags that have a value.
_RUNNERS = frozenset({"command", "env", "exec", "nice", "nohup", "sudo", "time", "timeout", "uvx"})
_RUN = frozenset(
    {"conda", "hatch", "mamba", "micromamba", "pdm", "pipenv", "pipx", "pixi", "poetry", "rye", "uv"}
)
_WITH_VALUE = frozenset(
    {"-n", "-u", "-p", "-k", "-s", "-e", "--name", "--prefix", "--with", "--from", "--python"}
)
_DURATION = re.compile(r"\d+(\.\d+)?[smhd]?")
# They run a command elsewhere; what of it they pass on is their affair.
_ELSEWHERE = frozenset({"docker", "docker-compose", "kubectl", "podman", "ssh", "xargs"})
_NESTED = 5


def parse_dbt(command: str | Sequence[str]) -> tuple[ParsedDbt, ...]:
    """Find the dbt commands in what an Airflow task runs.

    Args:
        command: The script of a Bash task; or arguments as a container gets them, which may be those of an
            image that runs dbt by itself. Templates need not be rendered.

    Returns:
        The dbt commands in order; none, if the task runs no dbt. Nothing is guessed: where a template, a
        variable or a condition may decide what is built, it is `Uncertain` with the reason.
    """
    return tuple(_in_script(command, 0) if isinstance(command, str) else _in_arguments(command))


def _in_script(script: str, depth: int) -> Iterator[ParsedDbt]:
    if depth < _NESTED:
        for command in simple_commands(script):
            yield from _in_command(command, depth)


def _in_arguments(arguments: Sequence[str]) -> Iterator[ParsedDbt]:
    match arguments:
        case []:
            return
        case [script] if " " in script:
            yield from _in_script(script, 0)
        case ["-c", script, *_]:
            yield from _in_script(script, 0)
        case _:
            words = tuple(Word(each, has_template(each) or "$(" in each) for each in arguments)
            if words[0].text in DBT_COMMANDS:
                words = (Word("dbt"), *words)
            yield from _in_command(SimpleCommand(words), 0)


def _in_command(command: SimpleCommand, depth: int) -> Iterator[ParsedDbt]:
    for parsed in _in_words(_without_runners(command.words), depth):
        if command.condition and isinstance(parsed, DbtCommand):
            yield doubtful(parsed, command.condition)
        else:
            yield parsed


def _in_words(words: Sequence[Word], depth: int) -> Iterator[ParsedDbt]:
    if not words:
        return
    program = PurePosixPath(words[0].text).name
    if program in _SHELLS:
        yield from _in_script(_script_of(words), depth + 1)
    elif program == "eval":
        yield from _in_script(" ".join(word.text for word in words[1:]), depth + 1)
    elif program in _ELSEWHERE:
        yield from _run_elsewhere(words)
    elif _is_dbt(words):
        yield read_arguments(words[1:])


def _is_dbt(words: Sequence[Word]) -> bool:
    program = words[0]
    if program.text.rpartition("/")[2] in _DBT and "://" not in program.text:
        return True
    follows = words[1].text if len(words) > 1 else ""
    is_named = (
        program.is_dynamic and _DBT_IN_A_VARIABLE.fullmatch(program.text.rpartition("/")[2]) is not None
    )
    return is_named and (follows in DBT_COMMANDS or follows.startswith("-"))


def _without_runners(words: Sequence[Word]) -> Sequence[Word]:
    while words:
        program = PurePosixPath(words[0].text).name
        if _ASSIGNMENT.match(words[0].text):
            words = words[1:]
        elif program in _RUN and "run" in [word.text for word in words[1:4]]:
            words = _without_flags(words[[word.text for word in words].index("run") + 1 :])
        elif program in _RUNNERS:
            words = _without_flags(words[1:])
            if program == "timeout" and words and _DURATION.fullmatch(words[0].text):
                words = words[1:]
        elif re.fullmatch(r"python[\d.]*", program) and [word.text for word in words[1:2]] == ["-m"]:
            module = words[2].text if len(words) > 2 else ""  # noqa: PLR2004 -- python -m module
            return [Word("dbt"), *words[3:]] if module in {"dbt", "dbt.cli.main"} else ()
        else:
            return words
    return words


def _without_flags(words: Sequence[Word]) -> Sequence[Word]:
    while words and words[0].text.startswith("-"):
        words = words[2:] if words[0].text in _WITH_VALUE else words[1:]
    return words


def _script_of(words: Sequence[Word]) -> str:
    """What follows `-c`, be it written `-lc` or `-exc`."""
    for flag, script in pairwise(words):
        if re.fullmatch(r"-[a-z]*c", flag.text):
            return script.text
    return ""


def _run_elsewhere(words: Sequence[Word]) -> Iterator[ParsedDbt]:
    for at, word in enumerate(words[:-1]):
        if word.text in _DBT and words[at + 1].text in DBT_COMMANDS:
            yield Uncertain(written(words[at:]), f"{words[0].text} runs it elsewhere")
            return
