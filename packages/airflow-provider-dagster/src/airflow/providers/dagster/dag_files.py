"""Reading DAG files as Airflow does, outside of Airflow's own processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import DAG  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.dag_processing.dagbag import DagBag
else:
    from airflow.models.dagbag import DagBag

__all__ = ["read_dags"]


def read_dags(path: Path) -> tuple[Mapping[str, DAG], Mapping[str, str]]:
    """Import DAG files.

    Args:
        path: A folder with DAG files, or one of them.

    Returns:
        The DAGs by id, and by file why it cannot be imported.
    """
    root = path if path.is_dir() else path.parent
    of_airflow_3 = {"bundle_name": "dags-folder", "bundle_path": root}
    options: dict[str, Any] = of_airflow_3 if AIRFLOW_3 else {"include_examples": False}
    bag: Any = DagBag(str(path), **options)
    return bag.dags, {str(root / file): str(error) for file, error in bag.import_errors.items()}
