"""What the fake Airflow knows of assets, and what happens to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any


class AssetWorld:
    """Assets, what was recorded of them, and a clock.

    Args:
        now: Where the clock stands, in UTC.
    """

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now
        self.assets: dict[str, dict[str, Any]] = {}
        self.asset_events: list[dict[str, Any]] = []

    def add_asset(
        self,
        uri: str,
        *,
        name: str | None = None,
        group: str = "asset",
        producing: Iterable[tuple[str, str]] = (),
        consuming: Iterable[tuple[str, str]] = (),
        scheduled: Iterable[str] = (),
    ) -> None:
        """Add an asset, which is a dataset for those that ask as Airflow 2 is asked, or replace it.

        Args:
            uri: Its URI.
            name: Its name, by default the URI.
            group: Its group.
            producing: DAG id and task id of the tasks that produce it.
            consuming: DAG id and task id of the tasks that read it.
            scheduled: Ids of the DAGs that are scheduled on it.
        """
        self.assets[uri] = {
            "id": len(self.assets) + 1,
            "uri": uri,
            "name": name or uri,
            "group": group,
            "extra": {"secret": "not for Dagster"},
            "producing_tasks": [{"dag_id": dag_id, "task_id": task_id} for dag_id, task_id in producing],
            "consuming_tasks": [{"dag_id": dag_id, "task_id": task_id} for dag_id, task_id in consuming],
            "scheduled_dags": [{"dag_id": dag_id} for dag_id in scheduled],
        }

    def add_asset_event(
        self,
        uri: str,
        *,
        source: tuple[str, str, str] | None = None,
        map_index: int = -1,
        partition_key: str | None = None,
        at: datetime | None = None,
    ) -> int:
        """Record that an asset was updated.

        Args:
            uri: URI of an asset that was added.
            source: DAG id, run id and task id of what did it, None for a person or another program.
            map_index: Index of the mapped task instance that did it.
            partition_key: The partition that was updated, of which Airflow 2 knows nothing.
            at: When that was, by default now.

        Returns:
            The number of the event.
        """
        asset = self.assets[uri]
        number = len(self.asset_events) + 1
        dag_id, run_id, task_id = source or (None, None, None)
        self.asset_events.append(
            {
                "id": number,
                "asset_id": asset["id"],
                **{name: asset[name] for name in ("uri", "name", "group")},
                "extra": {"secret": "not for Dagster"},
                "source_dag_id": dag_id,
                "source_run_id": run_id,
                "source_task_id": task_id,
                "source_map_index": map_index,
                "created_dagruns": [],
                "timestamp": text_of(at or self.now),
                "partition_key": partition_key,
            }
        )
        return number


def text_of(instant: datetime) -> str:
    """Return an instant as Airflow writes it."""
    return instant.isoformat().replace("+00:00", "Z")
