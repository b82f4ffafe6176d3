"""A fake Airflow 3.3 that answers HTTP on this machine, for tests of what talks to Airflow."""

from dagster_airlift_core.testing._fake import FakeAirflow
from dagster_airlift_core.testing._server import Received, Reply

__all__ = ["FakeAirflow", "Received", "Reply"]
