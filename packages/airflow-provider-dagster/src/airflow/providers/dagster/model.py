"""What Dagster tells us, as frozen values: assets, runs, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from airflow.providers.dagster import wire

__all__ = [
    "AssetMapping",
    "CodeLocation",
    "EventPage",
    "MappedAsset",
    "Refusal",
    "Run",
    "RunStatus",
]

# Dagster's own tags, not ours.
_WILL_RETRY_TAG = "dagster/will_retry"
_RETRY_RUN_ID_TAG = "dagster/auto_retry_run_id"


class RunStatus(Enum):
    """Where a Dagster run stands; a status that a later Dagster invents is UNKNOWN, hence live."""

    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    MANAGED = "MANAGED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SUSPENDED = "SUSPENDED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"

    @classmethod
    def _missing_(cls, value: object) -> RunStatus:  # noqa: ARG003 - the signature of the enum
        return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self in {RunStatus.SUCCESS, RunStatus.FAILURE, RunStatus.CANCELED}

    @property
    def is_success(self) -> bool:
        """Whether the run has ended well."""
        return self is RunStatus.SUCCESS


@dataclass(frozen=True)
class AssetMapping:
    """One Airflow task, or with an empty task id one whole DAG, that an asset is mapped to."""

    instance: str
    dag_id: str
    task_id: str = ""


@dataclass(frozen=True)
class MappedAsset:
    """An asset that is mapped to Airflow tasks, and where Dagster defines it."""

    key: tuple[str, ...]
    location: str
    repository: str
    is_executable: bool
    is_partitioned: bool
    mappings: tuple[AssetMapping, ...]

    @property
    def name(self) -> str:
        """The key as Dagster's UI writes it."""
        return "/".join(self.key)


@dataclass(frozen=True)
class CodeLocation:
    """A code location, and what keeps it from being loaded, empty when nothing does."""

    name: str
    problem: str


@dataclass(frozen=True)
class Run:
    """A Dagster run, as far as a task in Airflow cares."""

    run_id: str
    status: RunStatus
    location: str
    repository: str
    tags: Mapping[str, str]

    @property
    def try_number(self) -> int:
        """The try of the Airflow task that launched this run, 0 when the run does not say."""
        text = self.tags.get(wire.TRY_NUMBER_TAG, "")
        return int(text) if text.isdecimal() else 0

    @property
    def will_retry(self) -> bool | None:
        """Whether Dagster retries this failed run by itself, None while it does not say."""
        text = self.tags.get(_WILL_RETRY_TAG)
        return None if text is None else text.lower() == "true"

    @property
    def retry_run_id(self) -> str:
        """The run in which Dagster does so, empty while there is none."""
        return self.tags.get(_RETRY_RUN_ID_TAG, "")

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it: it has ended, and Dagster does not retry it."""
        return self.status.is_terminal and not self.will_retry


@dataclass(frozen=True)
class Refusal:
    """Dagster's answer when it understood the question and does not do it: HTTP 200, a type name, a reason."""

    type_name: str
    message: str


@dataclass(frozen=True)
class EventPage:
    """What one page of a run's events says about its failure."""

    step_failures: tuple[str, ...]
    run_failure: str
    cursor: str
    has_more: bool
