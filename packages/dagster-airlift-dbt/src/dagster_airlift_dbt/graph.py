"""The resources of a dbt project as a graph, on which dbt's selection language is resolved without dbt."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self, TypeAlias, cast, get_args

from dagster_airlift_dbt.catalogue import Catalogue
from dagster_airlift_dbt.errors import DbtSelectionError
from dagster_airlift_dbt.lineage import Lineage
from dagster_airlift_dbt.manifest import Manifest
from dagster_airlift_dbt.nodes import DbtNode, ProjectParts, project_name
from dagster_airlift_dbt.paths import ProjectTree
from dagster_airlift_dbt.resolution import Resolver
from dagster_airlift_dbt.selectors import YamlSelectors
from dagster_airlift_dbt.spec import IndirectSelection, Selection, parse_arguments

SelectingCommand: TypeAlias = Literal["build", "ls", "run", "seed", "snapshot", "test"]
"""The dbt commands whose selection can be resolved."""

# dbt's own rule of what a command does something with, whatever its selection names.
_RESOURCE_TYPES: Mapping[SelectingCommand, frozenset[str]] = {
    "build": frozenset(
        {"model", "snapshot", "seed", "test", "unit_test", "saved_query", "exposure", "function"}
    ),
    "ls": frozenset(
        {"model", "snapshot", "seed", "test", "source", "exposure", "metric", "saved_query"}
        | {"semantic_model", "unit_test", "function"}
    ),
    "run": frozenset({"model"}),
    "seed": frozenset({"seed"}),
    "snapshot": frozenset({"snapshot"}),
    "test": frozenset({"test", "unit_test"}),
}
_ALL = {**_RESOURCE_TYPES, "ls": _RESOURCE_TYPES["ls"] | {"analysis"}}
_TAKE_RESOURCE_TYPES = frozenset({"build", "ls", "test"})


@dataclass(frozen=True)
class DbtGraph:
    """The resources of a dbt project, indexed to be selected from, with what they depend on.

    It is built from `manifest.json` alone, keeps a few fields of each resource, and resolves a selection as
    dbt-core 1.11 does:

        graph = DbtGraph.from_manifest(json.loads(Path("target/manifest.json").read_text()))
        graph.select("tag:daily+", exclude="models/staging", command="run")

    Args:
        nodes: Unique id → resource; what is disabled is not among them.
        files: The files of the project, relative to it, that `path:` looks among.
        selectors: The selectors of `selectors.yml`, as the manifest has them.
        project: The name of the project, which `package:this` stands for.
    """

    nodes: Mapping[str, DbtNode]
    files: frozenset[str]
    selectors: Mapping[str, Mapping[str, Any]]
    project: str

    @classmethod
    def from_manifest(cls, manifest: Manifest) -> Self:
        """Build the graph.

        Args:
            manifest: The content of `manifest.json`.

        Returns:
            The graph of everything in it that is enabled.
        """
        parts = ProjectParts()
        for member, content in manifest.items():
            if isinstance(content, Mapping):
                for unique_id, payload in cast("Mapping[str, Any]", content).items():
                    if member == "disabled":
                        parts.add_disabled(payload)
                    elif isinstance(payload, Mapping):
                        parts.add(member, unique_id, cast("Mapping[str, Any]", payload))
        return cls.of(parts, manifest.get("metadata") or {}, manifest.get("selectors") or {})

    @classmethod
    def of(
        cls,
        parts: ProjectParts,
        metadata: Mapping[str, Any],
        selectors: Mapping[str, Mapping[str, Any]],
    ) -> Self:
        """Build the graph of what was found in a manifest.

        Args:
            parts: Its resources and files.
            metadata: Its metadata.
            selectors: Its selectors.

        Returns:
            The graph.
        """
        packages = sorted({node.package for node in parts.nodes.values()})
        project = project_name(metadata, packages)
        return cls(nodes=parts.nodes, files=parts.files_of(project), selectors=selectors, project=project)

    def select(
        self,
        select: str = "",
        *,
        exclude: str = "",
        command: SelectingCommand = "build",
        indirect_selection: IndirectSelection = "eager",
        selector: str = "",
        resource_types: Collection[str] = (),
        exclude_resource_types: Collection[str] = (),
    ) -> frozenset[str]:
        """Find what a dbt command would run, or list.

        Args:
            select: What follows `--select`. Without it, everything or the project's default selector.
            exclude: What follows `--exclude`.
            command: The command, which decides about resource types.
            indirect_selection: Which tests come along with what they test.
            selector: A selector of `selectors.yml`, instead of `select` and `exclude`.
            resource_types: What follows `--resource-type`, for `build`, `ls` and `test`.
            exclude_resource_types: What follows `--exclude-resource-type`, for the same.

        Returns:
            The unique ids of the selected resources; none, if nothing fits.

        Raises:
            DbtSelectionError: dbt would refuse the selection, or a manifest is not enough to resolve it.
        """
        _refuse_unknown(indirect_selection, get_args(IndirectSelection))
        _refuse_unknown(command, get_args(SelectingCommand))
        selection = self._parse(select, exclude, selector, indirect_selection)
        kinds = _kinds(command, resource_types, exclude_resource_types)
        nodes = self.nodes
        return frozenset(
            each
            for each in self._resolver.resolve(selection).selected
            # All commands but `ls` pass over a file with nothing in it.
            if nodes[each].resource_type in kinds and (command == "ls" or not nodes[each].is_blank)
        )

    def _parse(self, select: str, exclude: str, selector: str, indirect: IndirectSelection) -> Selection:
        if selector and (select or exclude):
            raise DbtSelectionError(
                f"dbt ignores --select and --exclude beside `--selector {selector}`. Give one or the other."
            )
        selectors = YamlSelectors(self.selectors)
        name = selector or (None if select or exclude else selectors.default)
        return selectors.parse(name, indirect) if name else parse_arguments(select, exclude, indirect)

    @cached_property
    def _resolver(self) -> Resolver:
        catalogue = Catalogue(self.nodes, ProjectTree(self.files), self.project)
        return Resolver(catalogue, Lineage.of(self.nodes))


def _refuse_unknown(word: str, known: Sequence[str]) -> None:
    if word not in known:
        raise DbtSelectionError(f"{word!r} is not among {', '.join(known)}.")


def _kinds(
    command: SelectingCommand, resource_types: Collection[str], exclude_resource_types: Collection[str]
) -> frozenset[str]:
    asked = frozenset(resource_types)
    excluded = frozenset(exclude_resource_types)
    if (asked or excluded) and command not in _TAKE_RESOURCE_TYPES:
        raise DbtSelectionError(
            f"`dbt {command}` has no --resource-type. Those that have are build, ls and test."
        )
    known = _ALL["ls"]
    unknown = sorted((asked - known - {"all", "default"}) | (excluded - known))
    if unknown:
        raise DbtSelectionError(f"{unknown[0]!r} is no resource type. They are {', '.join(sorted(known))}.")
    kinds = asked & known if asked else _RESOURCE_TYPES[command]
    if "all" in asked:
        kinds |= _ALL[command]
    if "default" in asked:
        kinds |= _RESOURCE_TYPES[command]
    kinds -= excluded
    return kinds & _RESOURCE_TYPES["test"] if command == "test" else kinds
