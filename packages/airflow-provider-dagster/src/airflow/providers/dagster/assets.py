"""What Dagster tells us about assets, their mappings and their partitions, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "AssetMapping",
    "AssetReference",
    "MappedAsset",
    "MappingIndex",
    "MomentInPartitions",
    "PartitionKeys",
    "Partitions",
    "Repository",
]


@dataclass(frozen=True)
class AssetMapping:
    """One Airflow task, or with an empty task id one whole DAG, that an asset is mapped to."""

    instance: str
    dag_id: str
    task_id: str = ""


@dataclass(frozen=True)
class Partitions:
    """How an asset is partitioned.

    Args:
        kind: Dagster's name for the kind of its definition.
        dimensions: Names of the dimensions, in the order in which a key names them; one unless there are several.
        key_format: How `strftime` writes a key of time windows, empty for other kinds.
    """

    kind: str
    dimensions: tuple[str, ...] = ("default",)
    key_format: str = ""


@dataclass(frozen=True)
class MappedAsset:
    """An asset that a task can run, and where Dagster defines it; it may be mapped to Airflow tasks."""

    key: tuple[str, ...]
    location: str
    repository: str
    is_executable: bool
    partitions: Partitions | None = None
    mappings: tuple[AssetMapping, ...] = ()

    @property
    def name(self) -> str:
        """The key as Dagster's UI writes it."""
        return "/".join(self.key)


@dataclass(frozen=True)
class AssetReference:
    """The key of an asset that is mapped, and to what; where Dagster defines it has yet to be asked."""

    key: tuple[str, ...]
    mappings: tuple[AssetMapping, ...]


@dataclass(frozen=True)
class Repository:
    """A repository of a code location, in the version that Dagster has loaded."""

    location: str
    name: str
    version: str


@dataclass(frozen=True)
class MappingIndex:
    """What the DAG asset of a DAG says about the assets that are mapped to it, and where else there may be some.

    Args:
        references: The assets that it names.
        uncovered: The repositories that it does not speak for.
    """

    references: tuple[AssetReference, ...]
    uncovered: tuple[Repository, ...]


@dataclass(frozen=True)
class PartitionKeys:
    """Some keys of a partitions definition, and where in it they end."""

    results: tuple[str, ...]
    cursor: str = ""
    has_more: bool = False


@dataclass(frozen=True)
class MomentInPartitions:
    """The partition keys of an asset around a moment, and at both ends.

    Args:
        oldest: The first key.
        newest: The last keys, newest first.
        before: The last key whose window ends at the moment or earlier.
        at: The first key whose window starts at the moment or later.
        after: The first key whose window starts later.
    """

    oldest: PartitionKeys
    newest: PartitionKeys
    before: PartitionKeys
    at: PartitionKeys
    after: PartitionKeys
