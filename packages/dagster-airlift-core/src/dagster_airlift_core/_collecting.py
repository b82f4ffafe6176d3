"""Puts off Python's garbage collections where thousands of objects are made that all stay."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

_AT_MOST = 8
"""Times that what is new is made old between two full collections: two for each load of an Airflow instance."""
_YOUNG = 1
_HAS_GENERATIONS = sys.version_info < (3, 14)
"""Whether full collections are counted, and freezing looks at nothing; an incremental collector does otherwise."""


@dataclass
class _Ageing:
    """Makes all objects old without looking at them, now and then.

    A full collection begins when much has become old since the last one. What is made old here is not counted, so it
    begins later; where the same is loaded again and again, it still has to begin some day.
    """

    full_collections: int = 0
    times: int = 0

    def age(self) -> None:
        """Move what is new to the oldest generation, which freezing and thawing does.

        Nothing is done where something is frozen, by you or, as in Python 3.12, from the start: it would be thawed.
        """
        collected: int = gc.get_stats()[-1]["collections"]
        if collected != self.full_collections:
            self.full_collections, self.times = collected, 0
        if _HAS_GENERATIONS and self.times < _AT_MOST and not gc.get_freeze_count():
            self.times += 1
            try:
                gc.freeze()
            finally:
                gc.unfreeze()


_ageing = _Ageing()


@contextmanager
def collecting_later() -> Generator[None]:
    """Start no collection in here; for work that is over in seconds, asks nobody, and leaves next to no garbage.

    Python looks for garbage whenever enough objects are new, each time through more of everything that was ever made,
    which is several times what a few thousand assets cost. Afterwards they count as old, as they would after
    collections that find nothing; what is garbage before is collected before. Where collections are off already, by you
    or by the same in another thread, they are left to whoever did that.
    """
    if not gc.isenabled():
        yield
        return
    gc.collect(_YOUNG)
    gc.disable()
    try:
        yield
        _ageing.age()
    finally:
        gc.enable()
