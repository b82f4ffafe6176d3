"""What Dagster tells us about runs and what they are launched for, as frozen values; and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from airflow.providers.dagster import wire

__all__ = [
    "ASSET_JOB",
    "PARTITION_TAG",
    "CodeLocation",
    "EventPage",
    "FailedStep",
    "Failure",
    "Materialized",
    "Refusal",
    "Run",
    "RunStatus",
    "Work",
]

ASSET_JOB = "__ASSET_JOB"
"""The implicit job that has all assets of a repository."""
PARTITION_TAG = "dagster/partition"
"""Dagster's own tag: the partition that a run is for."""
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
class Work:
    """What one Dagster run is launched for.

    Args:
        location: The code location.
        repository: Its repository.
        job: The job; that of all assets unless a job of its own is to run.
        asset_keys: The assets to materialize; none for a whole job.
        tags: Tags of the run beside those that name the task.
        run_config: Dagster's run config.
    """

    location: str
    repository: str
    job: str = ASSET_JOB
    asset_keys: tuple[tuple[str, ...], ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    run_config: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def name(self) -> str:
        """What runs, for people."""
        what = ", ".join("/".join(key) for key in self.asset_keys) or f"job {self.job}"
        partition = self.tags.get(PARTITION_TAG)
        return f"{what} (partition {partition})" if partition else what


@dataclass(frozen=True)
class CodeLocation:
    """A code location, and what keeps it from being loaded, empty when nothing does."""

    name: str
    problem: str
    is_loading: bool = False


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
class Materialized:
    """An asset that a run has materialized.

    Args:
        key: The key as Dagster's UI writes it.
        has_value: Whether it publishes a value for the Airflow task.
        value: That value.
    """

    key: str
    has_value: bool = False
    value: object = None


@dataclass(frozen=True)
class FailedStep:
    """A step of a run that failed.

    Args:
        name: Key of the step.
        reason: The innermost error, which is the user's own; Dagster wraps it in its framework's.
        stack: Its traceback, empty when there is none.
    """

    name: str
    reason: str
    stack: str = ""

    def __str__(self) -> str:
        """Say it in half a sentence."""
        return f"step {self.name!r}: {self.reason}"


@dataclass(frozen=True)
class Failure:
    """Why a run failed.

    Args:
        steps: Its failed steps.
        reason: All of it in half a sentence.
    """

    steps: tuple[FailedStep, ...]
    reason: str


@dataclass(frozen=True)
class EventPage:
    """What one page of a run's events says about its failure."""

    failed_steps: tuple[FailedStep, ...]
    run_failure: str
    cursor: str
    has_more: bool
