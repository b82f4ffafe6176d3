"""What tries of Airflow tasks did with dbt, from the best source there is; the core's sensor asks for it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetChecksDefinition,
    AssetKey,
    AssetMaterialization,
    AssetsDefinition,
)

from dagster_airlift_core import AirflowInstance, TaskHandle
from dagster_airlift_core.model import SKIPPED, SUCCESS, UNREACHED, TaskInstance
from dagster_airlift_core.naming import some_of
from dagster_airlift_core.results import TaskEvent
from dagster_airlift_dbt.belonging import why_not_of
from dagster_airlift_dbt.checks import DbtChecks
from dagster_airlift_dbt.cosmos import watches
from dagster_airlift_dbt.declared_checks import declared_checks
from dagster_airlift_dbt.found import Found, ResultSource, WatchedResults
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.result_events import DbtEvents, dbt_events
from dagster_airlift_dbt.run_results import RunResults
from dagster_airlift_dbt.selection import DbtAssets

Checks: TypeAlias = Literal["all", "failures", "none"]
"""Which results of dbt's tests are recorded; with `failures`, also that a test passes again."""

_BUILD_NOTHING = frozenset({"test", "freshness"})
_SHOWN = 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DbtTaskResults:
    """Tells what a try did, model by model and test by test.

    Args:
        sources: Where results may lie, the best one first.
        checks: What the projects look like in Dagster.
        commands: What the tasks run, as far as it is known.
        testing: The tasks that run dbt and build nothing.
        which: Which results of tests are recorded.
        with_sql: Whether events show compiled SQL.
    """

    sources: Sequence[ResultSource]
    checks: Sequence[DbtChecks]
    commands: Sequence[TaskCommand]
    testing: Collection[TaskHandle] = ()
    which: Checks = "all"
    with_sql: bool = False
    # Whether a test has passed, and in which try: to be told of again when the same try is asked about again.
    _passed_in: dict[AssetCheckKey, str] = field(default_factory=dict[AssetCheckKey, str], repr=False)

    @property
    def testing_tasks(self) -> Collection[TaskHandle]:
        """The tasks whose tests are told of although no asset is mapped to them."""
        return self.testing if self.sources and self.which != "none" else ()

    @property
    def unreached_tasks(self) -> Collection[TaskHandle]:
        """The tasks that may have been told of although Airflow did not run them to their end: all that run dbt.

        Where Airflow tries Cosmos' producer again, that skips itself, and what it told of its first try is still there.
        """
        return self._by_task.keys() | set(self.testing_tasks)

    def events_of(
        self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[AssetKey]
    ) -> Sequence[TaskEvent] | None:
        """Return what a finished task did, None where no source knows; see `TaskResults` of the core.

        Args:
            airflow: The Airflow instance.
            instances: The finished try; for a dynamically mapped task all of its instances.
            keys: Keys of the assets that are mapped to the task.

        Raises:
            AirliftError: A source cannot be read now.
        """
        told = [self.runs_of(airflow, instance) for instance in instances]
        if all(runs is None for runs in told):
            return None
        runs = [run for each in told for run in each or ()]
        # What builds nothing of its own, like a task that tests, or Cosmos' producer, tells of tests alone.
        is_testing = not keys or TaskHandle(instances[0].dag_id, instances[0].task_id) in self.testing
        wanted = {
            "with_assets": not is_testing,
            "with_checks": self.which != "none",
            "with_sql": self.with_sql,
        }
        made = [dbt_events(runs, checks, **wanted) for checks in self._checks_of(instances[0])]
        events = [event for each in made for event in each.events]
        self._tell(instances[0], _unknown(made))
        ids = frozenset[str]().union(*(each.ids for each in made))
        events += self._assumed(instances, runs, ids, keys) if None not in told else ()
        of_task = keys if is_testing and all(one.state == SUCCESS for one in instances) else ()
        return [*self._wanted(events, instances), *(AssetMaterialization(asset_key=key) for key in of_task)]

    def declared_checks(
        self, executable: Sequence[AssetsDefinition], migrated: Sequence[TaskCommand]
    ) -> Sequence[AssetChecksDefinition]:
        """Declare the checks that Airflow evaluates, or a task that only tests: of all tests but those of migrated models.

        Args:
            executable: What Dagster can run, with the checks of its own.
            migrated: The commands that Dagster can run; without results, the tests of these alone are told of.
        """
        only = None
        if not self.sources or self.which == "none":
            only = {key for each in migrated for key in self._tested_by(each)}
        others = {key for each in executable for key in each.check_keys}
        return declared_checks(self.checks, self.commands, others, only)

    def _tested_by(self, command: TaskCommand) -> Iterator[AssetCheckKey]:
        if command.command.builds:
            return
        for checks in self.checks:
            if checks.assets is command.assets:
                yield from filter(None, map(checks.key_of, command.ids))

    def runs_of(self, airflow: AirflowInstance, instance: TaskInstance) -> Sequence[RunResults] | None:
        """Ask the sources in turn for results of one try, until one has some that are its own.

        What watched another task may do its work itself when it is tried again: then its own traces go first.

        Args:
            airflow: The Airflow instance.
            instance: The try; one of the copies of a dynamically mapped task.

        Returns:
            One for each dbt command; None where no source knows.

        Raises:
            AirliftError: A source cannot be read now.
        """
        projects = [each.assets.project for each in self.checks]
        is_again = instance.try_number > 1
        for source in sorted(self.sources, key=lambda place: is_again and isinstance(place, WatchedResults)):
            found = self._look(source, airflow, instance, projects)
            notes = list(found.notes)
            runs: list[RunResults] = []
            for run in found.runs:
                why_not = why_not_of(run, instance)
                if why_not:
                    notes.append(f"results of another run were left there: {why_not}")
                else:
                    runs.append(run)
            self._tell(instance, notes)
            if any(run.counts for run in runs):
                return runs
        return None

    def _look(
        self,
        source: ResultSource,
        airflow: AirflowInstance,
        instance: TaskInstance,
        projects: Sequence[DbtProjectContent],
    ) -> Found:
        """Look in one place; of what Airflow did not run to its end, another task alone may have told."""
        if isinstance(source, WatchedResults) and watches(instance.operator or ""):
            return source.results_of_watched(airflow, instance, self._built_by(instance))
        if instance.state in (UNREACHED, SKIPPED) and not isinstance(source, WatchedResults):
            return Found()
        return source.results_of(airflow, instance, projects)

    def _built_by(self, instance: TaskInstance) -> frozenset[str]:
        """The unique ids of what a task builds, as far as that is known."""
        return frozenset[str]().union(*(each.ids for each in self._commands_of(instance)))

    def _checks_of(self, instance: TaskInstance) -> Sequence[DbtChecks]:
        """The projects that a task runs; all of them where that is not known."""
        mine = {id(each.assets) for each in self._commands_of(instance)}
        return [each for each in self.checks if id(each.assets) in mine] or self.checks

    def _commands_of(self, instance: TaskInstance) -> Sequence[TaskCommand]:
        return self._by_task.get(TaskHandle(instance.dag_id, instance.task_id), ())

    @cached_property
    def _by_task(self) -> Mapping[TaskHandle, Sequence[TaskCommand]]:
        found: dict[TaskHandle, list[TaskCommand]] = {}
        for each in self.commands:
            found.setdefault(each.handle, []).append(each)
        return found

    def _assumed(
        self,
        instances: Sequence[TaskInstance],
        runs: Sequence[RunResults],
        ids: Collection[str],
        keys: Collection[AssetKey],
    ) -> Iterator[AssetMaterialization]:
        """Take for built what a command of a successful task builds whose results another one has overwritten.

        Where a command ran that the task is not known to run, nothing is assumed of what it did besides.
        """
        commands = self._commands_of(instances[0])
        others = {run.command or "" for run in runs} - {each.command.command for each in commands}
        if others - _BUILD_NOTHING or any(one.state != SUCCESS for one in instances):
            return
        for each in without_results(commands, runs):
            for unique_id in sorted(each.ids - set(ids)):
                if each.assets.is_asset(unique_id) and (key := each.assets.spec_of(unique_id).key) in keys:
                    yield AssetMaterialization(asset_key=key, metadata={"unique_id": unique_id})

    def _wanted(self, events: Sequence[TaskEvent], instances: Sequence[TaskInstance]) -> Iterator[TaskEvent]:
        """Pass on what is about the assets there are, and of the tests what was asked for."""
        tries = ",".join(one.id for one in instances)
        for event in events:
            if event.asset_key not in self._known:
                continue
            if self.which != "failures" or not isinstance(event, AssetCheckEvaluation):
                yield event
            elif not event.passed:
                self._passed_in.pop(event.asset_check_key, None)
                yield event
            elif self._passed_in.setdefault(event.asset_check_key, tries) == tries:
                yield event

    @cached_property
    def _known(self) -> frozenset[AssetKey]:
        """The assets of the tasks, and the sources that they read."""
        return frozenset(
            each.assets.spec_of(unique_id).key
            for each in self.commands
            for asset in each.ids
            if each.assets.is_asset(asset)
            for unique_id in (asset, *_sources(each.assets, asset))
        )

    def _tell(self, instance: TaskInstance, notes: Sequence[str]) -> None:
        if notes:
            shown = some_of(notes, _SHOWN, between="; ")
            name = f"{instance.dag_id}.{instance.task_id} in the DAG run {instance.run_id!r}"
            _log.warning("Of what dbt did in %s, this was passed over: %s.", name, shown)


def without_results(commands: Sequence[TaskCommand], runs: Sequence[RunResults]) -> Iterator[TaskCommand]:
    """Yield the commands of which there are fewer results than a task runs them: another one has overwritten these.

    Args:
        commands: What the task runs.
        runs: The results that are there.
    """
    expected = Counter[str](each.command.command for each in commands)
    there = Counter(run.command or "" for run in runs)
    yield from (each for each in commands if there[each.command.command] < expected[each.command.command])


def _sources(assets: DbtAssets, unique_id: str) -> list[str]:
    return [parent for parent in assets.project.upstream(unique_id) if not assets.is_asset(parent)]


def _unknown(made: Sequence[DbtEvents]) -> list[str]:
    """What none of the projects knows."""
    first, *others = [each.unknown for each in made]
    return [name for name in first if all(name in other for other in others)]
