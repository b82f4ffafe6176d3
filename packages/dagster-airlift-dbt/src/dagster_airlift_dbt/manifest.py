"""Reads a dbt manifest, each time that it is asked to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from dagster_airlift_dbt.errors import DbtManifestError

Manifest = Mapping[str, Any]
"""The content of dbt's `manifest.json`, as dagster-dbt takes it."""


def read_manifest(path: Path) -> Manifest:
    """Read `manifest.json`, without a cache: a long-lived code server sees the one on disk now.

    Args:
        path: The file, mostly `target/manifest.json` of a dbt project.

    Returns:
        Its content.

    Raises:
        DbtManifestError: The file is missing, or is no dbt manifest.
    """
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        # Without the cause: Dagster would show its stack too, and the sentence says it all.
        raise DbtManifestError(
            f"There is no dbt manifest at {str(path)!r}. Write it with `dbt parse` in the dbt project, "
            "or pass the path of the one that your deployment writes."
        ) from None
    except (OSError, ValueError) as error:
        raise DbtManifestError(
            f"The dbt manifest {str(path)!r} cannot be read: {error}. Write it again with `dbt parse`."
        ) from error
    if not isinstance(content, dict) or "nodes" not in content:
        raise DbtManifestError(
            f"{str(path)!r} is not a dbt manifest: it has no 'nodes'. dbt writes it to target/manifest.json."
        )
    return cast("Manifest", content)
