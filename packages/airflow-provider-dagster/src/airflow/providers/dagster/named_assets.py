"""The assets that an operator is told to run, by their keys and by their groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow.providers.dagster import calls
from airflow.providers.dagster.assets import MappedAsset, Repository
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import DagsterError, NothingToRun
from airflow.providers.dagster.model import CodeLocation
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.ports import Log

__all__ = ["Groups", "check_named"]

Key = tuple[str, ...]


@dataclass(frozen=True)
class Groups:
    """Asks Dagster what is in its asset groups; a group may have assets in several code locations.

    Args:
        dagster: The Dagster instance.
        patience: How long to ask it.
        log: Log of the task.
    """

    dagster: DagsterClient
    patience: Patience
    log: Log

    def keys(self, groups: Sequence[str]) -> frozenset[Key]:
        """Find the assets of some groups that Dagster can run.

        A code location that is not loaded is left out, and the log says so, as long as every group has assets elsewhere.

        Args:
            groups: Names of the groups.

        Returns:
            The keys of the assets.

        Raises:
            NothingToRun: A group has no asset that Dagster can run.
            DagsterError: The same, while a code location is not loaded that may have one.
        """
        if not groups:
            return frozenset()
        # Without a DAG to ask for, the answer is what there is: all repositories, and the locations that lack theirs.
        index = self.patience.ask(lambda: self.dagster.ask(calls.mapping_index("", "")))
        found = {group: self._in_group(group, index.uncovered) for group in groups}
        empty = sorted(group for group, keys in found.items() if not keys)
        if empty and index.missing:
            raise DagsterError(_not_loaded(empty, index.missing))
        if empty:
            raise NothingToRun(
                f"Dagster has nothing that it can run in the asset group {', '.join(empty)}. Correct `groups`, or "
                "reload the code location if the group is new."
            )
        for each in index.missing:
            self.log.warning(
                "Dagster's code location %r is not loaded (%s). What it has of %s is left out.",
                each.name,
                each.problem,
                ", ".join(groups),
            )
        return frozenset(key for keys in found.values() for key in keys)

    def _in_group(self, group: str, repositories: Iterable[Repository]) -> tuple[Key, ...]:
        return tuple(
            key
            for repository in repositories
            for key in self.patience.ask(
                lambda repository=repository: self.dagster.ask(calls.executable_in_group(repository, group))
            )
        )


def check_named(keys: Iterable[Key], assets: Sequence[MappedAsset]) -> None:
    """Refuse keys that Dagster has no asset for, and assets that it cannot run.

    Args:
        keys: The keys that were given.
        assets: What Dagster has of them.

    Raises:
        NothingToRun: There is one, or no key at all.
    """
    missing = sorted("/".join(key) for key in set(keys) - {asset.key for asset in assets})
    if missing or not assets:
        raise NothingToRun(
            f"Dagster has no asset {', '.join(missing) or 'for an empty list of keys'}. Write keys as Dagster shows them, "
            "and reload the code location if it is new."
        )
    external = [asset.name for asset in assets if not asset.is_executable]
    if external:
        raise NothingToRun(
            f"Dagster cannot run {', '.join(external)}: it only knows that something else makes it. "
            "Give it code in Dagster."
        )


def _not_loaded(groups: Sequence[str], locations: Iterable[CodeLocation]) -> str:
    named = "; ".join(f"{each.name!r}: {each.problem.rstrip('.')}" for each in locations)
    return (
        f"Dagster has nothing that it can run in the asset group {', '.join(groups)}, and code locations are not loaded, "
        f"{named}. Repair them and reload them, or correct `groups`."
    )
