"""The arguments of a dbt command line, read as dbt reads them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast, get_args

from dagster_airlift_dbt.command import DbtCommand, RunCommand
from dagster_airlift_dbt.shell import Word
from dagster_airlift_dbt.spec import IndirectSelection

DBT_COMMANDS = frozenset(
    {
        "build",
        "clean",
        "clone",
        "compile",
        "debug",
        "deps",
        "docs",
        "init",
        "list",
        "ls",
        "parse",
        "retry",
        "run",
    }
    | {"run-operation", "seed", "show", "snapshot", "source", "test"}
)
"""The first words after `dbt`."""

_RUN = frozenset(get_args(RunCommand))
_SELECTING = {
    "--select": "select",
    "-s": "select",
    "--models": "select",
    "--model": "select",
    "-m": "select",
    "--exclude": "exclude",
    "--resource-type": "resource_types",
    "--resource-types": "resource_types",
    "--exclude-resource-type": "exclude_resource_types",
    "--exclude-resource-types": "exclude_resource_types",
    "--selector": "selector",
    "--indirect-selection": "indirect_selection",
}
# They have one value; the others take all words up to the next flag.
_SINGLE = frozenset({"--selector", "--indirect-selection"})
_WITH_VALUE = frozenset(
    {
        "--args",
        "--batch-size",
        "--defer-state",
        "--event-time-end",
        "--event-time-start",
        "--inline",
        "--limit",
    }
    | {
        "--log-file-max-bytes",
        "--log-format",
        "--log-format-file",
        "--log-level",
        "--log-level-file",
        "--log-path",
    }
    | {
        "--output",
        "--output-keys",
        "--output-path",
        "--printer-width",
        "--profile",
        "--profiles-dir",
        "--project-dir",
    }
    | {
        "--sample",
        "--state",
        "--target",
        "--target-path",
        "-t",
        "--threads",
        "--vars",
        "--warn-error-options",
    }
    | {"--static-analysis", "-o"}
)


@dataclass(frozen=True)
class NonBuilding:
    """A dbt command that materialises nothing: docs, a compilation, a test of which it cannot be told what it tests.

    Args:
        text: The command line.
    """

    text: str

    @property
    def command(self) -> str:
        """The command, like `test`; nothing for `dbt --version`."""
        return next((word for word in self.text.split() if word in DBT_COMMANDS), "")


@dataclass(frozen=True)
class Uncertain:
    """A dbt command of which it cannot be told what it builds.

    Args:
        text: The command line.
        reason: Why.
    """

    text: str
    reason: str


def doubtful(command: DbtCommand, reason: str) -> Uncertain | NonBuilding:
    """Return a command of which it cannot be told what it runs; a test builds nothing all the same.

    Args:
        command: The command.
        reason: Why.
    """
    return Uncertain(str(command), reason) if command.builds else NonBuilding(str(command))


def written(words: Sequence[Word]) -> str:
    """The words as a command line."""
    return " ".join(word.text if word.is_dynamic else shlex.quote(word.text) for word in words)


def read_arguments(words: Sequence[Word]) -> DbtCommand | NonBuilding | Uncertain:
    """Read what stands after `dbt`.

    Args:
        words: The words.

    Returns:
        The command, if it builds or tests something and no template or variable can change what.
    """
    text = written([Word("dbt"), *words])
    reading = _Reading()
    reason = reading.read(words)
    if reading.command and reading.command not in _RUN and reading.command != "retry":
        return NonBuilding(text)
    if not reason:
        reason = reading.why_not()
    if reason:
        return NonBuilding(text) if reading.command == "test" else Uncertain(text, reason)
    if not reading.command:
        return NonBuilding(text)
    found = reading.selection
    return DbtCommand(
        cast("RunCommand", reading.command),
        select=" ".join(found["select"]),
        exclude=" ".join(found["exclude"]),
        flags=tuple(reading.flags),
        selector=" ".join(found["selector"]),
        indirect_selection=cast("IndirectSelection", " ".join(found["indirect_selection"]) or "eager"),
        resource_types=tuple(found["resource_types"]),
        exclude_resource_types=tuple(found["exclude_resource_types"]),
    )


@dataclass
class _Reading:
    command: str = ""
    flags: list[str] = field(default_factory=list[str])
    selection: dict[str, list[str]] = field(
        default_factory=lambda: {name: list[str]() for name in _SELECTING.values()}
    )

    def read(self, words: Sequence[Word]) -> str:
        """Read all words, and tell what cannot be read."""
        at = 0
        while at < len(words):
            word = words[at]
            name, equals, value = word.text.partition("=")
            taken = 0
            if name in _SELECTING and name.startswith("-"):
                values = [Word(value, word.is_dynamic)] if equals else _values(words[at + 1 :], name)
                taken = 0 if equals else len(values)
                reason = self._select(name, values)
            elif name in _WITH_VALUE:
                taken = 0 if equals else 1
                self.flags += [each.text for each in words[at : at + 1 + taken]]
                reason = ""
            else:
                reason = self._read_alone(word)
            if reason:
                return reason
            at += 1 + taken
        return ""

    def why_not(self) -> str:
        """Why what was read is not certain, or nothing."""
        indirect = self.selection["indirect_selection"]
        if self.command == "retry":
            return "what it builds depends on what failed before"
        if any(each not in get_args(IndirectSelection) for each in indirect):
            return f"dbt knows no indirect selection {' '.join(indirect)!r}"
        return ""

    def _select(self, name: str, values: Sequence[Word]) -> str:
        for value in values:
            if value.is_dynamic:
                return f"{value.text!r} after {name} is known in Airflow alone"
            if name in _SINGLE:
                # As click does: the last one counts.
                self.selection[_SELECTING[name]] = [value.text]
            else:
                self.selection[_SELECTING[name]] += value.text.split()
        return "" if values else f"{name} has no value"

    def _read_alone(self, word: Word) -> str:
        if word.is_dynamic:
            return f"{word.text!r} may hold flags, and is known in Airflow alone"
        if word.text.startswith("-"):
            self.flags.append(word.text)
            return ""
        if self.command:
            return f"dbt {self.command} takes no {word.text!r}, or a flag before it is not known"
        if word.text not in DBT_COMMANDS:
            return f"dbt has no command {word.text!r}, or a flag before it is not known"
        self.command = word.text
        return ""


def _values(words: Sequence[Word], name: str) -> list[Word]:
    if name in _SINGLE:
        return list(words[:1])
    values: list[Word] = []
    for word in words:
        if word.text.startswith("-"):
            break
        values.append(word)
    return values
