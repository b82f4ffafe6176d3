"""Under which conditions something was measured, to stand beside the numbers."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True)
class Conditions:
    """The machine and the versions.

    Args:
        measured_on: Day, in UTC.
        python: Version of Python.
        processors: How many the machine has.
        load: Load of the machine before and after.
        versions: Package to version.
    """

    measured_on: str
    python: str
    processors: int
    load: tuple[float, float]
    versions: dict[str, str]

    def __str__(self) -> str:
        """Return them as one sentence."""
        packages = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"Measured on {self.measured_on} with Python {self.python} on {self.processors} shared processors "
            f"(load {self.load[0]:.1f} before, {self.load[1]:.1f} after): {packages}."
        )


def conditions(packages: Iterable[str], load_before: float) -> Conditions:
    """Return the conditions of now; packages that are not installed are left out."""
    return Conditions(
        measured_on=f"{datetime.now(UTC):%Y-%m-%d}",
        python=platform.python_version(),
        processors=os.cpu_count() or 1,
        load=(load_before, os.getloadavg()[0]),
        versions={name: number for name in packages if (number := _version(name))},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
