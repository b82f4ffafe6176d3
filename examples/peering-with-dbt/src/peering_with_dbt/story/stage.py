"""What the story does to its Airflow and its Dagster, and waits for, whichever task it tells of."""

from __future__ import annotations

import re
from collections.abc import Collection

from peering_with_dbt.story.airflow_server import AirflowSite, DagRun, DagStructure
from peering_with_dbt.story.dagster_server import Asset, DagsterSite, Event, Run
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import AIRFLOW_INSTANCE, Place, base_environment
from peering_with_dbt.story.processes import Processes

DAG_ID = "dbt_dag"
DAGS = ("load_lakehouse", DAG_ID)
PROXY_OPERATOR = "DagsterProxyOperator"
OBSERVATION_SECONDS = 120.0
_DAG_RUN_SECONDS = 600.0
_PARSE_SECONDS = 60.0
_COMMAND_SECONDS = 120.0


class Stage:
    """One Airflow and one Dagster, with the shop's DAGs.

    Args:
        place: The run.
        processes: Starts and stops the servers.
    """

    def __init__(self, place: Place, processes: Processes) -> None:
        self._place = place
        self._processes = processes
        self.airflow = AirflowSite(place, processes)
        self.dagster = DagsterSite(place, processes)
        self._observer_log = place.logs / "dagster-daemon.log"

    def prepare(self) -> None:
        """Create the databases, and have dbt parse the project."""
        databases = [self.airflow.migrate_database(), self.dagster.create_storage()]
        self.dbt("parse")
        for database in databases:
            self._processes.finish(database, _COMMAND_SECONDS)

    def dbt(self, *arguments: str) -> str:
        """Run dbt in the project, and return what it prints.

        Args:
            arguments: Its arguments.
        """
        name = f"dbt-{next(word for word in arguments if not word.startswith('-'))}"
        command = self._processes.start(name, ["dbt", *arguments], base_environment(self._place))
        self._processes.finish(command, _COMMAND_SECONDS)
        return command.log.read_text()

    def run_for_the_first_time(self) -> DagRun:
        """Unpause the DAGs, which do not catch up: each runs once, for its latest interval."""
        known = self._runs()
        for dag_id in reversed(DAGS):
            self.airflow.set_paused(dag_id, paused=False)
        return self._finished(known)

    def run(self, begin_with: str = DAGS[0]) -> DagRun:
        """Let a DAG run: the second one follows the asset of the first.

        Args:
            begin_with: The DAG.

        Returns:
            The run of the second one.
        """
        known = self._runs()
        self.airflow.trigger(begin_with)
        return self._finished(known)

    def set_migrated(self, task_id: str, *, migrated: bool) -> None:
        """Change the one line of a task, as a person would, and wait until Airflow has read it.

        Args:
            task_id: The task of the DAG that runs dbt.
            migrated: What the line says.
        """
        self.write_migrated(task_id, migrated=migrated)
        self._processes.wait_until(
            lambda: (self.airflow.operator(DAG_ID, task_id) == PROXY_OPERATOR) is migrated,
            f"Airflow has read migrated: {str(migrated).lower()}",
            _PARSE_SECONDS,
            self._place.logs / "airflow-dag-processor.log",
        )

    def write_migrated(self, task_id: str, *, migrated: bool) -> None:
        """Change the one line of a task, which Airflow reads within seconds.

        Args:
            task_id: The task of the DAG that runs dbt.
            migrated: What the line says.
        """
        state = self._place.migration_state
        line = rf"(- id: {task_id}\n    migrated: )\w+"
        written = self._place.root / state.name
        written.write_text(re.sub(line, rf"\g<1>{str(migrated).lower()}", state.read_text()))
        # At once: of a half-written file Airflow would take the whole DAG for one that nobody may run.
        written.replace(state)

    def wait_for_events(self, run: DagRun, *, without: Collection[str] = ()) -> None:
        """Wait for the event of the DAG run, and of each asset that its tasks produce on Airflow.

        Args:
            run: The DAG run.
            without: Keys of the assets that Dagster itself produced.
        """
        produced = {
            key
            for key, task in mapped(self.dagster.assets()).items()
            if task.startswith(f"{run.dag_id}.") and key not in without
        }
        expected = {*produced, f"{AIRFLOW_INSTANCE}/dag/{run.dag_id}"}
        self._processes.wait_until(
            lambda: expected <= _keys_observed_in(run, self.dagster.events()),
            f"Dagster has the events of {run.run_id}",
            OBSERVATION_SECONDS,
            self._observer_log,
        )

    def wait_for_ticks(self) -> None:
        """Wait for two more ticks, which read the last runs again; that must not add an event."""
        before = self.dagster.finished_ticks()
        self._processes.wait_until(
            lambda: len(self.dagster.finished_ticks() - before) > 1,
            "the sensor has ticked twice more",
            OBSERVATION_SECONDS,
            self._observer_log,
        )

    def dagster_runs(self, run: DagRun, task_id: str) -> list[Run]:
        """List the Dagster runs that a task launched in a DAG run.

        Args:
            run: The DAG run.
            task_id: The task.
        """
        tags = {
            "dagster-airlift/airflow-dag-id": run.dag_id,
            "dagster-airlift/airflow-dag-run-id": run.run_id,
            "dagster-airlift/airflow-task-id": task_id,
        }
        return self.dagster.runs(tags)

    def structures(self) -> dict[str, DagStructure]:
        """Ask for the tasks and edges of both DAGs."""
        return {dag_id: self.airflow.structure(dag_id) for dag_id in DAGS}

    def _runs(self) -> set[str]:
        return {run.run_id for run in self.airflow.runs(DAG_ID)}

    def _finished(self, known: set[str]) -> DagRun:
        log = self._place.logs / "airflow-scheduler.log"
        self._processes.wait_until(
            lambda: self._runs() > known and self.airflow.idle(*DAGS),
            f"{DAG_ID} has run",
            _DAG_RUN_SECONDS,
            log,
        )
        for dag_id in DAGS:
            latest = self.airflow.runs(dag_id)[0]
            if latest.state != "success":
                raise StoryError(f"Run {latest.run_id} of {dag_id} ended as {latest.state}.", log)
        return self.airflow.runs(DAG_ID)[0]


def mapped(assets: dict[str, Asset]) -> dict[str, str]:
    """Tell which assets are mapped to which tasks.

    Args:
        assets: Assets by key.
    """
    return {key: ", ".join(asset.tasks) for key, asset in sorted(assets.items()) if asset.tasks}


def _keys_observed_in(run: DagRun, events: list[Event]) -> set[str]:
    return {event.key for event in events if event.airflow_run_id == run.run_id}
