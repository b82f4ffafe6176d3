"""Shares asset checks out among steps: within one, Dagster would mix up assets whose keys look alike (`a-b`, `a_b`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import TypeVar

from dagster import AssetKey

_Check = TypeVar("_Check")


def in_steps(
    checks: Iterable[_Check], keys_of: Callable[[_Check], Collection[AssetKey]]
) -> list[list[_Check]]:
    """Return the checks in as few lists as can be, each of which can be evaluated by one step.

    Args:
        checks: The checks, or whatever stands for them.
        keys_of: Gives the assets that one of them has to do with.
    """
    steps: list[list[_Check]] = []
    names_in: list[dict[str, AssetKey]] = []
    for check in checks:
        names = {_as_dagster_sees(key): key for key in keys_of(check)}
        fitting = (
            step
            for step, known in enumerate(names_in)
            if all(known.get(name, key) == key for name, key in names.items())
        )
        step = next(fitting, len(steps))
        if step == len(steps):
            steps.append([])
            names_in.append({})
        names_in[step] |= names
        steps[step].append(check)
    return steps


def _as_dagster_sees(key: AssetKey) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "_", "_".join(key.path))


def can_be_checked(key: AssetKey) -> bool:
    """Whether Dagster can name the output of a check after an asset.

    Args:
        key: Key of the asset.
    """
    return all(re.fullmatch(r"[A-Za-z0-9_.-]+", part) for part in key.path)
