"""Which tasks Dagster cannot stand in for, and why."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any, cast

from airflow.providers.common.compat.sdk import (  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed
    BaseOperator,
    BaseSensorOperator,
    MappedOperator,
    SkipMixin,
)

from airflow.providers.dagster.swap import ARGUMENT_OF, KEPT, OWN, REFUSED, Task

__all__ = ["decides", "refusal", "settings_without_rule"]

_SENSOR_OUTCOMES = ("soft_fail", "never_fail")
"""Settings of a sensor that let it end otherwise than well or badly."""


def refusal(task: Task) -> str | None:
    """Say why a task cannot be proxied.

    Args:
        task: A task of a DAG.

    Returns:
        The reason as half a sentence, None when it can be.
    """
    if decides(task):
        return "it decides what runs after it, and only Airflow can take that decision"
    readers = sorted(str(node.node_id) for node in task.iter_mapped_dependants())
    if readers:
        return f"{', '.join(readers)} expands over its result, which Dagster does not return"
    hooks = [ARGUMENT_OF[name] for name in REFUSED if _setting(task, name) is not None]
    if hooks:
        return f"it has a {' and a '.join(hooks)} hook, which belongs to the work that Airflow did"
    outcomes = [
        name for name in _SENSOR_OUTCOMES if _class_of(task, BaseSensorOperator) and _setting(task, name)
    ]
    if outcomes:
        return f"it is a sensor with {outcomes[0]}, and would fail where the original ends as skipped"
    lost = settings_without_rule(task)
    if lost:
        return f"its {', '.join(lost)} would be lost"
    return None


def decides(task: Task) -> bool:
    """Whether a task can skip others: a branch, a short circuit, a latest-only."""
    # Airflow 2 gives the mixin to every sensor, for one that fails softly.
    return _class_of(task, SkipMixin) and not _class_of(task, BaseSensorOperator)


def settings_without_rule(task: Task, rules: Iterable[str] = (*KEPT, *REFUSED, *OWN)) -> list[str]:
    """Name what is set on a task and would be lost: arguments of an operator that came with a later Airflow.

    Args:
        task: A task of a DAG.
        rules: Attributes that are seen to.

    Returns:
        Names of arguments, sorted.
    """
    known = {"self", "kwargs", *(ARGUMENT_OF.get(name, name) for name in rules)}
    parameters = inspect.signature(cast("Any", BaseOperator).__init__).parameters
    attribute_of = {argument: name for name, argument in ARGUMENT_OF.items() if hasattr(task, name)}
    return sorted(
        name
        for name, parameter in parameters.items()
        if name not in known and _setting(task, attribute_of.get(name, name)) not in (None, parameter.default)
    )


def _class_of(task: Task, base: type[Any]) -> bool:
    original = task.operator_class if isinstance(task, MappedOperator) else type(task)
    return issubclass(original, base)


def _setting(task: Task, name: str) -> object:
    if isinstance(task, MappedOperator):
        return task.partial_kwargs.get(ARGUMENT_OF.get(name, name))
    return getattr(task, name, None)
