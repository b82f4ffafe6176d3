"""Which assets stand for a task: a pure choice among those that Dagster has mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from airflow.providers.dagster.assets import AssetMapping, AssetReference, MappedAsset
from airflow.providers.dagster.exceptions import AmbiguousAssets, NothingToRun
from airflow.providers.dagster.model import Run
from airflow.providers.dagster.targets import MappedToDag, MappedToTask, Target

__all__ = ["Selection", "Wanted", "by_place", "select_assets", "wanted_keys"]


@dataclass(frozen=True)
class Wanted:
    """What the assets of a task are mapped to.

    Args:
        instance: Name of this Airflow instance; empty when it has none, which is enough as long as only one instance
            is mapped to the task.
        dag_id: DAG of the task.
        task_id: Task id, with its task groups.
        target: Whether what is mapped to the DAG belongs to them.
    """

    instance: str
    dag_id: str
    task_id: str
    target: Target = field(default_factory=MappedToTask)

    def matches(self, mapping: AssetMapping) -> bool:
        """Whether an asset with this mapping is one of them."""
        tasks = {self.task_id, ""} if isinstance(self.target, MappedToDag) else {self.task_id}
        return (
            mapping.dag_id == self.dag_id
            and mapping.task_id in tasks
            and self.instance in {"", mapping.instance}
        )

    @property
    def way_back(self) -> str:
        """How to have Airflow run it again, as half a sentence."""
        what, again = ("the DAG", "that") if self.target.is_of_whole_dag else ("the task", "it")
        return f"set `migrated: false` for {what} in the migration state to run {again} in Airflow"

    @property
    def name(self) -> str:
        """The task, for people."""
        return f"{self.dag_id}.{self.task_id}"


@dataclass(frozen=True)
class Selection:
    """The assets of one task.

    Args:
        instance: Name of the Airflow instance in their mappings.
        by_location: The assets of each code location; one Dagster run cannot span two of them.
        runs: The runs of the task instance, oldest first, where they were asked for as well.
    """

    instance: str
    by_location: tuple[tuple[MappedAsset, ...], ...]
    runs: tuple[Run, ...] | None = None

    @property
    def assets(self) -> tuple[MappedAsset, ...]:
        """The assets of all code locations."""
        return tuple(asset for group in self.by_location for asset in group)


def wanted_keys(references: Iterable[AssetReference], wanted: Wanted) -> tuple[tuple[str, ...], ...]:
    """Give the keys of the assets that are mapped to a task, each once, in a stable order."""
    return tuple(sorted({each.key for each in references if any(map(wanted.matches, each.mappings))}))


def select_assets(
    assets: Iterable[MappedAsset], references: Sequence[AssetReference], wanted: Wanted
) -> Selection:
    """Choose the assets that are mapped to one task.

    Args:
        assets: Candidates; their own mappings decide.
        references: What Dagster says is mapped, for what there is instead.
        wanted: What they have to be mapped to.

    Returns:
        The assets, by code location, in a stable order. None where nothing has to be mapped.

    Raises:
        NothingToRun: No asset is mapped to the task, or Dagster cannot run one that is.
        AmbiguousAssets: Several Airflow instances are mapped to the task and this one has no name.
    """
    mapped = [asset for asset in assets if any(map(wanted.matches, asset.mappings))]
    if not mapped:
        of_dag = {m for each in references for m in each.mappings if m.dag_id == wanted.dag_id}
        if not _may_be_nothing(of_dag, wanted):
            raise NothingToRun(_nothing_mapped(of_dag, wanted))
        return Selection(wanted.instance, ())
    instance = wanted.instance or _only_instance(mapped, wanted)
    external = [asset.name for asset in mapped if not asset.is_executable]
    if external:
        raise NothingToRun(
            f"Dagster cannot run {', '.join(external)}, mapped to task {wanted.name}: there it is only a "
            f"description of what Airflow makes. Give it code in Dagster, or {wanted.way_back}."
        )
    return Selection(instance, by_place(mapped))


def by_place(assets: Iterable[MappedAsset]) -> tuple[tuple[MappedAsset, ...], ...]:
    """Group assets by the repository that defines them, in a stable order."""
    chosen = sorted(assets, key=lambda asset: (asset.location, asset.repository, asset.key))
    places = dict.fromkeys((asset.location, asset.repository) for asset in chosen)
    return tuple(tuple(a for a in chosen if (a.location, a.repository) == place) for place in places)


def _may_be_nothing(of_dag: set[AssetMapping], wanted: Wanted) -> bool:
    if isinstance(wanted.target, MappedToTask):
        return not wanted.target.required
    return any(wanted.instance in {"", mapping.instance} for mapping in of_dag)


def _only_instance(assets: Iterable[MappedAsset], wanted: Wanted) -> str:
    instances = {
        mapping.instance for asset in assets for mapping in asset.mappings if wanted.matches(mapping)
    }
    if len(instances) > 1:
        raise AmbiguousAssets(
            f"Dagster maps assets to task {wanted.name} of several Airflow instances: "
            f"{_listed(instances)}. Say which one this is in the Airflow option [dagster] instance_name."
        )
    return instances.pop()


def _nothing_mapped(of_dag: set[AssetMapping], wanted: Wanted) -> str:
    name = f" of Airflow instance {wanted.instance!r}" if wanted.instance else ""
    return (
        f"Dagster has no asset that is mapped to task {wanted.name}{name}. "
        f"{_what_there_is(of_dag, wanted.dag_id)} Map an asset to the task in Dagster and reload its code location, "
        f"or {wanted.way_back}."
    )


def _what_there_is(mappings: set[AssetMapping], dag_id: str) -> str:
    if not mappings:
        return f"It maps no asset to any task of DAG {dag_id!r}."
    tasks = {f"{m.task_id or 'the DAG as a whole'} (Airflow instance {m.instance!r})" for m in mappings}
    return f"For DAG {dag_id!r} it maps {_listed(tasks)}."


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
