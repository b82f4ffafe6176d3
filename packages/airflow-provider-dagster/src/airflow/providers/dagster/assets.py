"""What Dagster tells us about assets, their mappings and their partitions, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow.providers.dagster.model import CodeLocation

__all__ = [
    "AssetMapping",
    "AssetReference",
    "KeyInPartitions",
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
        around: The first keys whose windows lie within a time span around the moment, oldest first, by how many
            seconds before the moment it starts.
    """

    oldest: PartitionKeys
    newest: PartitionKeys
    before: PartitionKeys
    at: PartitionKeys
    after: PartitionKeys
    around: Mapping[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])


@dataclass(frozen=True)
class KeyInPartitions:
    """The partition keys of an asset near a given one, and at both ends.

    Args:
        oldest: The first key.
        newest: The last keys, newest first.
        near: Where the key reads like a moment, the keys whose windows start at `start` or later; else the first that
            follows the key where keys are static, or the very first if there is no such key.
        start: That moment, in seconds since the epoch; None when the key does not read like one.
    """

    oldest: PartitionKeys
    newest: PartitionKeys
    near: PartitionKeys
    start: int | None


@dataclass(frozen=True)
class MappedAsset:
    """An asset that a task can run, and where Dagster defines it; it may be mapped to Airflow tasks.

    Args:
        key: Its key.
        location: Its code location.
        repository: The repository there.
        is_executable: Whether Dagster can run it.
        partitions: How it is partitioned, None when it is not.
        mappings: What it is mapped to.
        at_moment: Its keys around the moment that was asked for with it; None unless they were told.
        at_key: Its keys near the key that was asked for with it; None unless they were told.
    """

    key: tuple[str, ...]
    location: str
    repository: str
    is_executable: bool
    partitions: Partitions | None = None
    mappings: tuple[AssetMapping, ...] = ()
    at_moment: MomentInPartitions | None = None
    at_key: KeyInPartitions | None = None

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
        covered: The repositories that it speaks for.
        uncovered: The repositories that it does not speak for.
        missing: The code locations of which Dagster knows no repository now, for they are not loaded.
    """

    references: tuple[AssetReference, ...]
    covered: tuple[Repository, ...]
    uncovered: tuple[Repository, ...]
    missing: tuple[CodeLocation, ...]
