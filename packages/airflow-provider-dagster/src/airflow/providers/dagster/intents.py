"""What a try of a task has to reckon with: launches of earlier tries whose answer nobody has heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from airflow.providers.dagster.ports import Clock

__all__ = ["NOTE_SECONDS", "SEND_SECONDS", "AssumedIntents", "Intents", "StoredIntents", "intents_of"]

NOTE_SECONDS = 15.0
"""How long noting an intent may take before it is noted again."""
SEND_SECONDS = 30.0
"""How long after its intent was noted a launch can leave at the latest: when it has been noted, and connected."""

_NAME = "dagster_launch"


class Intents(Protocol):
    """Remembers across the tries of a task when a launch was sent whose answer is not in yet."""

    def latest(self) -> float | None:
        """When such a launch of an earlier try can have left at the latest, None when there is none."""
        ...

    def note(self, now: float) -> None:
        """Remember that a launch is about to be sent."""
        ...

    def clear(self) -> None:
        """Forget it: the answer is in."""
        ...


class StoredIntents:
    """Intents in Airflow's store of the task instance (Airflow 3.3), which outlives a try and a clear.

    Args:
        store: Airflow's `task_state_store`.
    """

    def __init__(self, store: Any) -> None:  # noqa: ANN401 - Airflow's accessor
        self._store = store

    def latest(self) -> float | None:
        """When the launch that is open can have left at the latest."""
        noted = self._store.get(_NAME)
        return noted + SEND_SECONDS if isinstance(noted, int | float) else None

    def note(self, now: float) -> None:
        """Store that a launch is about to be sent."""
        self._store.set(_NAME, now)

    def clear(self) -> None:
        """Delete it from the store."""
        self._store.delete(_NAME)


class AssumedIntents:
    """What has to be assumed where Airflow keeps nothing for the next try: before 3.3 a try wipes its XComs.

    A launch leaves while its process lives, and that of the try before was dead before this one began. So whatever
    a try before this one has sent has left by now, and a settle window from now on it is there or will never be.

    Args:
        try_number: The try.
        now: Seconds since the epoch.
    """

    def __init__(self, try_number: int, now: float) -> None:
        self._latest = now if try_number > 1 else None

    def latest(self) -> float | None:
        """When a launch of an earlier try can have left at the latest."""
        return self._latest

    def note(self, now: float) -> None:
        """Nobody else will read it; this try itself waits for its answer."""

    def clear(self) -> None:
        """What was assumed of earlier tries has been waited for."""
        self._latest = None


def intents_of(context: Mapping[str, Any], clock: Clock) -> Intents:
    """Choose how this Airflow remembers launches.

    Args:
        context: Airflow's context of the task instance.
        clock: Tells the time.

    Returns:
        Stored intents on Airflow 3.3 and later, else assumed ones.
    """
    store = context.get("task_state_store")
    if store is not None:
        return StoredIntents(store)
    return AssumedIntents(context["ti"].try_number, clock.now())
