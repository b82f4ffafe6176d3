"""The identity that each event of something ended gets, and what of it is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dagster import AssetCheckEvaluation, AssetCheckKey, AssetKey, AssetMaterialization, AssetObservation

from dagster_airlift_core._dagster_private import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from dagster_airlift_core.events import EFFECTIVE_TIMESTAMP, EVENT_ID, Ended, dimension_tags, nth_id
from dagster_airlift_core.results import TaskEvent


@dataclass(frozen=True)
class Told:
    """An event to be stored.

    Args:
        event_id: Its id; for the n-th event of one asset, or of one check, that of what ended and n.
        event: The event, with the id and with what Airflow says.
    """

    event_id: str
    event: TaskEvent

    @property
    def of(self) -> AssetKey | AssetCheckKey:
        """The asset, or the check that was evaluated."""
        return subject(self.event)


def subject(event: TaskEvent) -> AssetKey | AssetCheckKey:
    """Return the asset of an event, or the check that it is an evaluation of."""
    return event.asset_check_key if isinstance(event, AssetCheckEvaluation) else event.asset_key


def identified(events: Sequence[TaskEvent], ended: Ended) -> list[Told]:
    """Give events of something ended their identity and Airflow's metadata, and put those of checks first.

    They are stored in this order. So when the asset events of a task are there, its checks are there too.

    Args:
        events: The events.
        ended: What ended.
    """
    told: list[Told] = []
    seen: Counter[object] = Counter()
    for event in sorted(events, key=lambda one: not isinstance(one, AssetCheckEvaluation)):
        of = subject(event)
        event_id = nth_id(ended.event_id, seen[of])
        seen[of] += 1
        told.append(Told(event_id, _with_identity(event, ended, event_id)))
    return told


def _with_identity(event: TaskEvent, ended: Ended, event_id: str) -> TaskEvent:
    metadata = {**ended.metadata, **event.metadata}
    if isinstance(event, AssetCheckEvaluation):
        return AssetCheckEvaluation(
            asset_key=event.asset_key,
            check_name=event.check_name,
            passed=event.passed,
            metadata={**metadata, EVENT_ID: event_id},
            severity=event.severity,
            description=event.description,
            blocking=event.blocking,
            partition=event.partition,
        )
    return type(event)(
        asset_key=event.asset_key,
        description=event.description,
        metadata=metadata,
        partition=event.partition,
        tags={
            **(event.tags or {}),
            **dimension_tags(event.partition),
            DATA_VERSION_TAG: event_id,
            DATA_VERSION_IS_USER_PROVIDED_TAG: "true",
        },
    )


def is_newer(
    told: Told, ended: Ended, latest: Mapping[AssetCheckKey, AssetCheckEvaluation], all_told: Sequence[Told]
) -> bool:
    """Tell whether the evaluation of a check is one that Dagster has not stored.

    Only the latest evaluation of a check can be found. What came before it, by Airflow's clock, is taken for stored.

    Args:
        told: The evaluation.
        ended: What ended.
        latest: The latest evaluations that are stored.
        all_told: All events of what ended, in their order.
    """
    event = told.event
    known = latest.get(event.asset_check_key) if isinstance(event, AssetCheckEvaluation) else None
    if known is None:
        return True
    known_id, known_end = (known.metadata.get(key) for key in (EVENT_ID, EFFECTIVE_TIMESTAMP))
    ids = [one.event_id for one in all_told if one.of == told.of]
    if known_id is not None and known_id.value in ids:
        return ids.index(told.event_id) > ids.index(str(known_id.value))
    if known_id is None or known_end is None or ended.ended_at is None:
        return True
    return (ended.ended_at.timestamp(), told.event_id) > (known_end.value, known_id.value)


def made_a_success(event: TaskEvent, given: Sequence[TaskEvent]) -> bool:
    """Tell whether an event says that an asset was built that it was only observed of.

    Args:
        event: What was made of the events.
        given: The events.
    """
    of_asset = [one for one in given if one.asset_key == event.asset_key]
    return (
        isinstance(event, AssetMaterialization)
        and any(isinstance(one, AssetObservation) for one in of_asset)
        and not any(isinstance(one, AssetMaterialization) for one in of_asset)
    )
