"""An Airflow cluster policy that hands migrated tasks to Dagster with no change in any DAG file; off unless configured."""

# Airflow imports this module in each of its processes, even for `airflow version`, and stops if that fails. Hence the
# imports in functions: what is not asked for is not loaded.
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.policies import hookimpl

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import DAG  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

__all__ = ["dag_policy", "state_folder"]


@hookimpl(trylast=True)
def dag_policy(dag: DAG) -> None:
    """Hand the migrated tasks of a DAG to Dagster, as `proxying_to_dagster` does at the end of a DAG file.

    It does nothing unless `[dagster] migration_state_path` is set, and nothing to a DAG whose file has made that call.

    Args:
        dag: A DAG that Airflow has just read, changed in place.
    """
    from airflow.providers.common.compat.sdk import conf  # noqa: PLC0415  # pyright: ignore[reportMissingTypeStubs]

    path = conf.get("dagster", "migration_state_path", fallback="")
    folder = state_folder(dag, path) if path else None
    if folder is not None:
        _migrate(dag, folder, conf.get("dagster", "conn_id", fallback="") or "dagster_default")


def _migrate(dag: DAG, folder: Path, conn_id: str) -> None:
    from functools import partial  # noqa: PLC0415

    from airflow.providers.dagster.migration import is_touched, migrate  # noqa: PLC0415
    from airflow.providers.dagster.operators.dagster import DagsterProxyOperator  # noqa: PLC0415

    if not is_touched(dag):
        migrate(dag, folder, partial(DagsterProxyOperator, dagster_conn_id=conn_id))


def state_folder(dag: DAG, path: str) -> Path | None:
    """Find the folder: from that of the DAG file upwards to the root of its bundle, unless the path is absolute.

    Args:
        dag: The DAG whose migration state is looked for.
        path: What `[dagster] migration_state_path` says.

    Returns:
        The folder; None when a relative one does not exist.
    """
    if Path(path).is_absolute():
        return Path(path)
    found = (parent / path for parent in _parents(dag))
    return next((folder for folder in found if folder.is_dir()), None)


def _parents(dag: DAG) -> Iterator[Path]:
    file, relative = Path(dag.fileloc), Path(str(dag.relative_fileloc or ""))
    parts = (
        relative.parts
        if not relative.is_absolute() and file.parts[-len(relative.parts) :] == relative.parts
        else ()
    )
    yield from list(file.parents)[: max(len(parts), 1)]
