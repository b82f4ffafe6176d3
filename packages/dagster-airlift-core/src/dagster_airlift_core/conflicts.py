"""Refuses definitions that make one mapped asset twice, which Dagster would refuse without saying how it came about."""

from __future__ import annotations

from collections.abc import Iterable

from dagster import AssetKey, AssetsDefinition, AssetSpec

from dagster_airlift_core.errors import MappingError
from dagster_airlift_core.mapping import entries_of


def refuse_conflicts(assets: Iterable[object]) -> None:
    """Refuse two definitions of one asset, where one of them is mapped.

    Args:
        assets: What stands in the definitions; what is neither a spec nor a definition is let through.

    Raises:
        MappingError: There are two different ones with the same key.
    """
    found: dict[AssetKey, AssetSpec | AssetsDefinition] = {}
    for asset in assets:
        if isinstance(asset, (AssetSpec, AssetsDefinition)):
            for key in [asset.key] if isinstance(asset, AssetSpec) else asset.keys:
                other = found.setdefault(key, asset)
                if other is not asset and other != asset:
                    _refuse(key, _spec(other, key), _spec(asset, key))


def _spec(asset: AssetSpec | AssetsDefinition, key: AssetKey) -> AssetSpec:
    return asset if isinstance(asset, AssetSpec) else asset.get_asset_spec(key)


def _refuse(key: AssetKey, *specs: AssetSpec) -> None:
    mapped = [", ".join(str(entry.handle) for entry in entries_of(spec)) for spec in specs]
    if not any(mapped):
        return
    places = " and ".join(f"mapped to {handles}" if handles else "not mapped" for handles in mapped)
    raise MappingError(
        f"The asset {key.to_user_string()!r} stands in the definitions twice, {places}. Make it once; to map it to "
        "more, give what assets_with_task_mappings or assets_with_dag_mappings has returned to the next of them."
    )
