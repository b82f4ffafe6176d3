"""What the Airflow side and the Dagster side must spell alike: metadata keys, run tags and the launch key."""

from __future__ import annotations

import hashlib
import json

TASK_MAPPING_METADATA_KEY = "dagster-airlift/task-mapping"
"""Asset metadata: a list of `{airflow_instance, dag_id, task_id}`."""
DAG_MAPPING_METADATA_KEY = "dagster-airlift/dag-mapping"
"""Asset metadata: a list of `{airflow_instance, dag_id}`."""
MAPPED_ASSETS_METADATA_KEY = "dagster-airlift/mapped-assets"
"""Metadata of a DAG asset, JSON: `{"tasks": {task_id: [key, …]}, "dag": [key, …]}`, a key as a list of its parts.

The assets of the same code location that are mapped to the tasks of this DAG, and to the DAG itself.
"""
DAG_ASSET_PART = "dag"
"""The middle part of the key of a DAG asset: `[instance, "dag", dag_id]`."""
RETURN_VALUE_METADATA_KEY = "airflow/return_value"
"""Metadata of a materialization: what the Airflow task that Dagster ran for returns, as JSON or as a plain value."""

INSTANCE_FIELD = "airflow_instance"
DAG_ID_FIELD = "dag_id"
TASK_ID_FIELD = "task_id"

INSTANCE_TAG = "dagster-airlift/airflow-instance"
DAG_ID_TAG = "dagster-airlift/airflow-dag-id"
RUN_ID_TAG = "dagster-airlift/airflow-dag-run-id"
TASK_ID_TAG = "dagster-airlift/airflow-task-id"
MAP_INDEX_TAG = "dagster-airlift/airflow-map-index"
TRY_NUMBER_TAG = "dagster-airlift/airflow-try-number"
DAG_RUN_URL_TAG = "dagster-airlift/airflow-dag-run-url"
"""Dagster's UI turns this run tag into a link back to Airflow."""
LAUNCH_KEY_TAG = "dagster-airlift/launch-key"


def launch_key(
    *, instance: str, dag_id: str, run_id: str, task_id: str, map_index: int, max_tries: int
) -> str:
    """Name the one Dagster run that stands for one generation of an Airflow task instance.

    `max_tries` is the generation: Airflow raises it when a user clears the task and leaves it alone
    when it retries, so a retry finds the run of the try before it and a clear does not.

    Args:
        instance: Name of the Airflow instance; two instances share DAG ids and run ids.
        dag_id: DAG id.
        run_id: DAG run id; every DAG on one schedule shares it.
        task_id: Task id, with its task groups.
        map_index: Index of a dynamically mapped task instance, -1 when it is not mapped.
        max_tries: `max_tries` of the task instance.

    Returns:
        32 hexadecimal digits.
    """
    identity = json.dumps([instance, dag_id, run_id, task_id, map_index, max_tries], separators=(",", ":"))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]
