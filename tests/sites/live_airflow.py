"""A real Airflow of either version, in which the DAGs of the contract have run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from peering_with_dbt.story.airflow_server import AirflowSite, DagRun
from peering_with_dbt.story.place import Place, fresh_place
from peering_with_dbt.story.processes import Processes
from sites.airflow_two import AirflowTwoSite

DAGS = Path(__file__).parent / "contract_dags.py"
SECONDS = 180.0
TOKEN_SECONDS = 4
"""How long a token for the command line lives, in Airflow 3."""


class Site(Protocol):
    """What the test asks of a real Airflow of either version."""

    def set_paused(self, dag_id: str, *, paused: bool) -> None: ...

    def trigger(self, dag_id: str) -> DagRun: ...

    def runs(self, dag_id: str) -> list[DagRun]: ...

    def dag_ids(self) -> set[str]: ...


@dataclass(frozen=True)
class Live:
    """A real Airflow in which everything has run.

    Args:
        place: The run.
        processes: Starts and stops the servers.
        site: The servers.
    """

    place: Place
    processes: Processes
    site: Site

    @property
    def is_v1(self) -> bool:
        """Whether it is an Airflow 2."""
        return isinstance(self.site, AirflowTwoSite)

    @property
    def viewer(self) -> AirflowInstance:
        """A new client with no more than the role Viewer."""
        place = self.place
        return AirflowInstance(
            AirflowBasicAuthBackend(place.airflow_url, "viewer", place.viewer_password), "live"
        )

    @property
    def snapshot(self) -> Path:
        """File of the last good snapshot."""
        return self.place.root / "snapshot.json"


@contextmanager
def running(root: Path, *, is_v1: bool) -> Iterator[Live]:
    """Start an Airflow and run everything; it is stopped in the end.

    Args:
        root: Folder of the run.
        is_v1: Whether it is an Airflow 2.

    Yields:
        The Airflow.
    """
    with fresh_place(root) as place, Processes(place.logs) as processes:
        site = (_started_two if is_v1 else _started_three)(place, processes)
        _run_all(site, processes, place)
        yield Live(place, processes, site)


def _started_three(place: Place, processes: Processes) -> Site:
    _lay_out(place)
    settings = place.root / "airflow" / "airflow.cfg"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(f"[api_auth]\njwt_cli_expiration_time = {TOKEN_SECONDS}\n")
    site = AirflowSite(place, processes)
    processes.finish(site.migrate_database(), SECONDS)
    site.start()
    return site


def _started_two(place: Place, processes: Processes) -> Site:
    site = AirflowTwoSite(place, processes)
    _lay_out(place)
    site.create_database()
    site.start()
    return site


def _lay_out(place: Place) -> None:
    """Add the DAGs of the contract, and a file that is none."""
    (place.dags / "contract.py").write_text(DAGS.read_text())
    (place.dags / "broken.py").write_text("broken  # airflow DAG\n")


def _run_all(site: Site, processes: Processes, place: Place) -> None:
    """Run what the contract asks about: two runs that succeed, then one that does not."""
    log = place.logs / "airflow-scheduler.log"
    dag_ids = {"contract", "contract_fails"}
    processes.wait_until(lambda: dag_ids <= site.dag_ids(), "the DAGs are parsed", SECONDS, log)
    site.set_paused("contract_fails", paused=True)
    site.set_paused("contract", paused=False)
    for _ in range(2):
        site.trigger("contract")
        time.sleep(1.1)  # Airflow 2 names a run by the moment
    processes.wait_until(
        lambda: [run.state for run in site.runs("contract")] == ["success"] * 2, "both end", SECONDS, log
    )
    site.trigger("contract_fails")
    site.set_paused("contract_fails", paused=False)
    processes.wait_until(
        lambda: {run.state for run in site.runs("contract_fails")} == {"failed"}, "it fails", SECONDS, log
    )
