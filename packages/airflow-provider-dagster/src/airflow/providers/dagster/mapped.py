"""A dynamically mapped task whose copies are Dagster proxies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, cast

from airflow.providers.common.compat.sdk import BaseOperator, DecoratedMappedOperator, MappedOperator  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.contexts import build_outside_dags
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator
from airflow.providers.dagster.swap import ARGUMENT_OF, KEPT

__all__ = ["SETTINGS", "Build", "ProxiedMappedOperator"]

Build = Callable[..., DagsterProxyOperator]
"""Makes a proxy from the arguments that every operator has."""

_FLAGS = ("is_setup", "is_teardown", "on_failure_fail_dagrun")
SETTINGS = {*(ARGUMENT_OF.get(name, name) for name in KEPT), *_FLAGS}
"""Arguments that the proxies of a mapped task take over from it."""
# Those of a task made by a decorator as well: what it expands over stands in one of its own.
_FIELDS = frozenset(str(field.name) for field in cast("Any", DecoratedMappedOperator).__attrs_attrs__) - {
    "python_callable"
}


class ProxiedMappedOperator(MappedOperator):
    """Stands for a mapped task: the same expansion over the same inputs, into proxies instead of the original operator.

    Airflow resolves what is expanded over as before, so that a copy which a mapping function skips is skipped; the
    arguments that come of it are the original operator's, and the proxies do without.

    Use `of`: the constructor is Airflow's, and adds a task to its DAG.
    """

    build: Build

    __hash__ = MappedOperator.__hash__

    @classmethod
    def of(cls, old: MappedOperator, build: Build) -> ProxiedMappedOperator:
        """Copy a mapped task.

        Args:
            old: The task.
            build: Makes the proxy of one copy.

        Returns:
            The copy, with the settings of the task, in no place yet.
        """
        new = cls.__new__(cls)
        facts = _facts_of_the_class()
        for name in _FIELDS:
            if hasattr(old, name):
                object.__setattr__(new, name, facts.get(name, getattr(old, name)))
        new.partial_kwargs = {key: value for key, value in old.partial_kwargs.items() if key in SETTINGS}
        new.build = build
        if old.is_teardown:
            new.on_failure_fail_dagrun = old.on_failure_fail_dagrun
        return new

    def unmap(self, resolve: Any) -> BaseOperator:  # noqa: ANN401 - Airflow's signature
        """Make the proxy of one copy.

        Args:
            resolve: The original operator's arguments for this copy, as far as Airflow has resolved them.

        Returns:
            The proxy, which belongs to the DAG and is not listed there.
        """
        settings: dict[str, Any] = {
            "start_date": self.start_date,
            "end_date": self.end_date,
            "params": self.params,
        }
        settings |= self.partial_kwargs | self._expanded_settings(resolve)
        if getattr(self, "multiple_outputs", False):
            settings["multiple_outputs"] = True
        flags = {name: settings.pop(name, False) for name in _FLAGS}
        new = build_outside_dags(
            lambda: self.build(task_id=self.task_id, **settings, _airflow_from_mapped=True)
        )
        for name in _FLAGS:
            if flags[name] or getattr(self, name):
                setattr(new, name, True)
        if hasattr(self, "returns_dag_result"):
            new.returns_dag_result = self.returns_dag_result
        new.upstream_task_ids = self.upstream_task_ids
        new.downstream_task_ids = self.downstream_task_ids
        new.task_group = self.task_group
        new.dag = self.dag
        return new

    def _expanded_settings(self, resolve: object) -> dict[str, Any]:
        """Take what every operator has from the expanded arguments: those of a function are its own."""
        if self._expand_input_attr != "expand_input" or not isinstance(resolve, Mapping):
            return {}
        expanded = cast("Mapping[str, Any]", resolve)
        settings = {key: value for key, value in expanded.items() if key in SETTINGS}
        if "params" in settings:
            params: Any = deepcopy(cast("Any", self.params))
            params.update(settings["params"])
            settings["params"] = params
        return settings


def _facts_of_the_class() -> dict[str, Any]:
    """What a mapped task says of its operator, without making one; Airflow 2 spells some of it otherwise."""
    proxy = DagsterProxyOperator
    return {
        "operator_class": proxy,
        "operator_extra_links": proxy.operator_extra_links,
        "template_ext": proxy.template_ext,
        "template_fields": proxy.template_fields,
        "template_fields_renderers": proxy.template_fields_renderers,
        "ui_color": proxy.ui_color,
        "ui_fgcolor": proxy.ui_fgcolor,
        "task_type": proxy.__name__,
        "_task_type": proxy.__name__,
        "_task_module": proxy.__module__,
        "_operator_name": proxy.custom_operator_name,
        **(
            {"deps": cast("Any", MappedOperator).deps_for(proxy)} if "deps" in _FIELDS else {}
        ),  # on Airflow 2
        "start_trigger_args": None,
        "start_from_trigger": False,
        "_is_empty": False,
        "_is_sensor": False,
        "_can_skip_downstream": False,
    }
