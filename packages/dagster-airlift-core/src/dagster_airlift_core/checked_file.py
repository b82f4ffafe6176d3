"""One file with a text: it is whole or it is not read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dagster_airlift_core.errors import AirliftError


class CheckedFileError(AirliftError):
    """A file that cannot be read, or is damaged."""


@dataclass(frozen=True)
class CheckedFile:
    """A file that holds one text after a line with its checksum.

    It is replaced as a whole: who reads it gets the old text or the new one, also when the writer dies or
    the disk is full.

    Args:
        path: The file; its folder is made when it is needed.
        kind: What is in it, for the first line.
        name: What messages call it.
    """

    path: Path
    kind: str
    name: str

    def read(self) -> str | None:
        """Return the text, None where there is no file.

        Raises:
            CheckedFileError: The file cannot be read, or is damaged.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CheckedFileError(f"The {self.name} {self.path} cannot be read: {error}.") from error
        head, _, body = content.partition(b"\n")
        if head != self._head(body):
            raise CheckedFileError(
                f"The {self.name} {self.path} is damaged: its checksum does not fit. Delete it."
            )
        return body.decode()

    def write(self, text: str) -> None:
        """Replace the text.

        Args:
            text: The new one.

        Raises:
            OSError: It cannot be written; the old one is still there.
        """
        body = text.encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self._head(body) + b"\n" + body)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise

    def _head(self, body: bytes) -> bytes:
        return json.dumps({"format": self.kind, "sha256": hashlib.sha256(body).hexdigest()}).encode()
