"""What the process of a sensor remembers from one tick to the next; losing it costs questions, nothing else."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

from dagster_airlift_core.model import TaskInstance

MAX_REMEMBERED = 50_000
_Name = TypeVar("_Name")
_Fact = TypeVar("_Fact")


def keep(known: OrderedDict[_Name, _Fact], name: _Name, fact: _Fact) -> None:
    """Remember a fact, and forget the oldest where there are too many.

    Args:
        known: What is remembered.
        name: What the fact is about.
        fact: The fact.
    """
    known[name] = fact
    while len(known) > MAX_REMEMBERED:
        known.popitem(last=False)


@dataclass
class Memory:
    """Remembers as what a dynamically mapped task ended, and of what nothing is left to tell."""

    _ended: OrderedDict[tuple[str, str | None], str] = field(
        default_factory=OrderedDict[tuple[str, str | None], str], init=False
    )
    _settled: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None], init=False)

    def ended_as(self, instance: TaskInstance) -> str | None:
        """Return the id of the event of the mapped task of which this was an instance, in this state, if known."""
        return self._ended.get((instance.id, instance.state))

    def remember(self, instance: TaskInstance, event_id: str) -> None:
        """Keep in mind as what the mapped task of an instance ended."""
        keep(self._ended, (instance.id, instance.state), event_id)

    def is_settled(self, event_id: str) -> bool:
        """Whether it is known that nothing is left to tell of what ended, though not all its assets have an event."""
        return event_id in self._settled

    def settle(self, event_id: str) -> None:
        """Keep in mind that nothing is left to tell of what ended."""
        keep(self._settled, event_id, None)
