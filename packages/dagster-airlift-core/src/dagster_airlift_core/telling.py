"""Which events Dagster is to store of what ended: those of Airflow, or what others make of them."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from logging import Logger
from typing import TypeAlias

from dagster import AssetCheckEvaluation, AssetCheckKey, AssetKey, AssetMaterialization, AssetObservation

from dagster_airlift_core.errors import AirliftError, PartitionError, SetAside
from dagster_airlift_core.events import Ended
from dagster_airlift_core.identity import Told, identified, is_newer, made_a_success
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.memory import Memory
from dagster_airlift_core.model import SKIPPED
from dagster_airlift_core.placing import Placer
from dagster_airlift_core.recall import Recall
from dagster_airlift_core.results import TaskEvent, TaskResults

Transform: TypeAlias = Callable[[Sequence[TaskEvent]], Iterable[TaskEvent]]

_EVENTS = (AssetMaterialization, AssetObservation, AssetCheckEvaluation)
_TRACEBACKS = 5
"""How many of them stand in the log of one tick."""


@dataclass
class Teller:
    """Makes the events of what ended; what is wrong with one of them does not stop the others.

    Args:
        airflow: The Airflow instance.
        known: Keys of all assets.
        placer: Tells which partition something that ended is for.
        recall: What is known of Dagster's history.
        memory: What was found in earlier ticks.
        log: The log of the tick.
        set_aside: Takes the name of what is set aside, and why.
        results: What may know more of a finished task than its state.
        transform: What may change the events.
    """

    airflow: AirflowInstance
    known: Collection[AssetKey]
    placer: Placer
    recall: Recall
    memory: Memory
    log: Logger
    set_aside: Callable[[str], None]
    results: TaskResults | None = None
    transform: Transform | None = None

    _is_whole: bool = field(default=True, init=False)
    _tracebacks: int = field(default=0, init=False)

    def new_events(self, keys: Collection[AssetKey], ended: Ended) -> list[Told]:
        """Return what Dagster is to store of what ended, as far as it has not."""
        new = self.recall.new_keys(keys, ended)
        if self.recall.is_dagsters(ended):
            self.memory.settle(ended.event_id)
        if (keys and not new) or self.memory.is_settled(ended.event_id):
            return []
        if self.results is None and self.transform is None:
            return [Told(ended.event_id, event) for event in self._default(new, ended)]
        self._is_whole = True
        try:
            events = self._transformed(self._events(keys, ended), ended)
        except SetAside as reason:
            self.set_aside(str(reason))
            return []
        told = self._not_stored(identified(events, ended), ended)
        if self._is_whole and not told:
            self.memory.settle(ended.event_id)
        return told

    def _events(self, keys: Collection[AssetKey], ended: Ended) -> Sequence[TaskEvent]:
        """Return the events of what ended, of a task as the results know them."""
        known = self._known(keys, ended)
        if known is None:
            return self._default(keys, ended)
        return [self._placed(event, ended) for event in known]

    def _known(self, keys: Collection[AssetKey], ended: Ended) -> Sequence[TaskEvent] | None:
        if self.results is None or not ended.instances:
            return None
        try:
            found = self.results.events_of(self.airflow, ended.instances, keys)
            return None if found is None else list(found)
        except AirliftError as error:
            raise SetAside(f"{ended.name}: {error}") from error
        except Exception as error:
            self._tell_traceback(f"What knows the results of tasks failed on {ended.name}.")
            raise SetAside(f"{ended.name}: the results of the task raised {error!r}") from error

    def _default(self, keys: Collection[AssetKey], ended: Ended) -> list[TaskEvent]:
        """Return what the end alone means for its assets, but for those whose partition cannot be told.

        That a task was skipped means nothing for them: it may be so on most days.
        """
        events: list[TaskEvent] = []
        if ended.state == SKIPPED:
            return events
        for key in keys:
            try:
                events.append(ended.event(key, self.placer.partition_key(key, ended.of)))
            except PartitionError as error:
                self._tell_traceback(str(error))
                self._put_aside(str(error))
        return events

    def _placed(self, event: TaskEvent, ended: Ended) -> TaskEvent:
        """Return an event with its partition, which what knows the results need not know."""
        if isinstance(event, (AssetMaterialization, AssetObservation)) and event.partition is None:
            try:
                return event._replace(partition=self.placer.partition_key(event.asset_key, ended.of))
            except PartitionError as error:
                self._tell_traceback(str(error))
                raise SetAside(str(error)) from error
        return event

    def _transformed(self, events: Sequence[TaskEvent], ended: Ended) -> list[TaskEvent]:
        """Return what is made of the events, without what is wrong."""
        good: list[TaskEvent] = []
        try:
            made = list(events if self.transform is None else self.transform(events))
        except Exception:  # noqa: BLE001 - code of users; one by one it is told which event it is
            made = self._one_by_one(events, ended)
        for event in made:
            reason = self._wrong(event, events)
            if reason:
                self._put_aside(f"{ended.name}: {reason}")
            else:
                good.append(event)
        return good

    def _one_by_one(self, events: Sequence[TaskEvent], ended: Ended) -> list[TaskEvent]:
        made: list[TaskEvent] = []
        for event in events:
            try:
                made += self.transform([event]) if self.transform else [event]
            except Exception as error:  # noqa: BLE001 - code of users
                name = f"{ended.name}, {event.asset_key.to_user_string()}"
                self._tell_traceback(f"The event transformer failed on {name}.")
                self._put_aside(f"{name}: the event transformer raised {error!r}")
        return made

    def _put_aside(self, reason: str) -> None:
        self._is_whole = False
        self.set_aside(reason)

    def _wrong(self, event: object, given: Sequence[TaskEvent]) -> str | None:
        if not isinstance(event, _EVENTS):
            return f"expected an asset event, found {event!r}"
        key = event.asset_key
        if key not in self.known:
            return f"there is no asset {key.to_user_string()!r}"
        if made_a_success(event, given):
            return f"the failure of {key.to_user_string()!r} was made a materialization"
        return None

    def _not_stored(self, told: list[Told], ended: Ended) -> list[Told]:
        checks = {one.of for one in told if isinstance(one.of, AssetCheckKey)}
        latest = self.recall.log.latest(checks) if checks else dict[AssetCheckKey, AssetCheckEvaluation]()
        self.recall.is_stored([(one.of, one.event_id) for one in told if isinstance(one.of, AssetKey)])

        def is_new(one: Told) -> bool:
            if isinstance(one.of, AssetCheckKey):
                return is_newer(one, ended, latest, told)
            return not self.recall.is_stored([(one.of, one.event_id)])

        return [one for one in told if is_new(one)]

    def _tell_traceback(self, what: str) -> None:
        self._tracebacks += 1
        if self._tracebacks <= _TRACEBACKS:
            self.log.error("%s\n%s", what, traceback.format_exc())
