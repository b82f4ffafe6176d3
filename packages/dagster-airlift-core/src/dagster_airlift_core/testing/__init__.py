"""A fake Airflow 3.3 that answers HTTP on this machine, and a stand-in for Dagster's daemon."""

from dagster_airlift_core.testing._daemon import SensorDaemon
from dagster_airlift_core.testing._fake import FakeAirflow
from dagster_airlift_core.testing._server import Received, Reply

__all__ = ["FakeAirflow", "Received", "Reply", "SensorDaemon"]
