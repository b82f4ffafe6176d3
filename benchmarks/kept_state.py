"""What a code server keeps of a load for the processes that load the same definitions again, such as run workers."""

from __future__ import annotations

import json
from pathlib import Path

from dagster._core.definitions.definitions_load_context import (  # noqa: TID251 - plays Dagster's own processes
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.metadata.metadata_value import (  # noqa: TID251 - the same
    CodeLocationReconstructionMetadataValue,
)
from dagster._core.definitions.repository_definition import RepositoryLoadData  # noqa: TID251 - the same


def begin_load(file: Path | None) -> None:
    """Load as a run worker does where the file is there, else as a code server."""
    if not (file and file.exists()):
        DefinitionsLoadContext.set(DefinitionsLoadContext(DefinitionsLoadType.INITIALIZATION))
        return
    held = {key: CodeLocationReconstructionMetadataValue(value) for key, value in _read(file).items()}
    loaded = RepositoryLoadData(reconstruction_metadata=held)
    DefinitionsLoadContext.set(DefinitionsLoadContext(DefinitionsLoadType.RECONSTRUCTION, loaded))


def end_load(file: Path | None) -> None:
    """Keep what a code server keeps, where that is wanted and not done."""
    if file and not file.exists():
        kept = DefinitionsLoadContext.get().get_pending_reconstruction_metadata()
        file.write_text(json.dumps(dict(kept)))


def kept_bytes(file: Path | None) -> int:
    """Return how much is kept, 0 for nothing."""
    return sum(map(len, _read(file).values())) if file and file.exists() else 0


def _read(file: Path) -> dict[str, str]:
    return json.loads(file.read_text())
