"""Which DAGs and Airflow assets of an instance are wanted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dagster_airlift_core.model import AirflowAsset, Dag


@dataclass(frozen=True)
class AirflowFilter:
    """Which DAGs and Airflow assets are wanted; what is left out is as if Airflow did not have it.

    Args:
        dag_id_ilike: Part of the DAG id in whatever case, with `%` for any characters; None for all.
        airflow_tags: Tags of which a DAG must have at least one; None for all.
        retrieve_datasets: Whether Airflow's assets (the datasets of Airflow 2) are wanted.
        dataset_uri_ilike: Part of their URI in whatever case, with `%` for any characters; None for all.
        owners: Owners of which a DAG must have at least one; None for all.
        paused: Whether only paused DAGs are wanted, or only others; None for both.
        include_stale: Whether DAGs are wanted that no file defines any more.
    """

    dag_id_ilike: str | None = None
    airflow_tags: Sequence[str] | None = None
    retrieve_datasets: bool = True
    dataset_uri_ilike: str | None = None
    owners: Sequence[str] | None = None
    paused: bool | None = None
    include_stale: bool = False

    def admits(self, dag: Dag) -> bool:
        """Tell whether a DAG is wanted.

        Args:
            dag: The DAG.
        """
        return (
            _is_like(self.dag_id_ilike, dag.dag_id)
            and _has_one(self.airflow_tags, dag.tags)
            and _has_one(self.owners, dag.owners)
            and self.paused in (None, dag.is_paused)
            and (self.include_stale or not dag.is_stale)
        )

    def admits_asset(self, asset: AirflowAsset) -> bool:
        """Tell whether an asset of Airflow is wanted.

        Args:
            asset: The asset, or dataset.
        """
        return self.retrieve_datasets and _is_like(self.dataset_uri_ilike, asset.uri)


EVERYTHING = AirflowFilter()
"""All DAGs that are not stale, and all assets."""


def _is_like(pattern: str | None, text: str) -> bool:
    if pattern is None:
        return True
    parts = ".*".join(re.escape(part) for part in pattern.split("%"))
    return re.search(parts, text, re.IGNORECASE | re.DOTALL) is not None


def _has_one(wanted: Sequence[str] | None, there: Sequence[str]) -> bool:
    return wanted is None or not set(wanted).isdisjoint(there)
