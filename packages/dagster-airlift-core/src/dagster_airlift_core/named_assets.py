"""Executable assets of whatever keys: Dagster makes names of the keys, and does not accept each that comes of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

from dagster import (
    AssetDep,
    AssetIn,
    AssetKey,
    AssetOut,
    AssetsDefinition,
    AssetSpec,
    MaterializeResult,
    Nothing,
    multi_asset,
)

from dagster_airlift_core.handles import dagster_name


def executable(
    name: str, specs: Sequence[AssetSpec], step: Callable[..., Iterable[MaterializeResult[Any]]]
) -> AssetsDefinition:
    """Return assets of one step, any of which can be materialized without the others.

    `multi_asset(specs=...)` names inputs and outputs after the keys and refuses those with other characters than
    letters, digits, `_`, `-` and `.`, as URIs have, or DAG ids of other alphabets. Here they get names of their own.

    Args:
        name: Name of the step.
        specs: The assets; they have one partitioning, or none.
        step: What the step does.
    """
    by_key = {spec.key: spec for spec in specs}
    deps = list(chain.from_iterable(spec.deps for spec in specs))
    read = {dep.asset_key: dep for dep in deps if dep.asset_key not in by_key or dep.partition_mapping}
    made = multi_asset(
        name=name,
        outs={_name(key): AssetOut(key=key, dagster_type=Nothing, is_required=False) for key in by_key},
        ins={_name(key): _input(dep) for key, dep in read.items()},
        internal_asset_deps={_name(spec.key): {dep.asset_key for dep in spec.deps} for spec in specs},
        partitions_def=specs[0].partitions_def,
        can_subset=True,
    )(step)
    return made.map_asset_specs(lambda spec: by_key[spec.key])


def _name(key: AssetKey) -> str:
    return dagster_name(key.to_user_string())


def _input(dep: AssetDep) -> AssetIn:
    return AssetIn(key=dep.asset_key, partition_mapping=dep.partition_mapping, dagster_type=Nothing)
