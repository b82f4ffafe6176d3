"""A fake Airflow with one DAG, the real client in front of it, and what Dagster's daemon does to a sensor."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.testing import FakeAirflow


class Daemon:
    """Ticks the one sensor of some definitions: events are stored one by one, the cursor last."""

    def __init__(self, defs: dg.Definitions, instance: dg.DagsterInstance) -> None:
        (self.sensor,) = (sensor for sensor in defs.sensors or () if isinstance(sensor, dg.SensorDefinition))
        self.instance = instance
        self.cursor: str | None = None
        self.said = ""

    def tick(self, crash_after: int | None = None) -> list[str]:
        context = dg.build_sensor_context(instance=self.instance, cursor=self.cursor)
        result = self.sensor.evaluate_tick(context)
        stored = result.asset_events[:crash_after]
        for event in stored:
            self.instance.report_runless_asset_event(event)
        if crash_after is None or crash_after > len(result.asset_events):
            self.cursor = result.cursor
        self.said = result.skip_message or ""
        return [event.asset_key.to_user_string() for event in stored]

    def events(self, key: str) -> list[dg.AssetMaterialization]:
        asset_key = dg.AssetKey.from_user_string(key)
        records = self.instance.fetch_materializations(asset_key, limit=1000).records
        return [record.asset_materialization for record in records if record.asset_materialization]


@pytest.fixture
def fake() -> Iterator[FakeAirflow]:
    with FakeAirflow() as fake:
        fake.add_dag("etl", {"extract": ["grp.load"], "grp.load": []})
        yield fake


@pytest.fixture
def airflow(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")


@pytest.fixture
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def daemon_of() -> type[Daemon]:
    return Daemon
