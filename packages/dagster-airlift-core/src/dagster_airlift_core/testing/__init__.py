"""A fake Airflow, 2 or 3, that answers HTTP on this machine, and a stand-in for Dagster's daemon."""

from dagster_airlift_core.testing._daemon import SensorDaemon
from dagster_airlift_core.testing._fake import FakeAirflow
from dagster_airlift_core.testing._server import Received, Reply, Sent

__all__ = ["FakeAirflow", "Received", "Reply", "SensorDaemon", "Sent"]
