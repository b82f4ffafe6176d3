"""What can go wrong between Airflow and Dagster, as a tree of exceptions."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.migration_state import MigrationStateError

__all__ = [
    "AmbiguousAssets",
    "DagsterApiError",
    "DagsterError",
    "DagsterLaunchRefused",
    "DagsterRunDeleted",
    "DagsterRunFailed",
    "InvalidArgument",
    "InvalidDagsterConnection",
    "InvalidPartition",
    "MigrationStateError",
    "NothingToRun",
]


class DagsterError(AirflowException):
    """Base of everything that this provider raises about Dagster."""


class DagsterApiError(DagsterError):
    """Dagster did not answer, or not with what was asked for.

    Args:
        message: What failed, on what, and what to do.
        url: The address that was called.
        status: HTTP status, None when there was no answer.
        transient: Whether asking again may help.
        delivered: Whether Dagster may have acted on the request; False only when that is certain.
        retry_after: Seconds that the server asked us to wait.
    """

    def __init__(
        self,
        message: str,
        *,
        url: str,
        status: int | None = None,
        transient: bool = False,
        delivered: bool = True,
        retry_after: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.url = url
        self.status = status
        self.transient = transient
        self.delivered = delivered
        self.retry_after = retry_after


class DagsterRunFailed(DagsterError):
    """A Dagster run ended in another state than success.

    Args:
        message: Which run, and the reason that Dagster gives.
        run_id: The run.
        url: Its page.
    """

    def __init__(self, message: str, *, run_id: str, url: str) -> None:
        super().__init__(message)
        self.run_id = run_id
        self.url = url


class DagsterRunDeleted(DagsterError, AirflowFailException):
    """The run that a task waits for is gone from Dagster; a retry does not bring it back."""


class DagsterLaunchRefused(DagsterError, AirflowFailException):
    """Dagster understood the request to launch a run and declined it."""


class NothingToRun(DagsterError, AirflowFailException):
    """Dagster has no asset that it can run for a task."""


class AmbiguousAssets(DagsterError, AirflowFailException):
    """The assets that are mapped to a task cannot be told apart from those of somebody else."""


class InvalidPartition(DagsterError, AirflowFailException):
    """An asset does not have the partition that a task is for."""


class InvalidArgument(DagsterError, AirflowFailException):
    """What a DAG's author has given an operator, or its template has made of it, is not what the argument takes."""


class InvalidDagsterConnection(DagsterError, AirflowFailException):
    """The Airflow connection does not say where Dagster is."""
