"""Finding the assets that are mapped to a task, without reading what else Dagster has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from airflow.providers.dagster import calls
from airflow.providers.dagster.asking_together import ask_together
from airflow.providers.dagster.assets import AssetReference, Repository
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterError
from airflow.providers.dagster.mapping_cache import MappingCache
from airflow.providers.dagster.model import CodeLocation
from airflow.providers.dagster.partition_questions import NO_PARTITION, PartitionQuestion
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.ports import Log
from airflow.providers.dagster.selection import Selection, Wanted, select_assets, wanted_keys

__all__ = ["Lookup"]

_LOOK_SECONDS = 5.0


@dataclass(frozen=True)
class Lookup:
    """Asks Dagster which assets stand for a task.

    Two small questions are enough where Dagster peers with this Airflow instance: what the DAG asset names, and the
    assets that it names. A repository without that DAG asset is read whole, once for each time that Dagster loads it.
    A code location that is loading is waited for, and so is a broken one that had assets of the task when it was read
    last: the task runs all of them or none. A broken one of which nothing is known does not stop a task that has assets
    elsewhere: most are somebody else's.

    Args:
        dagster: The Dagster instance.
        patience: How long to ask it.
        cache: What was read of repositories.
        log: Log of the task.
    """

    dagster: DagsterClient
    patience: Patience
    cache: MappingCache
    log: Log

    def select(
        self,
        wanted: Wanted,
        run_tags: Mapping[str, str] | None = None,
        partition: PartitionQuestion = NO_PARTITION,
    ) -> Selection:
        """Find the assets of a task.

        Args:
            wanted: What the assets have to be mapped to.
            run_tags: The tags of all runs of the task instance; with them, its runs are asked for in one go.
            partition: The partition to run, for what decides about it is asked for in one go too.

        Returns:
            The assets, by code location, and the runs.

        Raises:
            NothingToRun: No asset is mapped to the task, or Dagster cannot run one that is.
            AmbiguousAssets: Several Airflow instances are mapped to the task and this one has no name.
            DagsterError: A code location that may hold some of the assets is not loaded.
        """
        references = self._references(wanted)
        keys = wanted_keys(references, wanted)
        if not keys:
            return select_assets((), references, wanted)
        if not run_tags:
            alone = partial(calls.assets, keys)
            assets = ask_together(self.dagster, self.patience, alone, partition)
            return select_assets(assets, references, wanted)
        both = partial(calls.assets_and_runs, keys, run_tags)
        assets, runs = ask_together(self.dagster, self.patience, both, partition)
        return replace(select_assets(assets, references, wanted), runs=runs)

    def _references(self, wanted: Wanted) -> tuple[AssetReference, ...]:
        """Ask what is mapped, until all code locations that count are loaded."""
        deadline = self.patience.clock.now() + self.patience.seconds
        while True:
            index = self.patience.ask(
                lambda: self.dagster.ask(calls.mapping_index(wanted.instance, wanted.dag_id))
            )
            for repository in index.covered:
                self.cache.forget(repository)
            scanned = [each for repository in index.uncovered for each in self._read(repository, wanted)]
            references = (*index.references, *scanned)
            is_over = self.patience.clock.now() >= deadline
            needed = [each for each in index.missing if self._is_needed(each, wanted, references)]
            awaited = [each for each in index.missing if each in needed or self._may_come(each, wanted)]
            if not awaited or (is_over and not needed):
                self._tell_left_out(index.missing)
                return references
            if is_over:
                raise DagsterError(_not_loaded(needed, wanted))
            self.log.info(
                "Waiting for Dagster's code locations %s.", ", ".join(each.name for each in awaited)
            )
            self.patience.clock.sleep(_LOOK_SECONDS)

    def _is_needed(
        self, location: CodeLocation, wanted: Wanted, references: Sequence[AssetReference]
    ) -> bool:
        """Whether the task cannot do without a location: it had assets of it, or nothing else has any."""
        known = self.cache.last(location.name)
        if known is not None:
            return bool(wanted_keys(known, wanted))
        return not wanted_keys(references, wanted)

    def _may_come(self, location: CodeLocation, wanted: Wanted) -> bool:
        """Whether a location is on its way that may have assets of the task."""
        known = self.cache.last(location.name)
        return location.is_loading and (known is None or bool(wanted_keys(known, wanted)))

    def _tell_left_out(self, locations: Iterable[CodeLocation]) -> None:
        for each in locations:
            self.log.warning(
                "Dagster's code location %r is not loaded (%s). As far as is known here it has no asset of this task, "
                "which goes on without it.",
                each.name,
                each.problem,
            )

    def _read(self, repository: Repository, wanted: Wanted) -> tuple[AssetReference, ...]:
        known = self.cache.get(repository)
        if known is not None:
            return known
        self.log.info(
            "Reading all assets of %r in Dagster's code location %r, for %s.",
            repository.name,
            repository.location,
            f"no DAG asset of {wanted.dag_id!r} of Airflow instance {wanted.instance!r} there says what is mapped to it"
            if wanted.instance
            else "[dagster] instance_name does not say which Airflow instance this is. Set it to read less",
        )
        found = self.patience.ask(lambda: self.dagster.ask(calls.repository_mappings(repository)))
        self.cache.put(repository, found)
        return found


def _not_loaded(locations: Sequence[CodeLocation], wanted: Wanted) -> str:
    named = "; ".join(f"{each.name!r}: {each.problem.rstrip('.')}" for each in locations)
    return (
        f"Code locations of Dagster are not loaded, {named}. They may hold assets that are mapped to task {wanted.name}, "
        "which runs all of its assets or none. Repair them and reload them, or take them out of Dagster's workspace."
    )
