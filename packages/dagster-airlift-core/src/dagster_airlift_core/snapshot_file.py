"""One file with the last good snapshot: it is whole or it is not read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dagster_airlift_core.checked_file import CheckedFile, CheckedFileError
from dagster_airlift_core.snapshot import AirflowSnapshot, SnapshotError

_FORMAT = "airflow-snapshot"


class AnotherInstance(SnapshotError):
    """A file with the snapshot of another Airflow instance than the one that is meant."""


@dataclass(frozen=True)
class SnapshotFile:
    """A file that holds one snapshot, whole or not at all.

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
            text = self._file.read()
        except CheckedFileError as error:
            raise SnapshotError(str(error)) from error
        return None if text is None else AirflowSnapshot.from_json(text)

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
        self._file.write(snapshot.to_json())

    @property
    def _file(self) -> CheckedFile:
        return CheckedFile(self.path, _FORMAT, "snapshot")
