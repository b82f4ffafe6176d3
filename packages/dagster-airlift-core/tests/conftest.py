"""A fake Airflow with one DAG, the real client in front of it, and an empty Dagster."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.testing import FakeAirflow


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
