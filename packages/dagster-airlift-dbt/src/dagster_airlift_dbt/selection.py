"""Which assets a dbt command materialises."""

from __future__ import annotations

import re

from dagster import AssetSpec
from dagster_dbt import DagsterDbtTranslator, build_dbt_asset_specs

from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.errors import DbtSelectionError
from dagster_airlift_dbt.manifest import Manifest

# dagster-dbt 0.29.27 resolves these to nothing, or fails, when it has a manifest and no project files
# (dagster-io/dagster#32692); `state:` and its like need the artifacts of an earlier run.
_UNRESOLVABLE = frozenset(
    {"access", "file", "path", "result", "source_status", "state", "test_name", "test_type", "version"}
)
_TERM = re.compile(r"^@?\d*\+?(?:(?P<method>[a-z_]+)(?:\.[^:]+)?:)?(?P<value>.*)$")


def specs_of_command(
    command: DbtCommand, manifest: Manifest, translator: DagsterDbtTranslator
) -> list[AssetSpec]:
    """Resolve the selection of a dbt command on a manifest.

    Args:
        command: The command.
        manifest: The manifest of the project that the command runs in.
        translator: Gives each dbt resource its asset key and attributes.

    Returns:
        The specs that dagster-dbt gives for the same manifest and translator, ordered by key.

    Raises:
        DbtSelectionError: The selection names nothing, or needs more than a manifest.
    """
    _refuse_unresolvable(command)
    specs = build_dbt_asset_specs(
        manifest=manifest,
        dagster_dbt_translator=translator,
        select=command.select,
        exclude=exclusion(command),
    )
    if not specs:
        raise DbtSelectionError(
            f"`{command}` selects nothing in the manifest of dbt project {_project_name(manifest)!r}. "
            f"Its folders and resources are {_names(manifest)}."
        )
    return sorted(specs, key=lambda spec: spec.key)


def exclusion(command: DbtCommand) -> str:
    """What dbt must not run of the command's selection: its `--exclude` and the other resource types."""
    return " ".join(part for part in (command.exclude, command.leaves_out) if part)


def _refuse_unresolvable(command: DbtCommand) -> None:
    for term in re.split(r"[\s,]+", f"{command.select} {command.exclude}".strip()):
        found = _TERM.match(term)
        method = found["method"] if found else None
        value = found["value"] if found else term
        if method is None and "/" in value:
            method = "path"
        if method in _UNRESOLVABLE or (method == "package" and value == "this"):
            raise DbtSelectionError(
                f"{term!r} in `{command}` cannot be resolved from a manifest alone. Select by folder name, "
                "tag, fqn, config or resource type instead; these name the same models."
            )


def _project_name(manifest: Manifest) -> str:
    return str(manifest.get("metadata", {}).get("project_name", "?"))


def _names(manifest: Manifest) -> str:
    nodes = manifest["nodes"].values()
    parts = {part for node in nodes if node["resource_type"] in {"model", "seed"} for part in node["fqn"][1:]}
    return ", ".join(sorted(parts)) or "none"
