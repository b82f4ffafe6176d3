"""Puts off Python's garbage collections where thousands of objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collecting_later() -> Generator[None]:
    """Start no collection in here; for work that is over in seconds, asks nobody, and leaves next to no garbage.

    Python looks for garbage whenever enough objects are new, each time through more of everything that was ever made,
    which is several times what a few thousand assets cost. What is collected is collected afterwards. Where
    collections are off already, by you or by the same in another thread, they are left to whoever did that.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
