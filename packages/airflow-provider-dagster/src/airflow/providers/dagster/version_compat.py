"""Which Airflow this is: the gates for what differs and cannot be imported from one place."""

from __future__ import annotations

from airflow import __version__ as airflow_version

__all__ = ["AIRFLOW_3", "AIRFLOW_3_3"]

# Of a pre-release only what it leads to counts: it has the new ways already.
_RELEASE = tuple(int(part) for part in airflow_version.split(".")[:2])

AIRFLOW_3 = _RELEASE >= (3,)
"""Airflow 3: tasks without a database, and another UI."""
AIRFLOW_3_3 = _RELEASE >= (3, 3)
"""Airflow 3.3: triggers hear that their task was killed, and a store outlives the tries of a task."""
