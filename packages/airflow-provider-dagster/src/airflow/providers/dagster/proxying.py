"""Handing the migrated tasks of a DAG file to Dagster, in one call at its end."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.contexts import registered_dags
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.migration import migrate
from airflow.providers.dagster.migration_state import MigrationStateWarning
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator

__all__ = ["proxying_to_dagster"]


def proxying_to_dagster(
    global_vars: Mapping[str, object],
    migration_state: str | os.PathLike[str],
    *,
    dagster_conn_id: str = DagsterHook.default_conn_name,
    deferrable: bool | None = None,
    cancel_on_kill: bool = True,
    partition_source: str = "data_interval_start",
) -> None:
    """Have Dagster run the migrated tasks of all DAGs of a module.

    Call it at the end of a DAG file: `proxying_to_dagster(globals(), Path(__file__).parent / "migration_state")`.
    It reads one small file per DAG and makes no network call. A DAG whose file is broken stays scheduled with tasks
    that fail and say why; the other DAGs are not touched by that. What cannot be proxied stays as it is, with a
    `MigrationStateWarning` and a note in the documentation of the DAG.

    Args:
        global_vars: The module's globals. Its DAGs are those among them, and those that Airflow finds without a
            name, as after `with DAG(...):`.
        migration_state: Folder with a `<dag_id>.yaml` for each DAG of which something has been migrated.
        dagster_conn_id: Airflow connection of type `dagster`.
        deferrable: Whether the tasks wait in the triggerer; None for Airflow's `[operators] default_deferrable`.
        cancel_on_kill: Whether to terminate the Dagster run of a task that is killed, times out or is marked.
        partition_source: Which moment of the DAG run names the partition of partitioned assets, where the run has no
            partition key of its own: `data_interval_start`, `data_interval_end`, `logical_date` or `run_after`.
    """
    folder = Path(migration_state)
    arguments: dict[str, Any] = {
        "dagster_conn_id": dagster_conn_id,
        "cancel_on_kill": cancel_on_kill,
        "partition_source": partition_source,
    }
    if deferrable is not None:
        arguments["deferrable"] = deferrable
    build = partial(DagsterProxyOperator, **arguments)
    if not folder.is_dir():
        message = f"The folder {folder.name!r} of the migration state does not exist, so nothing is migrated."
        warnings.warn(message, MigrationStateWarning, stacklevel=2)
    for dag in _dags_of(global_vars):
        migrate(dag, folder, build)


def _dags_of(global_vars: Mapping[str, object]) -> list[DAG]:
    named = [value for value in global_vars.values() if isinstance(value, DAG)]
    nameless = registered_dags(str(global_vars.get("__name__", "")))
    return list({id(dag): dag for dag in (*named, *nameless)}.values())
