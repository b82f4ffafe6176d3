"""The dbt command that an Airflow task runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from dagster_airlift_dbt.errors import DbtSelectionError

BuildingCommand: TypeAlias = Literal["build", "run", "seed", "snapshot"]
"""The dbt commands that materialise something."""

# dbt's own rule of what a command builds; what it leaves out, its selection may name all the same.
_BUILDS: dict[BuildingCommand, frozenset[str]] = {
    "build": frozenset({"model", "seed", "snapshot"}),
    "run": frozenset({"model"}),
    "seed": frozenset({"seed"}),
    "snapshot": frozenset({"snapshot"}),
}
_TESTS = ("test", "unit_test")


@dataclass(frozen=True)
class DbtCommand:
    """A dbt command line, as the Airflow task has it.

    `dbt run --select staging --exclude tag:slow --target prod` is
    `DbtCommand("run", select="staging", exclude="tag:slow", flags=("--target", "prod"))`.

    Args:
        command: `build`, `run`, `seed` or `snapshot`; `dbt test` builds nothing and maps to no asset.
        select: What follows `--select`: a space is a union, a comma an intersection. Everything by default.
        exclude: What follows `--exclude`. Nothing by default.
        flags: Further arguments. They do not change which assets are mapped; Dagster passes them to dbt once
            the task is migrated.

    Raises:
        DbtSelectionError: The command is none of the four.
    """

    command: BuildingCommand
    select: str = "fqn:*"
    exclude: str = ""
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what builds nothing."""
        if self.command not in get_args(BuildingCommand):
            raise DbtSelectionError(
                f"`dbt {self.command}` materialises nothing that can be mapped. "
                f"The commands that do are {', '.join(get_args(BuildingCommand))}."
            )

    @property
    def builds(self) -> frozenset[str]:
        """The dbt resource types that this command materialises."""
        return _BUILDS[self.command]

    @property
    def leaves_out(self) -> str:
        """The selection of what this command does not run, whatever its own selection names."""
        models = sorted(_BUILDS["build"] - self.builds)
        tests = [] if self.command == "build" else _TESTS
        return " ".join(f"resource_type:{kind}" for kind in [*models, *tests])

    def __str__(self) -> str:
        """The command line, as dbt would take it."""
        words = ["dbt", self.command]
        if self.select != "fqn:*":
            words += ["--select", self.select]
        if self.exclude:
            words += ["--exclude", self.exclude]
        return " ".join([*words, *self.flags])
