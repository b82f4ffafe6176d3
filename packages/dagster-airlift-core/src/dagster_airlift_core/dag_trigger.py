"""How a DAG is run on Dagster's demand, and what its run is asked for with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from dagster import AssetExecutionContext, TimeWindowPartitionsDefinition

from dagster_airlift_core.arguments import expect
from dagster_airlift_core.dag_run_request import DagRunRequest
from dagster_airlift_core.errors import MappingError


def dag_run_request(context: AssetExecutionContext) -> DagRunRequest:
    """Return what a DAG run is asked for with, when nothing else is chosen.

    The partition is in `conf`: `partition_key`, or `first_partition_key` and `last_partition_key` where one run
    is for several. A time window is the data interval as well, and its start the logical date.

    Args:
        context: That of the step.
    """
    note = f"Triggered by the Dagster run {context.run.run_id}."
    if not (context.has_partition_key or context.has_partition_key_range):
        return DagRunRequest(note=note)
    keys = context.partition_keys
    conf: dict[str, object] = (
        {"partition_key": keys[0]}
        if len(keys) == 1
        else {"first_partition_key": keys[0], "last_partition_key": keys[-1]}
    )
    if not isinstance(context.assets_def.partitions_def, TimeWindowPartitionsDefinition):
        return DagRunRequest(conf, note=note)
    window = context.partition_time_window
    return DagRunRequest(conf, window.start, (window.start, window.end), note=note)


@dataclass(frozen=True)
class DagTrigger:
    """How a DAG is run on Dagster's demand.

    Args:
        request: Makes of the context of the step what the DAG run is asked for with.
        cancels: Whether the DAG run is marked failed in Airflow when the Dagster run is cancelled.
        poll_seconds: Seconds between two looks at the DAG run at most.
        outage_seconds: After so many seconds in which Airflow does not answer, the step fails.
    """

    request: Callable[[AssetExecutionContext], DagRunRequest] = dag_run_request
    cancels: bool = True
    poll_seconds: float = 10.0
    outage_seconds: float = 900.0


DEFAULT_TRIGGER = DagTrigger()


def triggers_of(dags: Iterable[str] | Mapping[str, DagTrigger]) -> Mapping[str, DagTrigger]:
    """Return how each DAG is run, of DAG ids or of what is chosen for each.

    Raises:
        MappingError: It is a text.
        TypeError: What is chosen for a DAG is no `DagTrigger`.
    """
    if isinstance(dags, str):
        raise MappingError(f"trigger_dags is the text {dags!r}. Give a list of DAG ids, such as [{dags!r}].")
    if isinstance(dags, Mapping):
        triggers = cast("Mapping[str, DagTrigger]", dags)
        for dag_id, trigger in triggers.items():
            expect(
                f"trigger_dags[{dag_id!r}]",
                trigger,
                DagTrigger,
                "a DagTrigger, or a list of DAG ids as trigger_dags",
            )
        return triggers
    return dict.fromkeys(dags, DEFAULT_TRIGGER)
