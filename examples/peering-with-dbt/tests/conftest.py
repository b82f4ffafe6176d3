"""Finding what a run of the story left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def processes_in(tmp_path: Path) -> Callable[[], list[str]]:
    """Command lines of the processes whose environment names this test's folder."""

    def find() -> list[str]:
        found: list[str] = []
        for process in psutil.process_iter():
            try:
                alive = process.status() != psutil.STATUS_ZOMBIE
                if alive and any(str(tmp_path) in value for value in process.environ().values()):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found

    return find
