"""Airflow's servers with other intervals, for DAGs whose import takes long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from peering_with_dbt.story.processes import Processes, Server

_SETTINGS = {
    # Cosmos takes long to be imported on a small machine, and nothing changes once it is parsed.
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "180",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "240",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "900",
}


class Unhurried(Processes):
    """Starts servers with other intervals.

    Args:
        logs: Folder of the logs.
        more: Further settings of the servers.
    """

    def __init__(self, logs: Path, more: Mapping[str, str] | None = None) -> None:
        super().__init__(logs)
        cache = str(logs.parent / "cosmos")
        self._settings = {**_SETTINGS, "AIRFLOW__COSMOS__CACHE_DIR": cache, **(more or {})}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Server:
        return super().start(name, command, {**environment, **self._settings})
