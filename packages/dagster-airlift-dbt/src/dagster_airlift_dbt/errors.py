"""What can be wrong with a manifest, a selection or a mapping of dbt tasks."""

from __future__ import annotations

from dagster_airlift_core import AirliftError


class DbtManifestError(AirliftError):
    """The manifest is missing, is no dbt manifest, or gives two resources one asset key."""


class DbtSelectionError(AirliftError):
    """A selection names nothing, or cannot be resolved from a manifest alone."""


class NothingSelected(DbtSelectionError):
    """A selection names nothing that is an asset."""


class DbtMigrationError(AirliftError):
    """A task cannot be made executable in Dagster as asked."""


class DbtResultsUnavailable(AirliftError):
    """Results of dbt cannot be read now, and perhaps later."""
