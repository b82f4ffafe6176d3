"""What a synthetic Airflow has, row by row as 2.11 (`/api/v1`) and 3.3 (`/api/v2`) send it: every field, made-up values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TASKS = 10
DAGS_PER_ASSET = 10
"""Every tenth DAG writes an Airflow asset (a dataset in 2.11), and the DAG after it is scheduled on it."""
_STAMP = "2026-01-15T12:00:00.000000"


def dag_id(number: int) -> str:
    """Return the id of a DAG."""
    return f"dag_{number:04}"


def task_id(number: int) -> str:
    """Return the id of a task."""
    return f"step_{number}"


def asset_uri(number: int) -> str:
    """Return the URI of what a DAG writes."""
    return f"s3://lake/{dag_id(number)}.parquet"


@dataclass(frozen=True)
class Payloads:
    """The rows of one version of the REST API.

    Args:
        api: `v1` or `v2`.
    """

    api: str

    def dag(self, number: int) -> dict[str, Any]:
        """Return the row of a DAG."""
        name, file = dag_id(number), f"/opt/airflow/dags/{dag_id(number)}.py"
        shared: dict[str, Any] = {
            "dag_id": name,
            "dag_display_name": name,
            "description": f"Loads the tables of {name}.",
            "file_token": f"Ii9vcHQvYWlyZmxvdy9kYWdzL2{number:08}.z8Lkx60cAgW6Ze8ISn3ggjLIqew",
            "fileloc": file,
            "has_import_errors": False,
            "has_task_concurrency_limits": False,
            "is_paused": False,
            "last_expired": None,
            "last_parsed_time": self._instant(),
            "max_active_runs": 16,
            "max_active_tasks": 16,
            "max_consecutive_failed_dag_runs": 0,
            "next_dagrun_data_interval_end": self._instant(),
            "next_dagrun_data_interval_start": self._instant(),
            "owners": ["data@example.com"],
            "timetable_description": "At 00:00",
        }
        return shared | (self._dag_v1(number) if self.api == "v1" else self._dag_v2(number))

    def task(self, number: int) -> dict[str, Any]:
        """Return the row of a task; the tasks of a DAG are one chain."""
        shared: dict[str, Any] = {
            "task_id": task_id(number),
            "task_display_name": task_id(number),
            "class_ref": {"class_name": "BashOperator", "module_path": self._operator_module()},
            "depends_on_past": False,
            "doc_md": None,
            "downstream_task_ids": [task_id(number + 1)] if number + 1 < TASKS else [],
            "end_date": None,
            "execution_timeout": None,
            "extra_links": [],
            "is_mapped": False,
            "operator_name": "BashOperator",
            "owner": "data@example.com",
            "params": {},
            "pool": "default_pool",
            "pool_slots": 1.0,
            "priority_weight": 1.0,
            "queue": "default",
            "retries": 2.0,
            "retry_delay": {"__type": "TimeDelta", "days": 0, "microseconds": 0, "seconds": 300},
            "start_date": self._instant(),
            "template_fields": ["bash_command", "env", "cwd"],
            "trigger_rule": "all_success",
            "ui_color": "#f0ede4",
            "ui_fgcolor": "#000",
            "wait_for_downstream": False,
            "weight_rule": "downstream",
        }
        return {**shared, "retry_exponential_backoff": False if self.api == "v1" else 0.0}

    def asset(self, number: int) -> dict[str, Any]:
        """Return the row of the Airflow asset that a DAG writes with its last task."""
        stamps = {"created_at": self._instant(), "updated_at": self._instant()}
        writer = {"dag_id": dag_id(number), "task_id": task_id(TASKS - 1), **stamps}
        reader = {"dag_id": dag_id(number + 1), **stamps}
        row: dict[str, Any] = {
            "id": number + 1,
            "uri": asset_uri(number),
            "extra": {},
            "aliases": [],
            "producing_tasks": [writer],
            **stamps,
        }
        if self.api == "v1":
            return {**row, "consuming_dags": [reader]}
        later = {"consuming_tasks": [], "watchers": [], "last_asset_event": {"id": None, "timestamp": None}}
        return {**row, "name": asset_uri(number), "group": "asset", "scheduled_dags": [reader], **later}

    def _dag_v1(self, number: int) -> dict[str, Any]:
        return {
            "default_view": "grid",
            "is_active": True,
            "is_subdag": False,
            "last_pickled": None,
            "next_dagrun": self._instant(),
            "next_dagrun_create_after": self._instant(),
            "pickle_id": None,
            "root_dag_id": None,
            "schedule_interval": {"__type": "CronExpression", "value": "@daily"},
            "scheduler_lock": None,
            "tags": [{"name": tag} for tag in _tags(number)],
        }

    def _dag_v2(self, number: int) -> dict[str, Any]:
        name = dag_id(number)
        return {
            "allowed_run_types": None,
            "bundle_name": "dags-folder",
            "bundle_version": None,
            "is_backfillable": True,
            "is_stale": False,
            "last_parse_duration": None,
            "next_dagrun_logical_date": self._instant(),
            "next_dagrun_run_after": self._instant(),
            "relative_fileloc": f"{name}.py",
            "tags": [{"name": tag, "dag_id": name, "dag_display_name": name} for tag in _tags(number)],
            "timetable_partitioned": False,
            "timetable_periodic": True,
            "timetable_summary": "0 0 * * *",
        }

    def _operator_module(self) -> str:
        return "airflow.operators.bash" if self.api == "v1" else "airflow.providers.standard.operators.bash"

    def _instant(self) -> str:
        return f"{_STAMP}+00:00" if self.api == "v1" else f"{_STAMP}Z"


def _tags(number: int) -> tuple[str, str]:
    return "benchmark", f"team_{number % 7}"
