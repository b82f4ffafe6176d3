"""What a code server does with definitions before the webserver has them: the repository, and its serialised form."""

from __future__ import annotations

from collections.abc import Mapping

from dagster import Definitions
from dagster._core.remote_representation.external_data import (  # noqa: TID251 - Dagster's own cost is what is measured
    RepositorySnap,
)
from dagster_shared.serdes import serialize_value


def serve(defs: Definitions) -> Mapping[str, int]:
    """Make a repository of the definitions and write it as it is sent to the webserver.

    Args:
        defs: The definitions of a code location.

    Returns:
        How many assets there are, and the bytes that are sent.
    """
    repository = RepositorySnap.from_def(defs.get_repository_def(), defer_snapshots=True)
    return {"assets": len(repository.asset_nodes), "repository_bytes": len(serialize_value(repository))}
