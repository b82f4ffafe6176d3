"""What a synthetic Airflow has, row by row as 2.11 (`/api/v1`) and 3.3 (`/api/v2`) send it: every field, made-up values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

TASKS = 10
DAGS_PER_ASSET = 10
"""Every tenth DAG writes an Airflow asset (a dataset in 2.11), and the DAG after it is scheduled on it."""
_VERSION = {
    "id": "01a2022d-6f7e-7b31-9285-8c2b96cba1c0",
    "version_number": 2,
    "dag_id": "%(dag)s",
    "bundle_name": "dags-folder",
    "bundle_version": None,
    "created_at": "%(start)s",
}
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


def writes_asset(number: int, dags: int) -> bool:
    """Tell whether a DAG writes an Airflow asset; the last one has no DAG after it that would read it."""
    return number % DAGS_PER_ASSET == 0 and number < dags - 1


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

    def run(self) -> dict[str, Any]:
        """Return the row of a DAG run that has succeeded, with names in it that are filled in."""
        shared: dict[str, Any] = {
            "dag_run_id": "%(run)s",
            "dag_id": "%(dag)s",
            "state": "success",
            "run_type": "scheduled",
            "logical_date": "%(start)s",
            "data_interval_start": "%(start)s",
            "data_interval_end": "%(start)s",
            "start_date": "%(start)s",
            "end_date": "%(end)s",
            "last_scheduling_decision": "%(end)s",
            "conf": {},
            "note": None,
        }
        if self.api == "v1":
            return {**shared, "execution_date": "%(start)s", "external_trigger": False}
        return {**shared, **self._run_v2()}

    def task_instance(self) -> dict[str, Any]:
        """Return the row of a task instance that has succeeded, with names in it that are filled in."""
        shared: dict[str, Any] = {
            "task_id": "%(task)s",
            "task_display_name": "%(task)s",
            "dag_id": "%(dag)s",
            "dag_run_id": "%(run)s",
            "map_index": -1,
            "state": "success",
            "try_number": 1,
            "max_tries": 2,
            "start_date": "%(start)s",
            "end_date": "%(end)s",
            "duration": 12.312,
            "operator": "BashOperator",
            "hostname": "worker-7.airflow.example.com",
            "unixname": "airflow",
            "pid": 28249,
            "executor": None,
            "executor_config": "{}",
            "pool": "default_pool",
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
            "note": None,
            "rendered_map_index": None,
            "rendered_fields": {"bash_command": "dbt build --select orders", "cwd": None, "env": None},
            "trigger": None,
            "triggerer_job": None,
        }
        if self.api == "v1":
            return {**shared, "execution_date": "%(start)s", "queued_when": "%(start)s", "sla_miss": None}
        return {**shared, **self._task_instance_v2()}

    def asset_event(self) -> dict[str, Any]:
        """Return the row of an update of an Airflow asset, with names in it that are filled in."""
        uri = "s3://lake/%(dag)s.parquet"
        row: dict[str, Any] = {
            "id": "%(event)s",
            "extra": {},
            "source_dag_id": "%(dag)s",
            "source_task_id": "%(task)s",
            "source_run_id": "%(run)s",
            "source_map_index": -1,
            "created_dagruns": [],
            "timestamp": "%(end)s",
        }
        if self.api == "v1":
            return {**row, "dataset_id": 7, "dataset_uri": uri}
        return {**row, "asset_id": 7, "uri": uri, "name": uri, "group": "asset", "partition_key": None}

    def _run_v2(self) -> dict[str, Any]:
        return {
            "duration": 27.96,
            "run_after": "%(start)s",
            "queued_at": "%(start)s",
            "triggered_by": "timetable",
            "triggering_user_name": None,
            "bundle_version": None,
            "dag_display_name": "%(dag)s",
            "partition_key": None,
            "partition_date": None,
            "dag_versions": [_VERSION],
        }

    def _task_instance_v2(self) -> dict[str, Any]:
        return {
            "id": "01a2022d-6f7e-7b31-9285-%(number)s",
            "dag_display_name": "%(dag)s",
            "logical_date": "%(start)s",
            "run_after": "%(start)s",
            "queued_when": "%(start)s",
            "scheduled_when": "%(start)s",
            "operator_name": "BashOperator",
            "dag_version": _VERSION,
        }

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
