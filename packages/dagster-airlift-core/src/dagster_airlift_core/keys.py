"""Names in Dagster for what Airflow has: keys and tags that nothing else of Airflow is given."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from dagster import AssetKey

from dagster_airlift_core.handles import dagster_name

OBSERVED_CHECK = "dagster-airlift/observed-check"
"""Metadata of the spec of a check that something else evaluates. To run it tells nothing new, so nothing of ours asks for
a run of it."""
_MAX_TAG = 63
_TAG = re.compile(r"[A-Za-z0-9_.-]{1,63}")
_SCHEME = re.compile(r"([^/]+)://(.*)", re.DOTALL)


def instance_asset_key(instance: str) -> AssetKey:
    """Return the key of the asset that stands for an Airflow instance."""
    return AssetKey([instance, "instance"])


def dag_asset_key(instance: str, dag_id: str) -> AssetKey:
    """Return the key of the asset that stands for a DAG."""
    return AssetKey([instance, "dag", dag_id])


def task_asset_key(instance: str, dag_id: str, task_id: str) -> AssetKey:
    """Return the key of the asset that stands for a task."""
    return AssetKey([instance, "task", dag_id, task_id])


def airflow_asset_key(instance: str, uri: str) -> AssetKey:
    """Return the key of an asset of Airflow (a dataset, in Airflow 2): its whole URI, in parts.

    `s3://lake/raw/orders.csv` becomes `prod/asset/s3/lake/raw/orders.csv`. Dagster makes names of keys where an asset
    or a check of yours reads one, so other characters than letters, digits, `_`, `-` and `.` become `_`, and a digest
    after them tells the part from others. No two URIs have one key.

    Args:
        instance: Name of the Airflow instance.
        uri: The URI.
    """
    match = _SCHEME.fullmatch(uri)
    parts = [match[1], *match[2].split("/")] if match else uri.split("/")
    named = [dagster_name(part, also=".-") for part in parts]
    if match is None and len(parts) > 1:  # not to be taken for a scheme
        named[0] = dagster_name(f"{parts[0]}/", also=".-")
    return AssetKey([instance, "asset", *named])


@lru_cache(maxsize=4096)
def tag_part(text: str) -> str:
    """Return a text that may stand in a tag and that no other text is given."""
    if _TAG.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', text)[: _MAX_TAG - 9]}_{digest}"
