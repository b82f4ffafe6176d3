"""Where the snapshot comes from that definitions are built of: Airflow, or the last good one."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

from dagster_airlift_core import _dagster_private
from dagster_airlift_core.errors import AirflowApiError, AirliftError
from dagster_airlift_core.reading import Reading
from dagster_airlift_core.snapshot import AirflowSnapshot, SnapshotError
from dagster_airlift_core.snapshot_file import SnapshotFile

_VALIDATING = "DAGSTER_IS_DEFS_VALIDATION_CLI"
_STATE_KEY = "dagster-airlift/snapshot"
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
        fields = [self.snapshot.to_json() if self.snapshot else None, self.stale_because]
        return base64.b64encode(zlib.compress(json.dumps(fields).encode(), 6)).decode()

    @classmethod
    def from_state(cls, state: str) -> Loaded:
        """Return what `to_state` wrote.

        Raises:
            SnapshotError: It is none, or one of another release.
        """
        try:
            text, stale_because = json.loads(zlib.decompress(base64.b64decode(state)))
        except (ValueError, TypeError, zlib.error) as error:
            raise SnapshotError(f"No state of a code location: {error!r}.") from error
        return cls(AirflowSnapshot.from_json(text) if text else None, stale_because)


def load(reading: Reading, path: Path | None) -> Loaded:
    """Return what Airflow has now, or else the last good snapshot, or else nothing; never an error of Airflow.

    A process that runs a step loads the definitions again: it gets what the code server had, without
    asking anyone.

    Args:
        reading: How to ask Airflow.
        path: File of the last good snapshot, None for the default.
    """
    name = state_key(reading)
    key = _dagster_private.free_state_key(name)
    known = _dagster_private.stored_state(key) or _dagster_private.stored_state(name)
    if known is not None:
        try:
            loaded = Loaded.from_state(known)
        except SnapshotError as error:  # the code server runs another release than this process
            _log.warning("%s Asking Airflow again.", error)
        else:
            _dagster_private.store_state(key, known)
            return loaded
    loaded = _loaded(reading, _file(path, name))
    _dagster_private.store_state(key, loaded.to_state())
    return loaded


def state_key(reading: Reading) -> str:
    """Return a name that differs wherever the content may: by instance, filter, function and sources."""
    selection = [
        *astuple(reading.only),
        _name_of(reading.selects),
        reading.with_sources,
        reading.airflow.links.base_url,
    ]
    digest = hashlib.sha256(json.dumps(selection, default=list).encode()).hexdigest()[:12]
    return f"{_STATE_KEY}/{reading.airflow.name}/{digest}"


def _name_of(function: object) -> str:
    """Return a name of a function that is the same in every process; two lambdas differ by their lines."""
    parts = [getattr(function, name, "") for name in ("__module__", "__qualname__")]
    line: object = getattr(getattr(function, "__code__", None), "co_firstlineno", "")
    return ".".join(map(str, [type(function).__qualname__, *parts, line]))


def default_path(key: str, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return where the last good snapshot is kept, None where nothing outlives the process.

    Args:
        key: State key of the definitions.
        environment: Environment variables.
    """
    home = environment.get("DAGSTER_HOME")
    if not home:
        return None
    name = hashlib.sha256(key.encode()).hexdigest()[:24]
    return Path(home) / "airlift" / f"{name}.json"


def _file(path: Path | None, key: str) -> SnapshotFile | None:
    path = path or default_path(key)
    return SnapshotFile(path) if path else None


def _loaded(reading: Reading, file: SnapshotFile | None) -> Loaded:
    reading.last, damage = _last(file)
    if os.environ.get(_VALIDATING):
        return Loaded(reading.last, damage or "Definitions are only validated: Airflow is not asked.")
    try:
        snapshot = reading.snapshot()
    except AirflowApiError as error:
        why = f"{error} {damage}" if damage else str(error)
        _log.warning("Airflow instance %r could not be read: %s", reading.airflow.name, why)
        return Loaded(reading.last, why)
    if file:
        _keep(file, snapshot)
    return Loaded(snapshot, _what_is_missing(snapshot))


def _last(file: SnapshotFile | None) -> tuple[AirflowSnapshot | None, str | None]:
    if file is None:
        return None, None
    try:
        return file.read(), None
    except AirliftError as error:
        return None, str(error)


def _keep(file: SnapshotFile, snapshot: AirflowSnapshot) -> None:
    try:
        file.write(snapshot)
    except OSError as error:
        _log.warning("The snapshot %s cannot be written: %s. An older one stays.", file.path, error)


def _what_is_missing(snapshot: AirflowSnapshot) -> str | None:
    if not snapshot.unread:
        return None
    first = min(snapshot.unread)
    return (
        f"The tasks of {len(snapshot.unread)} of {len(snapshot.dags)} DAGs could not be read, "
        f"of {first} because: {snapshot.unread[first]}"
    )
