"""The story itself: peer, observe, migrate a task, roll it back."""

from __future__ import annotations

import json
from dataclasses import dataclass

from peering_with_dbt.story.airflow_server import DagRun, DagStructure
from peering_with_dbt.story.dagster_server import Asset
from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.place import AIRFLOW_INSTANCE, Place
from peering_with_dbt.story.processes import Processes
from peering_with_dbt.story.report import Proxied, Report, RolledBack, count_duplicates, observed_by_key
from peering_with_dbt.story.stage import (
    DAG_ID,
    DAGS,
    OBSERVATION_SECONDS,
    PROXY_OPERATOR,
    Stage,
    mapped,
)
from peering_with_dbt.story.teller import Teller

TASK_ID = "dbt_run_marts"


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
        self._stage = Stage(place, processes)
        self._airflow = self._stage.airflow
        self._dagster = self._stage.dagster
        self._observer_log = place.logs / "dagster-daemon.log"

    def play(self) -> Report:
        """Tell the whole story.

        Returns:
            What was found.

        Raises:
            StoryError: Something did not hold.
        """
        models = self._prepare()
        before = self._stage.structures()
        dag_assets = self._peer()
        mapped = self._observe()
        run, proxied = self._migrate(models)
        during = self._stage.structures()
        rolled_back = self._roll_back(run)
        structures = _Structures(before, during, self._stage.structures())
        return self._report(dag_assets, mapped, proxied, rolled_back, structures)

    def _prepare(self) -> tuple[str, ...]:
        with self._teller.step("prepare", "Create the databases and parse the dbt project"):
            self._stage.prepare()
            select = ("--select", "marts", "--resource-type", "model", "--output", "json")
            models = _names(self._stage.dbt("--quiet", "ls", *select))
        with self._teller.step("start_airflow", "Start Airflow: API server, scheduler, DAG processor"):
            self._airflow.start()
        return models

    def _peer(self) -> tuple[str, ...]:
        with self._teller.step("start_dagster", "Start Dagster with peer.py: code server, webserver, daemon"):
            self._dagster.start("peer")
            of_dags = f"{AIRFLOW_INSTANCE}/dag/"
            keys = tuple(sorted(key for key in self._dagster.assets() if key.startswith(of_dags)))
            _expect(keys, tuple(sorted(f"{of_dags}{dag_id}" for dag_id in DAGS)), "DAG assets")
        self._teller.say(f"Every DAG is an asset: {', '.join(keys)}")
        with self._teller.step("first_run", "Airflow runs both DAGs, as it always did"):
            run = self._stage.run_for_the_first_time()
        with self._teller.step("peered_runs", "Dagster sees the runs"):
            self._stage.wait_for_events(run)
        return keys

    def _observe(self) -> dict[str, str]:
        with self._teller.step("observe", "Load observe.py: each task's tables are assets, with their runs"):
            self._dagster.load("observe")
            assets = mapped(self._dagster.assets())
            self._processes.wait_until(
                lambda: set(assets) <= set(observed_by_key(self._dagster.events())),
                "every mapped asset has an observed event",
                OBSERVATION_SECONDS,
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
            self._stage.set_migrated(TASK_ID, migrated=True)
        with self._teller.step("proxied_run", f"Airflow runs {DAG_ID}; Dagster runs {TASK_ID}"):
            run = self._stage.run()
        with self._teller.step("proxied_observed", "Dagster shows the run, each table once"):
            self._stage.wait_for_events(run, without=models)
        _expect(self._airflow.operator_in_run(run, TASK_ID), PROXY_OPERATOR, f"operator of {TASK_ID}")
        dagster_runs = self._stage.dagster_runs(run, TASK_ID)
        _expect(len(dagster_runs), 1, f"Dagster runs with the tags of {run.run_id}")
        (dagster_run,) = dagster_runs
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
            self._stage.set_migrated(TASK_ID, migrated=False)
        with self._teller.step("rolled_back_run", f"Airflow runs {DAG_ID}, {TASK_ID} too"):
            run = self._stage.run()
        with self._teller.step("rolled_back_observed", "Dagster sees the run, each table once"):
            self._stage.wait_for_events(run)
            self._stage.wait_for_ticks()
        if run.run_id == proxied.run_id:
            raise StoryError(f"{run.run_id} is the migrated run, not one after the roll-back.")
        _expect(self._airflow.operator_in_run(run, TASK_ID), "BashOperator", f"operator of {TASK_ID}")
        dagster_runs = self._stage.dagster_runs(run, TASK_ID)
        _expect(len(dagster_runs), 0, f"Dagster runs with the tags of {run.run_id}")
        return RolledBack(run.run_id, len(dagster_runs))

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


def _names(listing: str) -> tuple[str, ...]:
    """Read the names that `dbt ls` itself gives: the independent word on what the selection names."""
    return tuple(sorted(json.loads(line)["name"] for line in listing.splitlines() if line.startswith("{")))


def _lineage(assets: dict[str, Asset]) -> dict[str, tuple[str, ...]]:
    """Tell what is made of what. A DAG stands at the end of all that its tasks do, which are more once tests are one."""
    of_airflow = (f"{AIRFLOW_INSTANCE}/dag/", f"{AIRFLOW_INSTANCE}/task/")
    return {key: asset.upstream for key, asset in assets.items() if not key.startswith(of_airflow)}


def _expect(found: object, expected: object, what: str) -> None:
    if found != expected:
        raise StoryError(f"{what}: expected {expected!r}, found {found!r}.")
