"""A real Airflow of either version with DAGs that Dagster triggers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from peering_with_dbt.story.airflow_server import AirflowSite
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes
from sites.airflow_two import AirflowTwoSite

DAGS = Path(__file__).parent / "triggered_dags.py"
DAG_IDS = frozenset({"succeeds", "fails", "lasts"})
SECONDS = 180.0


@dataclass(frozen=True)
class Triggerable:
    """A real Airflow whose DAGs wait to be triggered.

    Args:
        place: The run.
        site: The servers.
    """

    place: Place
    site: AirflowSite | AirflowTwoSite

    def airflow(self, user: str) -> AirflowInstance:
        """Return a new client of the user `admin` or `viewer`."""
        password = {"admin": self.place.admin_password, "viewer": self.place.viewer_password}[user]
        return AirflowInstance(AirflowBasicAuthBackend(self.place.airflow_url, user, password), "live")


@contextmanager
def triggerable(root: Path, *, is_v1: bool) -> Iterator[Triggerable]:
    """Start an Airflow; it is stopped in the end.

    Args:
        root: Folder of the run.
        is_v1: Whether it is an Airflow 2.

    Yields:
        The Airflow.
    """
    with fresh_place(root) as place, Processes(place.logs) as processes:
        site = AirflowTwoSite(place, processes) if is_v1 else AirflowSite(place, processes)
        (place.dags / "triggered.py").write_text(DAGS.read_text())
        if isinstance(site, AirflowTwoSite):
            site.create_database()
        else:
            processes.finish(site.migrate_database(), SECONDS)
        site.start()
        log = place.logs / "airflow-scheduler.log"
        processes.wait_until(lambda: site.dag_ids() >= DAG_IDS, "the DAGs are parsed", SECONDS, log)
        yield Triggerable(place, site)
