"""Assets that Airflow materializes on Dagster's demand: a run of them is a run of their DAG."""

# Dagster looks at the annotation of the context, so it must not be put off (no __future__ import).
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    AssetSpec,
    Definitions,
    MaterializeResult,
    PartitionsDefinition,
)

from dagster_airlift_core._dagster_private import with_assets
from dagster_airlift_core.dag_trigger import DEFAULT_TRIGGER, DagTrigger
from dagster_airlift_core.endings import MappedTasks
from dagster_airlift_core.errors import MappingError
from dagster_airlift_core.handles import DagHandle, TaskHandle, dagster_name
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.keys import dag_asset_key
from dagster_airlift_core.lineage import lineage_order
from dagster_airlift_core.mapping import Handle, MappingEntry, claimed, entries_of, handles_of, with_entries
from dagster_airlift_core.named_assets import executable
from dagster_airlift_core.naming import nearest, some_of
from dagster_airlift_core.results import TaskResults
from dagster_airlift_core.snapshot import AirflowSnapshot
from dagster_airlift_core.triggered_step import TriggeredStep

_SHOWN = 10
_log = logging.getLogger(__name__)


def dag_triggering_assets(
    *,
    airflow_instance: AirflowInstance,
    dag_id: str,
    specs: Iterable[AssetSpec],
    trigger: DagTrigger = DEFAULT_TRIGGER,
    name: str | None = None,
) -> AssetsDefinition:
    """Return assets that can be materialized from Dagster: the step triggers a run of their DAG and follows it.

    The DAG is run whole, whichever of the assets are chosen, and once for a Dagster run. Assets that are mapped to
    tasks of the DAG are materialized by those, all others by the whole run; what was not mapped to the DAG is.
    To trigger and to cancel DAG runs needs the role User in Airflow.

    Args:
        airflow_instance: The Airflow instance.
        dag_id: DAG id.
        specs: The assets; they have one partitioning, or none.
        trigger: How the DAG is run.
        name: Name of the step; by default made of those of instance and DAG.

    Returns:
        The assets, any of which can be materialized without the others. Give them to
        `build_defs_from_airflow_instance` with the rest: so runs that Airflow schedules are observed too.

    Raises:
        MappingError: The mapping metadata of a spec is not of the form that we write, or there is no spec.
    """
    specs = list(specs)
    if not specs:
        raise MappingError(
            f"No asset triggers the DAG {dag_id!r}: specs is empty. Give one, such as dg.AssetSpec('report')."
        )
    instance = airflow_instance.name
    mapped = [_mapped(claimed(spec, instance), instance, dag_id) for spec in specs]
    return Executor(airflow_instance).assets(dag_id, mapped, trigger, name or step_name(instance, dag_id))


def step_name(instance: str, dag_id: str) -> str:
    """Return the name of the step that triggers a DAG."""
    return dagster_name(f"{instance}__trigger__{dag_id}")


@dataclass(frozen=True)
class Executor:
    """Makes assets whose step triggers their DAG.

    Args:
        airflow: The Airflow instance.
        mapped_tasks: How dynamically mapped tasks are told of.
        task_results: What may know more of a finished task than its state.
    """

    airflow: AirflowInstance
    mapped_tasks: MappedTasks = "once"
    task_results: TaskResults | None = None

    def assets(
        self, dag_id: str, specs: Sequence[AssetSpec], trigger: DagTrigger, name: str
    ) -> AssetsDefinition:
        """Return the assets; what is mapped to none of the tasks stands for the whole run."""
        place = lineage_order(specs)
        specs = sorted(specs, key=lambda spec: place[spec.key])
        handles = {spec.key: _handles(spec, self.airflow.name, dag_id) for spec in specs}

        def trigger_dag(context: AssetExecutionContext) -> Iterator["MaterializeResult[Any]"]:
            step = TriggeredStep(
                context, self.airflow, dag_id, handles, trigger, self.mapped_tasks, self.task_results
            )
            yield from step.results()

        return executable(name, specs, trigger_dag)


def _mapped(spec: AssetSpec, instance: str, dag_id: str) -> AssetSpec:
    if any(handle.dag_id == dag_id for handle in handles_of(spec, instance)):
        return spec
    return with_entries(spec, (*entries_of(spec), MappingEntry(DagHandle(dag_id), instance)))


def _handles(spec: AssetSpec, instance: str, dag_id: str) -> tuple[Handle, ...]:
    found = tuple(handle for handle in handles_of(spec, instance) if handle.dag_id == dag_id)
    return found or (DagHandle(dag_id),)


@dataclass(frozen=True)
class TriggeredDags:
    """DAGs whose assets can be materialized from Dagster.

    Args:
        executor: Makes their assets.
        snapshot: What Airflow has, None where that is not known.
        triggers: How each of the DAGs is run, by DAG id.
    """

    executor: Executor
    snapshot: AirflowSnapshot | None
    triggers: Mapping[str, DagTrigger]

    def made_executable(
        self, yours: Definitions, ours: Sequence[AssetSpec]
    ) -> tuple[Definitions, Sequence[AssetSpec | AssetsDefinition]]:
        """Return both with those assets executable that belong to one of the DAGs, and to no other.

        Assets with a definition of their own stay as they are, and so do those mapped to a DAG some of whose tasks
        Dagster does the work of: what such a task launches would trigger its own DAG.

        Args:
            yours: Your definitions.
            ours: The assets that stand for what Airflow has.
        """
        if not self.triggers:
            return yours, ours
        self._warn_of_missing()
        specs: dict[str, list[AssetSpec]] = defaultdict(list)
        for spec in [*ours, *(one for one in yours.assets or () if isinstance(one, AssetSpec))]:
            dag_id = self._dag_of(spec)
            if dag_id is not None:
                specs[dag_id].append(spec)
        made = {spec.key for found in specs.values() for spec in found}
        executables = [one for dag_id, found in specs.items() for one in self._executable(dag_id, found)]
        others = [one for one in yours.assets or () if not (isinstance(one, AssetSpec) and one.key in made)]
        return with_assets(yours, others), [*(spec for spec in ours if spec.key not in made), *executables]

    def _dag_of(self, spec: AssetSpec) -> str | None:
        """Return the DAG that a run of the asset is a run of, None for none of them."""
        instance = self.executor.airflow.name
        own = next((dag_id for dag_id in self.triggers if spec.key == dag_asset_key(instance, dag_id)), None)
        if own is not None:
            return own
        entries = entries_of(spec)
        dag_ids = {entry.handle.dag_id for entry in entries}
        if len(dag_ids) != 1 or any(entry.instance != instance for entry in entries):
            return None
        (dag_id,) = dag_ids
        return (
            dag_id if dag_id in self.triggers and not self._is_proxied(handles_of(spec, instance)) else None
        )

    def _is_proxied(self, handles: Iterable[Handle]) -> bool:
        tasks = self.snapshot.tasks if self.snapshot else {}
        proxied = {handle for handle, task in tasks.items() if task.is_proxied}
        dag_ids = {task.dag_id for task in proxied}
        return any(
            handle in proxied if isinstance(handle, TaskHandle) else handle.dag_id in dag_ids
            for handle in handles
        )

    def _executable(self, dag_id: str, specs: Sequence[AssetSpec]) -> Iterator[AssetsDefinition]:
        """Yield one definition for each partitioning; within a Dagster run they share the DAG run."""
        groups: list[tuple[PartitionsDefinition | None, list[AssetSpec]]] = []
        for spec in specs:
            group = next((found for known, found in groups if known == spec.partitions_def), None)
            if group is None:
                groups.append((spec.partitions_def, [spec]))
            else:
                group.append(spec)
        for number, (_, found) in enumerate(groups, start=1):
            name = step_name(self.executor.airflow.name, dag_id)
            name = name if number == 1 else f"{name}__{number}"
            yield self.executor.assets(dag_id, found, self.triggers[dag_id], name)

    def _warn_of_missing(self) -> None:
        known = self.snapshot.dags if self.snapshot else self.triggers
        for dag_id in sorted(set(self.triggers) - set(known)):
            _log.warning(
                "Airflow instance %r has no DAG %s, which `trigger_dags` names. Its DAGs are %s.%s",
                self.executor.airflow.name,
                dag_id,
                some_of(sorted(known), _SHOWN) or "none",
                nearest(dag_id, sorted(known)),
            )
