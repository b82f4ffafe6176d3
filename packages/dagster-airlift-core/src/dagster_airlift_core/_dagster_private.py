"""The only places where we need more of Dagster than it promises to keep, each with its reason."""

from __future__ import annotations

from collections.abc import Callable

from dagster import AssetKey, AssetSpec, DagsterInstance, Definitions

DATA_VERSION_TAG = "dagster/data_version"
DATA_VERSION_IS_USER_PROVIDED_TAG = "dagster/data_version_is_user_provided"


def has_event(instance: DagsterInstance, key: AssetKey, event_id: str) -> bool:
    """Whether the event log of an asset holds an event whose data version is this id.

    `get_event_tags_for_asset` is a method of the public `DagsterInstance` without the public mark.
    Nothing public finds an event by a tag, and the data version is the one such tag with an index.
    """
    return bool(instance.get_event_tags_for_asset(key, {DATA_VERSION_TAG: event_id}))


def map_specs(defs: Definitions, change: Callable[[AssetSpec], AssetSpec]) -> Definitions:
    """Change every asset spec of some definitions and keep everything else.

    The public `Definitions.map_asset_specs` raises when there is a single `SourceAsset` among them.
    """
    return defs.permissive_map_resolved_asset_specs(func=change, selection=None)
