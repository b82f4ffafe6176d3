"""What a tick knows of Dagster's history: it asks for many things at a time, and for each of them once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dagster import AssetKey

from dagster_airlift_core.event_log import DagRunId, EventLog, Identity
from dagster_airlift_core.events import Ended
from dagster_airlift_core.keys import dag_asset_key
from dagster_airlift_core.model import DagRun

Candidate: TypeAlias = tuple[Collection[AssetKey], Ended]
"""The assets of something that ended, and that."""

_SKEW = 600.0
"""Seconds by which the clocks of Airflow and Dagster may differ."""


@dataclass
class Recall:
    """Tells what Dagster does not know yet.

    Args:
        log: Dagster's own history.
        instance: Name of the Airflow instance.
    """

    log: EventLog
    instance: str

    _stored: dict[Identity, bool] = field(default_factory=dict[Identity, bool], init=False)
    _launched: dict[tuple[str, bool], bool] = field(default_factory=dict[tuple[str, bool], bool], init=False)

    _ran: dict[tuple[DagRunId, bool], Mapping[AssetKey, float]] = field(
        default_factory=dict[tuple[DagRunId, bool], Mapping[AssetKey, float]], init=False
    )

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
        for failed in (False, True):
            self._ask_what_ran(
                [one for one in candidates if (one[1].failure is not None) is failed], failed=failed
            )

    def _ask_what_ran(self, candidates: Iterable[Candidate], *, failed: bool) -> None:
        """Ask which assets of DAG runs Dagster ran, as it does where a DAG is proxied as a whole."""
        runs = {
            (ended.of.dag_id, ended.of.run_id)
            for keys, ended in candidates
            if isinstance(ended.of, DagRun)
            and ((ended.of.dag_id, ended.of.run_id), failed) not in self._ran
            and self._not_stored(set(keys) - {dag_asset_key(self.instance, ended.of.dag_id)}, ended.event_id)
        }
        ran = self.log.ran(self.instance, {run_id for _, run_id in runs}, failed=failed) if runs else {}
        self._ran |= {(run, failed): ran.get(run, {}) for run in runs}

    def new_keys(self, keys: Collection[AssetKey], ended: Ended) -> list[AssetKey]:
        """Return the assets that are to be told of it: none when Dagster ran it itself, with the same end."""
        self.prepare([(keys, ended)])
        if self.is_dagsters(ended):
            return []
        return [key for key in self._not_stored(keys, ended.event_id) if not self._is_run(key, ended)]

    def _is_run(self, key: AssetKey, ended: Ended) -> bool:
        """Tell whether Dagster ran an asset of a DAG run, and not before that was cleared and began anew."""
        if not isinstance(ended.of, DagRun):
            return False
        ran = self._ran.get(((ended.of.dag_id, ended.of.run_id), ended.failure is not None), {})
        began = ended.of.started_at
        return key in ran and (began is None or ran[key] >= began.timestamp() - _SKEW)

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
