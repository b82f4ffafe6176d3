"""Where the snapshot comes from that definitions are built of: Airflow, or the last good one."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from dagster_airlift_core.carrying import carried, only_validating
from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.reading import Reading
from dagster_airlift_core.snapshot import AirflowSnapshot, SnapshotError
from dagster_airlift_core.snapshot_file import AnotherInstance, SnapshotFile

_STATE_KEY = "dagster-airlift/snapshot"
_LONGEST = 100
"""Characters of the name of a folder; the digest that tells it from others is at its end."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A snapshot, or none, and what is wrong with it.

    Args:
        snapshot: What to build definitions of; None when there never was one.
        stale_because: Why this is not what Airflow has now; None when it is.
    """

    snapshot: AirflowSnapshot | None
    stale_because: str | None = None

    def to_state(self) -> str:
        """Return it as a short text for the processes that load the same definitions again."""
        text = self.snapshot.to_json() if self.snapshot else ""
        lines = f"{json.dumps(self.stale_because)}\n{text}"
        return base64.b64encode(zlib.compress(lines.encode(), 6)).decode()

    @classmethod
    def from_state(cls, state: str) -> Loaded:
        """Return what `to_state` wrote.

        Raises:
            SnapshotError: It is none, or one of another release.
        """
        try:
            first, _, text = zlib.decompress(base64.b64decode(state)).decode().partition("\n")
            stale_because: object = json.loads(first)
        except (ValueError, zlib.error) as error:
            raise SnapshotError(f"No state of a code location: {error!r}.") from error
        if not (stale_because is None or isinstance(stale_because, str)):
            raise SnapshotError(f"No state of a code location: its first line is {first[:100]!r}.")
        return cls(AirflowSnapshot.from_json(text) if text else None, stale_because)


def load(reading: Reading, path: Path | None) -> Loaded:
    """Return what Airflow has now, or else the last good snapshot, or else nothing; never an error of Airflow.

    A process that runs a step gets what the code server had.

    Args:
        reading: How to ask Airflow.
        path: File of the last good snapshot, None for the default.
    """

    def read(state: str) -> Loaded:
        loaded = Loaded.from_state(state)
        return replace(loaded, snapshot=loaded.snapshot and reading.chosen(loaded.snapshot))

    return carried(state_key(reading), lambda: _loaded(reading, path), Loaded.to_state, read)


def state_key(reading: Reading) -> str:
    """Return a name that differs wherever what is asked for does: by instance, URL, filter and sources."""
    return f"{_STATE_KEY}/{reading.airflow.name}/{_digest(reading)}"


def default_path(reading: Reading, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where the last good snapshot is kept, None where nothing outlives the process.

    Each instance has a folder, by its name and URL, and in it a file for each thing that is asked for.

    Args:
        reading: What is asked for.
        environment: Environment variables.
    """
    folder = state_folder(reading.airflow, environment)
    return folder and folder / f"{_digest(reading)}.json"


def state_folder(airflow: AirflowInstance, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the folder of what is kept of an Airflow instance, None where nothing outlives the process.

    Args:
        airflow: The Airflow instance.
        environment: Environment variables.
    """
    home = environment.get("DAGSTER_HOME")
    folder = dagster_name(f"{airflow.name} {airflow.links.base_url}")
    return Path(home) / "airlift" / folder[-_LONGEST:] if home else None


def _digest(reading: Reading) -> str:
    asked = [*astuple(reading.only), reading.with_sources, reading.airflow.links.base_url]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Kept:
    """What a file holds: a snapshot, or a reason why there is none to be had; neither where there is no file."""

    snapshot: AirflowSnapshot | None = None
    damage: str = ""
    is_anothers: bool = False


def _loaded(reading: Reading, path: Path | None) -> Loaded:
    own = path or default_path(reading)
    kept = _last(reading, own, is_default=path is None) if own else _Kept()
    reading.last = kept.snapshot
    if only_validating():
        return _instead(reading, kept.damage or "Definitions are only validated: Airflow is not asked.")
    try:
        snapshot = reading.snapshot()
    except AirflowApiError as error:
        why = f"{error} {kept.damage}".strip()
        _log.warning("Airflow instance %r could not be read: %s", reading.airflow.name, why)
        return _instead(reading, why)
    if kept.is_anothers:
        _log.warning("The new snapshot is not kept. %s", kept.damage)
    elif own:
        _keep(SnapshotFile(own), snapshot)
    chosen = reading.chosen(snapshot)
    return Loaded(chosen, _what_is_missing(chosen))


def _last(reading: Reading, own: Path, *, is_default: bool) -> _Kept:
    """Return what a file holds; in the default folder, the newest file of another filter where there is none."""
    others = sorted(own.parent.glob("*.json"), key=_age) if is_default and not own.exists() else []
    found = [_read(path, reading.airflow.name) for path in (own, *others)]
    return next((kept for kept in found if kept.snapshot), found[0])


def _read(path: Path, instance: str) -> _Kept:
    try:
        return _Kept(SnapshotFile(path).read_of(instance))
    except AnotherInstance as error:
        return _Kept(damage=str(error), is_anothers=True)
    except SnapshotError as error:
        return _Kept(damage=str(error))


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:  # gone since it was listed
        return 0.0


def _instead(reading: Reading, why: str) -> Loaded:
    """Return the last snapshot with the reason, and with what else is not as it should be with it."""
    last, url = reading.last, reading.airflow.links.base_url
    if last is None:
        return Loaded(None, why)
    if last.url not in ("", url):
        why = f"{why} The snapshot was taken at {last.url}, not at {url}."
    if not last.asked_for.covers(reading.only):
        why = f"{why} The snapshot was taken with another filter: DAGs and Airflow assets may be missing."
    return Loaded(reading.chosen(last), why)


def _keep(file: SnapshotFile, snapshot: AirflowSnapshot) -> None:
    try:
        file.write(snapshot)
    except OSError as error:
        stays = " An older one stays." if file.path.is_file() else ""
        _log.warning("The snapshot %s cannot be written: %s.%s", file.path, error, stays)


def _what_is_missing(snapshot: AirflowSnapshot) -> str | None:
    if not snapshot.unread:
        return None
    first = min(snapshot.unread)
    return (
        f"The tasks of {len(snapshot.unread)} of {len(snapshot.dags)} DAGs could not be read, "
        f"of {first} because: {snapshot.unread[first]}"
    )
