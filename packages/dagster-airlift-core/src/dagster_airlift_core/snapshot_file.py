"""One file with the last good snapshot: it is whole or it is not read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dagster_airlift_core.snapshot import AirflowSnapshot, SnapshotError

_FORMAT = "airflow-snapshot"


class AnotherInstance(SnapshotError):
    """A file with the snapshot of another Airflow instance than the one that is meant."""


@dataclass(frozen=True)
class SnapshotFile:
    """A file that holds one snapshot after a line with its checksum.

    It is replaced as a whole: who reads it gets the old snapshot or the new one, also when the writer
    dies or the disk is full.

    Args:
        path: The file; its folder is made when it is needed.
    """

    path: Path

    def read(self) -> AirflowSnapshot | None:
        """Return the snapshot, None where there is no file.

        Raises:
            SnapshotError: The file cannot be read, is damaged, or was written by another release.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SnapshotError(f"The snapshot {self.path} cannot be read: {error}.") from error
        head, _, body = content.partition(b"\n")
        if head != _head(body):
            raise SnapshotError(f"The snapshot {self.path} is damaged: its checksum does not fit. Delete it.")
        return AirflowSnapshot.from_json(body.decode())

    def read_of(self, instance: str) -> AirflowSnapshot | None:
        """Return the snapshot of one Airflow instance, None where there is no file.

        Args:
            instance: Name of the Airflow instance.

        Raises:
            AnotherInstance: It is a snapshot of another one.
            SnapshotError: As for `read`.
        """
        snapshot = self.read()
        if snapshot and snapshot.instance != instance:
            raise AnotherInstance(
                f"The snapshot {self.path} is of the Airflow instance {snapshot.instance!r}, not of {instance!r}. "
                "Give each instance a snapshot_path of its own, or delete the file."
            )
        return snapshot

    def write(self, snapshot: AirflowSnapshot) -> None:
        """Replace the snapshot.

        Args:
            snapshot: The new one.

        Raises:
            OSError: It cannot be written; the old one is still there.
        """
        body = snapshot.to_json().encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_head(body) + b"\n" + body)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise


def _head(body: bytes) -> bytes:
    return json.dumps({"format": _FORMAT, "sha256": hashlib.sha256(body).hexdigest()}).encode()
