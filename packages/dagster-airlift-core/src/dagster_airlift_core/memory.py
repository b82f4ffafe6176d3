"""What the process of a sensor remembers from one tick to the next; losing it costs questions, nothing else."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from dagster_airlift_core.cursor import Scan
from dagster_airlift_core.model import AssetUpdate, DagRun, Page, TaskInstance

MAX_REMEMBERED = 50_000
_Name = TypeVar("_Name")
_Fact = TypeVar("_Fact")
ScanPage: TypeAlias = Page[TaskInstance] | Page[DagRun] | Page[AssetUpdate]


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
    """Remembers as what a dynamically mapped task ended, of what nothing is left to tell, and a page not dealt with."""

    _ended: OrderedDict[tuple[str, str | None], str] = field(
        default_factory=OrderedDict[tuple[str, str | None], str], init=False
    )
    _settled: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None], init=False)
    _page: tuple[Scan, ScanPage] | None = field(default=None, init=False)

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

    def keep_page(self, scan: Scan, page: ScanPage) -> None:
        """Keep a page until it is dealt with; whatever of it changes meanwhile is the next pass's.

        Args:
            scan: The pass that it belongs to, which began before the page was read.
            page: The page.
        """
        self._page = (scan, page)

    def take_page(self, scan: Scan) -> ScanPage | None:
        """Give back the page at which a pass stands, if it is the one that was kept, and forget it."""
        kept, self._page = self._page, None
        return kept[1] if kept and kept[0].as_of == scan.as_of and kept[0].is_same_page(scan) else None
