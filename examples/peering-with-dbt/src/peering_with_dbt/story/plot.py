"""The story itself: peer, observe, migrate a task, roll it back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from peering_with_dbt.story.airflow_server import AirflowSite, DagRun, DagStructure
from peering_with_dbt.story.dagster_server import Asset, DagsterSite, Event, Run
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import AIRFLOW_INSTANCE, Place, base_environment
from peering_with_dbt.story.processes import Processes
from peering_with_dbt.story.report import Proxied, Report, RolledBack, count_duplicates, observed_by_key
from peering_with_dbt.story.teller import Teller

DAG_ID = "dbt_dag"
TASK_ID = "dbt_run_marts"
_DAGS = ("load_lakehouse", DAG_ID)
_PROXY_OPERATOR = "DagsterProxyOperator"
_DAG_RUN_SECONDS = 600.0
_OBSERVATION_SECONDS = 120.0
_PARSE_SECONDS = 60.0
_COMMAND_SECONDS = 120.0


@dataclass(frozen=True)
class _Structures:
    before: dict[str, DagStructure]
    during: dict[str, DagStructure]
    after: dict[str, DagStructure]

    @property
    def unchanged(self) -> bool:
        return self.before == self.during == self.after


class Plot:
    """The story on one Airflow and one Dagster, each step verified against both APIs.

    Args:
        place: The run.
        processes: Starts and stops the servers.
        teller: Tells what happens.
    """

    def __init__(self, place: Place, processes: Processes, teller: Teller) -> None:
        self._place = place
        self._processes = processes
        self._teller = teller
        self._airflow = AirflowSite(place, processes)
        self._dagster = DagsterSite(place, processes)
        self._observer_log = place.logs / "dagster-daemon.log"

    def play(self) -> Report:
        """Tell the whole story.

        Returns:
            What was found.

        Raises:
            StoryError: Something did not hold.
        """
        models = self._prepare()
        before = self._structures()
        dag_assets = self._peer()
        mapped = self._observe()
        run, proxied = self._migrate(models)
        during = self._structures()
        rolled_back = self._roll_back(run)
        structures = _Structures(before, during, self._structures())
        return self._report(dag_assets, mapped, proxied, rolled_back, structures)

    def _prepare(self) -> tuple[str, ...]:
        with self._teller.step("prepare", "Create the databases and parse the dbt project"):
            databases = [self._airflow.migrate_database(), self._dagster.create_storage()]
            environment = base_environment(self._place)
            parse = self._processes.start("dbt-parse", ["dbt", "parse"], environment)
            self._processes.finish(parse, _COMMAND_SECONDS)
            select = ["--select", "marts", "--resource-type", "model", "--output", "json"]
            listing = self._processes.start("dbt-ls", ["dbt", "--quiet", "ls", *select], environment)
            self._processes.finish(listing, _COMMAND_SECONDS)
            for database in databases:
                self._processes.finish(database, _COMMAND_SECONDS)
            models = _names(listing.log.read_text())
        with self._teller.step("start_airflow", "Start Airflow: API server, scheduler, DAG processor"):
            self._airflow.start()
        return models

    def _peer(self) -> tuple[str, ...]:
        with self._teller.step("start_dagster", "Start Dagster with peer.py: code server, webserver, daemon"):
            self._dagster.start("peer")
            of_dags = f"{AIRFLOW_INSTANCE}/dag/"
            keys = tuple(sorted(key for key in self._dagster.assets() if key.startswith(of_dags)))
            _expect(keys, tuple(sorted(f"{of_dags}{dag_id}" for dag_id in _DAGS)), "DAG assets")
        self._teller.say(f"Every DAG is an asset: {', '.join(keys)}")
        with self._teller.step("first_run", "Airflow runs both DAGs, as it always did"):
            run = self._run_dags(self._unpause)
        with self._teller.step("peered_runs", "Dagster sees the runs"):
            self._wait_for_events(run)
        return keys

    def _observe(self) -> dict[str, str]:
        with self._teller.step("observe", "Load observe.py: each task's tables are assets, with their runs"):
            self._dagster.load("observe")
            assets = _mapped(self._dagster.assets())
            self._processes.wait_until(
                lambda: set(assets) <= set(observed_by_key(self._dagster.events())),
                "every mapped asset has an observed event",
                _OBSERVATION_SECONDS,
                self._observer_log,
            )
        observed = observed_by_key(self._dagster.events())
        rows = [[key, assets[key], observed[key][-1].airflow_run_id] for key in sorted(assets)]
        self._teller.show("Observed", ["asset", "task", "Airflow run"], rows)
        return assets

    def _migrate(self, models: tuple[str, ...]) -> tuple[DagRun, Proxied]:
        with self._teller.step("migrate", f"Load migrate.py, and set {TASK_ID} to migrated: true"):
            lineage = _lineage(self._dagster.assets())
            self._dagster.load("migrate")
            assets = self._dagster.assets()
            _expect(_lineage(assets), lineage, "lineage after the migration")
            observed_only = tuple(key for key in models if not assets[key].executable)
            _expect(observed_only, (), f"models of {TASK_ID} that Dagster cannot run")
            self._set_migrated(migrated=True)
        with self._teller.step("proxied_run", f"Airflow runs {DAG_ID}; Dagster runs {TASK_ID}"):
            run = self._run_dags(self._trigger)
        with self._teller.step("proxied_observed", "Dagster shows the run, each table once"):
            self._wait_for_events(run, without=models)
        _expect(self._airflow.operator_in_run(run, TASK_ID), _PROXY_OPERATOR, f"operator of {TASK_ID}")
        (dagster_run,) = self._dagster_runs(run, expected=1)
        _expect(dagster_run.status, "SUCCESS", "status of the Dagster run")
        _expect(dagster_run.materialized, models, "what the Dagster run materialised")
        self._teller.say(f"Dagster run {dagster_run.run_id} materialised {', '.join(models)}")
        proxied = Proxied(
            dag_id=DAG_ID,
            task_id=TASK_ID,
            airflow_run_id=run.run_id,
            dagster_run_id=dagster_run.run_id,
            dagster_run_tags=dagster_run.tags,
            materialized=dagster_run.materialized,
        )
        return run, proxied

    def _roll_back(self, proxied: DagRun) -> RolledBack:
        with self._teller.step("roll_back", f"Set {TASK_ID} back to migrated: false"):
            self._set_migrated(migrated=False)
        with self._teller.step("rolled_back_run", f"Airflow runs {DAG_ID}, {TASK_ID} too"):
            run = self._run_dags(self._trigger)
        with self._teller.step("rolled_back_observed", "Dagster sees the run, each table once"):
            self._wait_for_events(run)
            self._wait_for_ticks()
        if run.run_id == proxied.run_id:
            raise StoryError(f"{run.run_id} is the migrated run, not one after the roll-back.")
        _expect(self._airflow.operator_in_run(run, TASK_ID), "BashOperator", f"operator of {TASK_ID}")
        return RolledBack(run.run_id, len(self._dagster_runs(run, expected=0)))

    def _report(
        self,
        dag_assets: tuple[str, ...],
        mapped: dict[str, str],
        proxied: Proxied,
        rolled_back: RolledBack,
        structures: _Structures,
    ) -> Report:
        events = self._dagster.events()
        report = Report(
            airflow_version=self._airflow.version(),
            dagster_version=self._dagster.version(),
            dag_assets=dag_assets,
            mapped_assets=mapped,
            observed=observed_by_key(events),
            proxied=proxied,
            rolled_back=rolled_back,
            structure_unchanged=structures.unchanged,
            duplicates=count_duplicates(events, proxied),
            seconds=self._teller.seconds,
        )
        report.write(self._place.report)
        _expect(structures.during, structures.before, "tasks and edges during the migration")
        _expect(structures.after, structures.before, "tasks and edges after the roll-back")
        _expect(report.duplicates, 0, "duplicate events")
        self._expect_observed(report)
        return report

    def _expect_observed(self, report: Report) -> None:
        """Each run that Airflow did is there for each mapped asset, and the migrated one is not."""
        marts = set(report.proxied.materialized)
        for key, task in report.mapped_assets.items():
            dag_id = task.split(".")[0]
            runs = {run.run_id for run in self._airflow.runs(dag_id) if run.state == "success"}
            if key in marts:
                runs.remove(report.proxied.airflow_run_id)
            seen = {event.airflow_run_id for event in report.observed[key]}
            _expect(seen, runs, f"Airflow runs observed for {key}")

    def _unpause(self) -> None:
        """Unpaused, a DAG that does not catch up runs once, for its latest interval."""
        for dag_id in reversed(_DAGS):
            self._airflow.set_paused(dag_id, paused=False)

    def _trigger(self) -> None:
        self._airflow.trigger(_DAGS[0])

    def _run_dags(self, begin: Callable[[], None]) -> DagRun:
        """Let the first DAG run; the second one follows its asset."""
        known = {run.run_id for run in self._airflow.runs(DAG_ID)}
        wait, log = self._processes.wait_until, self._place.logs / "airflow-scheduler.log"
        begin()
        wait(
            lambda: {run.run_id for run in self._airflow.runs(DAG_ID)} > known and self._airflow.idle(*_DAGS),
            f"{DAG_ID} has run",
            _DAG_RUN_SECONDS,
            log,
        )
        for dag_id in _DAGS:
            latest = self._airflow.runs(dag_id)[0]
            if latest.state != "success":
                raise StoryError(f"Run {latest.run_id} of {dag_id} ended as {latest.state}.", log)
        return self._airflow.runs(DAG_ID)[0]

    def _wait_for_events(self, run: DagRun, *, without: tuple[str, ...] = ()) -> None:
        """Wait for the event of the DAG run, and of each asset that its tasks produce on Airflow."""
        produced = {
            key
            for key, task in _mapped(self._dagster.assets()).items()
            if task.startswith(f"{run.dag_id}.") and key not in without
        }
        expected = {*produced, f"{AIRFLOW_INSTANCE}/dag/{run.dag_id}"}
        self._processes.wait_until(
            lambda: expected <= _keys_observed_in(run, self._dagster.events()),
            f"Dagster has the events of {run.run_id}",
            _OBSERVATION_SECONDS,
            self._observer_log,
        )

    def _wait_for_ticks(self) -> None:
        """Two more ticks read the last runs again; that must not add an event."""
        before = self._dagster.finished_ticks()
        self._processes.wait_until(
            lambda: len(self._dagster.finished_ticks() - before) > 1,
            "the sensor has ticked twice more",
            _OBSERVATION_SECONDS,
            self._observer_log,
        )

    def _dagster_runs(self, run: DagRun, *, expected: int) -> list[Run]:
        tags = {
            "dagster-airlift/airflow-dag-id": run.dag_id,
            "dagster-airlift/airflow-dag-run-id": run.run_id,
            "dagster-airlift/airflow-task-id": TASK_ID,
        }
        runs = self._dagster.runs(tags)
        _expect(len(runs), expected, f"Dagster runs with the tags of {run.run_id}")
        return runs

    def _set_migrated(self, *, migrated: bool) -> None:
        """Change the one line, as a person would, and wait until Airflow has read it."""
        state = self._place.migration_state
        line = rf"(- id: {TASK_ID}\n    migrated: )\w+"
        state.write_text(re.sub(line, rf"\g<1>{str(migrated).lower()}", state.read_text()))
        self._processes.wait_until(
            lambda: (self._airflow.operator(DAG_ID, TASK_ID) == _PROXY_OPERATOR) is migrated,
            f"Airflow has read migrated: {str(migrated).lower()}",
            _PARSE_SECONDS,
            self._place.logs / "airflow-dag-processor.log",
        )

    def _structures(self) -> dict[str, DagStructure]:
        return {dag_id: self._airflow.structure(dag_id) for dag_id in _DAGS}


def _names(listing: str) -> tuple[str, ...]:
    """Read the names that `dbt ls` itself gives: the independent word on what the selection names."""
    return tuple(sorted(json.loads(line)["name"] for line in listing.splitlines() if line.startswith("{")))


def _keys_observed_in(run: DagRun, events: list[Event]) -> set[str]:
    return {event.key for event in events if event.airflow_run_id == run.run_id}


def _mapped(assets: dict[str, Asset]) -> dict[str, str]:
    return {key: ", ".join(asset.tasks) for key, asset in sorted(assets.items()) if asset.tasks}


def _lineage(assets: dict[str, Asset]) -> dict[str, tuple[str, ...]]:
    return {key: asset.upstream for key, asset in assets.items()}


def _expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise StoryError(f"{what}: expected {expected!r}, found {found!r}.")
