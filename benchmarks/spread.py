"""Several measurements of one thing: the median, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """Measurements of one thing.

    Args:
        values: At least one.
    """

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median."""
        return median(self.values)

    def text(self, write: Callable[[float], str]) -> str:
        """Return the median, and the least and the most where there is more than one."""
        if len(self.values) == 1:
            return write(self.median)
        return f"{write(self.median)} ({write(min(self.values))} to {write(max(self.values))})"


def seconds(value: float) -> str:
    """Write seconds."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"  # noqa: PLR2004 - two digits are enough


def megabytes(value: float) -> str:
    """Write bytes in megabytes."""
    return f"{value / 1e6:.1f} MB" if value >= 1e5 else f"{value / 1e3:.1f} kB"  # noqa: PLR2004 - what reads well


def count(value: float) -> str:
    """Write a number of things."""
    return f"{value:,.0f}"


def times(value: float) -> str:
    """Write a ratio."""
    return f"{value:.1f}×" if value < 100 else f"{value:.0f}×"  # noqa: PLR2004, RUF001 - what reads well
