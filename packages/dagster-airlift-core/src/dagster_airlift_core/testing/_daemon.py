"""What Dagster's daemon does with a sensor, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from dagster import (
    AssetCheckEvaluation,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    DagsterInstance,
    Definitions,
    build_sensor_context,
)


class SensorDaemon:
    """Ticks a sensor as Dagster's daemon does: events are stored one by one, the cursor last.

    Args:
        defs: Definitions with exactly one Airflow instance.
        instance: Where events are stored.
    """

    def __init__(self, defs: Definitions, instance: DagsterInstance) -> None:
        (self.sensor,) = (sensor for sensor in defs.sensors or () if sensor.name.endswith("__airflow_sensor"))
        self.instance = instance
        self.cursor: str | None = None
        self.said = ""

    def tick(self, crash_after: int | None = None) -> list[str]:
        """Evaluate the sensor once.

        Args:
            crash_after: Die after so many stored events, or before the cursor is stored when there
                are exactly as many; None to live on.

        Returns:
            Keys of the assets whose events were stored, in that order, but for what the sensor tells of itself.
        """
        result = self.sensor.evaluate_tick(build_sensor_context(instance=self.instance, cursor=self.cursor))
        stored = result.asset_events[:crash_after]
        for event in stored:
            self.instance.report_runless_asset_event(event)
        if crash_after is None or crash_after > len(result.asset_events):
            self.cursor = result.cursor
        self.said = result.skip_message or ""
        return [event.asset_key.to_user_string() for event in stored if not _is_of_itself(event)]

    def events(self, key: str) -> Sequence[AssetMaterialization]:
        """Return the stored materializations of an asset, latest first.

        Args:
            key: Asset key with slashes.
        """
        records = self.instance.fetch_materializations(AssetKey.from_user_string(key), limit=1000).records
        return [record.asset_materialization for record in records if record.asset_materialization]

    def observations(self, key: str) -> Sequence[AssetObservation]:
        """Return the stored observations of an asset, latest first.

        Args:
            key: Asset key with slashes.
        """
        records = self.instance.fetch_observations(AssetKey.from_user_string(key), limit=1000).records
        return [record.asset_observation for record in records if record.asset_observation]


def _is_of_itself(event: object) -> bool:
    return isinstance(event, AssetCheckEvaluation) and event.check_name == "airflow_observed"
