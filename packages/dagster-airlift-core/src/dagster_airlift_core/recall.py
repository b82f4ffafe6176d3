"""What a tick knows of Dagster's history: it asks for many things at a time, and for each of them once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from dagster import AssetKey

from dagster_airlift_core.event_log import EventLog, Identity
from dagster_airlift_core.events import Ended

Candidate: TypeAlias = tuple[Collection[AssetKey], Ended]
"""The assets of something that ended, and that."""


@dataclass
class Recall:
    """Tells what Dagster does not know yet.

    Args:
        log: Dagster's own history.
    """

    log: EventLog

    _stored: dict[Identity, bool] = field(default_factory=dict[Identity, bool], init=False)
    _launched: dict[tuple[str, bool], bool] = field(default_factory=dict[tuple[str, bool], bool], init=False)

    def prepare(self, candidates: Iterable[Candidate]) -> None:
        """Ask at once for all that is needed to tell of these what is new."""
        candidates = list(candidates)
        self.is_stored([(key, ended.event_id) for keys, ended in candidates for key in keys])
        new = [ended for keys, ended in candidates if self._not_stored(keys, ended.event_id)]
        for failed in (False, True):
            launch_keys = {
                launch_key
                for ended in new
                if (ended.failure is not None) is failed
                for launch_key in ended.launch_keys
                if (launch_key, failed) not in self._launched
            }
            found = self.log.launched(launch_keys, failed=failed) if launch_keys else frozenset[str]()
            self._launched |= {(launch_key, failed): launch_key in found for launch_key in launch_keys}

    def new_keys(self, keys: Collection[AssetKey], ended: Ended) -> list[AssetKey]:
        """Return the assets that are to be told of it: none when Dagster ran it itself, with the same end."""
        self.prepare([(keys, ended)])
        return [] if self.is_dagsters(ended) else self._not_stored(keys, ended.event_id)

    def is_dagsters(self, ended: Ended) -> bool:
        """Tell whether Dagster ran it itself, with the same end; it is known only of what has something new."""
        failed = ended.failure is not None
        launched = [self._launched.get((launch_key, failed), False) for launch_key in ended.launch_keys]
        return bool(launched) and all(launched)

    def is_stored(self, wanted: Collection[Identity]) -> bool:
        """Tell whether all of these events are stored."""
        asked = {identity for identity in wanted if identity not in self._stored}
        found = self.log.stored(asked) if asked else frozenset[Identity]()
        self._stored |= {identity: identity in found for identity in asked}
        return all(self._stored[identity] for identity in wanted)

    def _not_stored(self, keys: Collection[AssetKey], event_id: str) -> list[AssetKey]:
        return [key for key in keys if not self._stored[key, event_id]]
