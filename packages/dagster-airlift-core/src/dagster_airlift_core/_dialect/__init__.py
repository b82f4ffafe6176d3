"""What differs between the versions of Airflow's REST API, and the pages of its UI."""

from dagster_airlift_core._dialect import leavings
from dagster_airlift_core._dialect.links import Links
from dagster_airlift_core._dialect.port import Ask, Dialect, UnknownPage
from dagster_airlift_core._dialect.v1 import VersionOne
from dagster_airlift_core._dialect.v2 import VersionTwo

__all__ = ["V1", "V2", "Ask", "Dialect", "Links", "UnknownPage", "leavings"]

V1: Dialect = VersionOne()
V2: Dialect = VersionTwo()
