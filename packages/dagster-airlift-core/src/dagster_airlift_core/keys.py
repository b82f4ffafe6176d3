"""Names in Dagster for what Airflow has: keys and tags that nothing else of Airflow is given."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from dagster import AssetKey

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

    `s3://lake/raw/orders.csv` becomes `prod/asset/s3:/lake/raw/orders.csv`. No other URI gets that key:
    an empty part is written as `%`, a `%` as `%25`.

    Args:
        instance: Name of the Airflow instance.
        uri: The URI.
    """
    match = _SCHEME.fullmatch(uri)
    scheme, path = (f"{_part(match[1])}:", match[2]) if match else (None, uri)
    parts = [_part(part) for part in path.split("/")]
    if scheme is None and parts[0].endswith(":"):  # not to be taken for a scheme
        parts[0] = f"{parts[0][:-1]}%3A"
    return AssetKey([instance, "asset", *([scheme] if scheme else []), *parts])


def _part(text: str) -> str:
    return text.replace("%", "%25") or "%"


@lru_cache(maxsize=4096)
def tag_part(text: str) -> str:
    """Return a text that may stand in a tag and that no other text is given."""
    if _TAG.fullmatch(text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', text)[: _MAX_TAG - 9]}_{digest}"
