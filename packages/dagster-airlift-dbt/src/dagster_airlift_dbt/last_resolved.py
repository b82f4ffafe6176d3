"""What tasks run is resolved again only once something that it is resolved from has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dagster_airlift_dbt.resolved import ResolvedTasks


@dataclass
class LastResolved:
    """What tasks run by the manifests and by what was found out, as it was when somebody asked last.

    Args:
        tasks: It; None before somebody has asked.
    """

    tasks: ResolvedTasks | None = None
    _of: tuple[object, ...] = ()

    def get(self, of: tuple[object, ...], resolve: Callable[[], ResolvedTasks]) -> ResolvedTasks:
        """Return what tasks run.

        Args:
            of: What it is resolved from: the very values of the last time as long as nothing has changed.
            resolve: Resolves it.
        """
        is_same = len(of) == len(self._of) and all(new is old for new, old in zip(of, self._of, strict=True))
        if self.tasks is None or not is_same:
            self._of, self.tasks = of, resolve()
        return self.tasks
