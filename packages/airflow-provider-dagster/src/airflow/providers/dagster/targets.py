"""What a proxied task has Dagster run, as a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MappedToDag", "MappedToTask", "Target"]


@dataclass(frozen=True)
class MappedToTask:
    """The assets that are mapped to the task.

    Args:
        required: Whether a task to which nothing is mapped fails. The tasks of a DAG that is proxied as a whole are
            not required to have assets of their own: one without ends well at once.
    """

    required: bool = True

    @property
    def is_of_whole_dag(self) -> bool:
        """Whether the DAG of the task is proxied as a whole."""
        return not self.required


@dataclass(frozen=True)
class MappedToDag:
    """The assets that are mapped to the DAG of the task, and those that are mapped to the task itself.

    One task of a DAG that is proxied as a whole has it. It fails when nothing is mapped to the DAG, neither as a whole
    nor to any of its tasks.
    """

    @property
    def is_of_whole_dag(self) -> bool:
        """Whether the DAG of the task is proxied as a whole: nothing else has this target."""
        return True


Target = MappedToTask | MappedToDag
"""What a proxied task has Dagster run."""
