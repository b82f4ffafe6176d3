"""What the trigger tells the operator when the waiting is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from airflow.providers.dagster.exceptions import DagsterError

__all__ = ["DagsterRunEvent", "Outcome"]


class Outcome(Enum):
    """How the waiting ended; how the runs ended is asked of Dagster."""

    ENDED = "ended"
    TIMED_OUT = "timed_out"
    DELETED = "deleted"
    GAVE_UP = "gave_up"


@dataclass(frozen=True)
class DagsterRunEvent:
    """The one event of a `DagsterRunTrigger`.

    Args:
        outcome: How the waiting ended.
        launch_key: The launch key of the runs.
        run_ids: The runs, where Dagster has retried one the retry of it.
        message: Why the waiting ended, unless the runs did.
    """

    outcome: Outcome
    launch_key: str
    run_ids: tuple[str, ...]
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Write the event as Airflow stores it."""
        return {
            "outcome": self.outcome.value,
            "launch_key": self.launch_key,
            "run_ids": list(self.run_ids),
            "message": self.message,
        }

    @classmethod
    def from_dict(cls, value: object) -> DagsterRunEvent:
        """Read an event.

        Args:
            value: What Airflow hands to the operator.

        Returns:
            The event.

        Raises:
            DagsterError: It is not an event of this provider; nobody knows how the runs ended.
        """
        fields = _fields(value)
        try:
            run_ids = tuple(str(run_id) for run_id in fields["run_ids"])
            event = cls(
                Outcome(fields["outcome"]), str(fields["launch_key"]), run_ids, str(fields["message"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise _unknown(value) from error
        if not run_ids or not event.launch_key:
            raise _unknown(value)
        return event


def _fields(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _unknown(value: object) -> DagsterError:
    return DagsterError(
        f"The task was resumed with {value!r}, which is no event of DagsterRunTrigger, so it is not known how its "
        "Dagster run ended. A retry of the task follows that run."
    )
