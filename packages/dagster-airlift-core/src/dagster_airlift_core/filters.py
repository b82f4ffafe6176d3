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

    Raises:
        ValueError: Tags or owners that are one text instead of several.
    """

    dag_id_ilike: str | None = None
    airflow_tags: Sequence[str] | None = None
    retrieve_datasets: bool = True
    dataset_uri_ilike: str | None = None
    owners: Sequence[str] | None = None
    paused: bool | None = None
    include_stale: bool = False

    def __post_init__(self) -> None:
        """Keep tags and owners as tuples, so that equal filters are equal however they were written."""
        for name in ("airflow_tags", "owners"):
            wanted: object = getattr(self, name)
            if isinstance(wanted, str):
                raise ValueError(  # noqa: TRY004 - of a configuration, as the other errors of one
                    f"AirflowFilter({name}={wanted!r}) is a text, and would be taken letter by letter. "
                    f"Give a list: {name}=[{wanted!r}]."
                )
        object.__setattr__(self, "airflow_tags", _frozen(self.airflow_tags))
        object.__setattr__(self, "owners", _frozen(self.owners))

    def covers(self, other: AirflowFilter) -> bool:
        """Tell whether everything that another filter admits is admitted by this one, as far as one can see.

        Args:
            other: The other filter.
        """
        return (
            self.dag_id_ilike in (None, other.dag_id_ilike)
            and _is_wider(self.airflow_tags, other.airflow_tags)
            and _is_wider(self.owners, other.owners)
            and self.paused in (None, other.paused)
            and (self.include_stale or not other.include_stale)
            and (not other.retrieve_datasets or self._covers_assets(other))
        )

    def _covers_assets(self, other: AirflowFilter) -> bool:
        return self.retrieve_datasets and self.dataset_uri_ilike in (None, other.dataset_uri_ilike)

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


def _is_like(pattern: str | None, text: str) -> bool:
    if pattern is None:
        return True
    parts = ".*".join(re.escape(part) for part in pattern.split("%"))
    return re.search(parts, text, re.IGNORECASE | re.DOTALL) is not None


def _frozen(wanted: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if wanted is None else tuple(wanted)


def _is_wider(wide: Sequence[str] | None, narrow: Sequence[str] | None) -> bool:
    return wide is None or (narrow is not None and set(wide) >= set(narrow))


def _has_one(wanted: Sequence[str] | None, there: Sequence[str]) -> bool:
    return wanted is None or not set(wanted).isdisjoint(there)


EVERYTHING = AirflowFilter()
"""All DAGs that are not stale, and all assets."""
