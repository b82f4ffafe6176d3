"""The dbt command that an Airflow task runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from dagster_airlift_dbt.errors import DbtSelectionError
from dagster_airlift_dbt.spec import IndirectSelection

RunCommand: TypeAlias = Literal["build", "run", "seed", "snapshot", "test"]
"""The dbt commands that Dagster can run for a task: they materialise something, or test it."""

# What selects has a field of its own, so that nothing is selected that we do not see.
_FIELDS = {
    "--select": "select",
    "-s": "select",
    "--models": "select",
    "--model": "select",
    "-m": "select",
    "--exclude": "exclude",
    "--selector": "selector",
    "--indirect-selection": "indirect_selection",
    "--resource-type": "resource_types",
    "--resource-types": "resource_types",
    "--exclude-resource-type": "exclude_resource_types",
    "--exclude-resource-types": "exclude_resource_types",
}


@dataclass(frozen=True)
class DbtCommand:
    """A dbt command line, as the Airflow task has it.

    `dbt run --select staging --exclude tag:slow --target prod` is
    `DbtCommand("run", select="staging", exclude="tag:slow", flags=("--target", "prod"))`.

    Args:
        command: `build`, `run`, `seed`, `snapshot`, or `test`, which builds nothing.
        select: What follows `--select`: a space is a union, a comma an intersection. By default what dbt takes
            then: everything, or the selector of `selectors.yml` that says `default: true`.
        exclude: What follows `--exclude`. Nothing by default.
        flags: Further arguments. They do not change which assets are mapped; Dagster passes them to dbt once
            the task is migrated.
        selector: What follows `--selector`, instead of `select` and `exclude`.
        indirect_selection: What follows `--indirect-selection`, or what the project sets it to.
        resource_types: What follows `--resource-type`, for `build` and `test` only.
        exclude_resource_types: What follows `--exclude-resource-type`, for the same.
        project: The name of the dbt project that it runs in, where there are several and the selection fits in
            more than one.

    Raises:
        DbtSelectionError: The command is none of the five, or a flag selects and so belongs into a field.
    """

    command: RunCommand
    select: str = ""
    exclude: str = ""
    flags: tuple[str, ...] = ()
    selector: str = ""
    indirect_selection: IndirectSelection = "eager"
    resource_types: tuple[str, ...] = ()
    exclude_resource_types: tuple[str, ...] = ()
    project: str = ""

    def __post_init__(self) -> None:
        """Refuse what neither builds nor tests, and a selection where none is looked for."""
        if self.command not in get_args(RunCommand):
            parts = " Give its parts apart: DbtCommand('run', select='marts')." if " " in self.command else ""
            raise DbtSelectionError(
                f"`dbt {self.command}` materialises nothing that can be mapped, and tests nothing. "
                f"The commands that do are {', '.join(get_args(RunCommand))}.{parts}"
            )
        if isinstance(self.flags, str):
            raise DbtSelectionError(
                f"flags={self.flags!r} is a text, and would be taken letter by letter. "
                f"Give its words: flags={tuple(self.flags.split())!r}."
            )
        for flag in self.flags:
            name = flag.partition("=")[0]
            if name in _FIELDS:
                raise DbtSelectionError(
                    f"{flag!r} in the flags of `dbt {self.command}` selects what is built. "
                    f"Give it as `{_FIELDS[name]}=` instead."
                )

    @property
    def builds(self) -> bool:
        """Whether it materialises something; a test does not."""
        return self.command != "test"

    @property
    def selection(self) -> tuple[str, ...]:
        """The selection, as dbt takes it."""
        given = {"--select": self.select, "--exclude": self.exclude, "--selector": self.selector}
        return tuple(word for flag, value in given.items() if value for word in (flag, value))

    @property
    def options(self) -> tuple[str, ...]:
        """What bears on the selection beside the selection itself, as dbt takes it."""
        return tuple(self._options())

    def _options(self) -> Iterator[str]:
        if self.indirect_selection != "eager":
            yield from ("--indirect-selection", self.indirect_selection)
        for kind in self.resource_types:
            yield from ("--resource-type", kind)
        for kind in self.exclude_resource_types:
            yield from ("--exclude-resource-type", kind)

    def __str__(self) -> str:
        """The command line, as dbt would take it."""
        return " ".join(["dbt", self.command, *self.selection, *self.options, *self.flags])
