"""The user's own assets of the benchmarks: what is mapped, and to which task."""

from __future__ import annotations

from collections.abc import Mapping

from dagster import AssetKey, AssetSpec
from synthetic_payloads import TASKS, dag_id, task_id

MAPPED_TASK = task_id(5)
"""The task of each DAG that materializes the DAG's table."""
_IN_A_ROW = 10


def tables(dags: int) -> Mapping[str, AssetSpec]:
    """Return one table for each DAG, by DAG id; rows of ten tables read each the one before."""
    return {
        dag_id(number): AssetSpec(
            AssetKey(["tables", dag_id(number)]),
            deps=[AssetKey(["tables", dag_id(number - 1)])] if number % _IN_A_ROW else [],
        )
        for number in range(dags)
    }


def tables_of_tasks(dags: int) -> Mapping[str, Mapping[str, list[AssetSpec]]]:
    """Return one table for each task of each DAG, by DAG id and task id; each reads the one before."""
    return {
        dag_id(number): {
            task_id(task): [
                AssetSpec(
                    AssetKey([dag_id(number), task_id(task)]),
                    deps=[AssetKey([dag_id(number), task_id(task - 1)])] if task else [],
                )
            ]
            for task in range(TASKS)
        }
        for number in range(dags)
    }


def chain(length: int) -> Mapping[str, list[AssetSpec]]:
    """Return tables that each read the one before, by the task of one DAG that materializes them."""
    specs = [
        AssetSpec(
            AssetKey(["chain", f"{number:05}"]),
            deps=[AssetKey(["chain", f"{number - 1:05}"])] if number else [],
        )
        for number in range(length)
    ]
    return {task_id(number): specs[number::TASKS] for number in range(TASKS)}
