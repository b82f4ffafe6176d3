"""Results of dbt in XComs: run results that a task pushed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dagster_airlift_core import AirflowInstance
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt.found import Found, read_value
from dagster_airlift_dbt.project import DbtProjectContent


@dataclass(frozen=True)
class DbtResultXCom:
    """An XCom with the content of `run_results.json`: whole or with fewer fields, one or a list of them.

    airflow-dbt-python pushes one as its return value. It is the XCom of the last try alone.

    Args:
        key: Key of the XCom.
    """

    key: str = "return_value"

    def results_of(
        self, airflow: AirflowInstance, instance: TaskInstance, projects: Sequence[DbtProjectContent]
    ) -> Found:
        """Look for the results of a try."""
        del projects  # what they do not know is told by whoever turns results into events
        value = airflow.left_behind.xcom(instance, self.key)
        return read_value(value, f"XCom {self.key!r}")
