"""What Dagster shows of the DAGs of `contract_dags.py`, built as a user would build it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from dagster_airlift_core import (
    AirflowInstance,
    assets_with_dag_mappings,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)

YOURS = frozenset({"raw", "loaded", "part", "report", "typo"})
"""Keys of the assets that are mapped."""


@dataclass(frozen=True)
class Shown:
    """Definitions that Dagster has accepted.

    Args:
        defs: The definitions.
    """

    defs: dg.Definitions

    @property
    def specs(self) -> Mapping[str, dg.AssetSpec]:
        """The assets by key."""
        return {spec.key.to_user_string(): spec for spec in self.defs.resolve_all_asset_specs()}

    @property
    def verdicts(self) -> Mapping[str, tuple[bool, str]]:
        """Run the checks: by asset and check, whether it passed and what it says."""
        checks = [one for one in self.defs.asset_checks or () if isinstance(one, dg.AssetChecksDefinition)]
        result = dg.materialize([*checks], selection=dg.AssetSelection.all_asset_checks())
        return {
            f"{one.asset_key.to_user_string()}:{one.check_name}": (one.passed, one.description or "")
            for one in result.get_asset_check_evaluations()
        }


def peered(airflow: AirflowInstance, snapshot: Path | None = None) -> Shown:
    """Load definitions with assets mapped to the tasks of `contract`, to a DAG, and to a task that is not there.

    Args:
        airflow: The Airflow instance.
        snapshot: File of the last good snapshot.
    """
    tasks = {"extract": ["raw"], "grp.load": ["loaded"], "parts": ["part"], "lod": ["typo"]}
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(
            assets=[
                *assets_with_task_mappings(
                    "contract", {task: [dg.AssetSpec(key) for key in keys] for task, keys in tasks.items()}
                ),
                *assets_with_dag_mappings({"contract_fails": [dg.AssetSpec("report")]}),
            ]
        ),
        snapshot_path=snapshot,
    )
    dg.Definitions.validate_loadable(defs)
    return Shown(defs)
