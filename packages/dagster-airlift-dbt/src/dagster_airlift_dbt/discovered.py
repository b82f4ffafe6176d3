"""What was found out about the dbt tasks of an Airflow instance, as a value that can be written down."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, cast

from dagster_airlift_core import AirliftError, TaskHandle
from dagster_airlift_dbt.arguments import NonBuilding, Uncertain
from dagster_airlift_dbt.command import DbtCommand
from dagster_airlift_dbt.errors import DbtSelectionError
from dagster_airlift_dbt.parsing import ParsedDbt
from dagster_airlift_dbt.recognition import RecognisedTask, Style

SCHEMA = 1
_KINDS: Mapping[str, type[ParsedDbt]] = {"builds": DbtCommand, "other": NonBuilding, "uncertain": Uncertain}


class DiscoveredError(AirliftError):
    """A text that is none of ours, or one of another release."""


@dataclass(frozen=True)
class Discovered:
    """The tasks of an Airflow instance that run dbt, or may.

    Args:
        instance: Name of the Airflow instance.
        tasks: What is known of each.
        problems: What Airflow did not tell, and why.
    """

    instance: str
    tasks: tuple[RecognisedTask, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @cached_property
    def by_handle(self) -> Mapping[TaskHandle, RecognisedTask]:
        """The tasks by their handles."""
        return {task.handle: task for task in self.tasks}

    def to_json(self) -> str:
        """Write it down; equal for equal values."""
        rows = [_row(task) for task in sorted(self.tasks, key=lambda task: task.handle)]
        written = {"schema": SCHEMA, "instance": self.instance, "tasks": rows, "problems": self.problems}
        return json.dumps(written, separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Discovered:
        """Read what `to_json` wrote.

        Args:
            text: The text.

        Raises:
            DiscoveredError: It is none, or one of another release.
        """
        try:
            fields: Any = json.loads(text)
            if fields["schema"] != SCHEMA:
                raise DiscoveredError(f"What dbt tasks run is of schema {fields['schema']!r}, not {SCHEMA}.")
            return cls(
                instance=str(fields["instance"]),
                tasks=tuple(_task(row) for row in fields["tasks"]),
                problems=tuple(str(each) for each in fields["problems"]),
            )
        except (LookupError, TypeError, ValueError, AttributeError, DbtSelectionError) as error:
            raise DiscoveredError(f"That is not what dbt tasks run: {error!r}.") from error


def _row(task: RecognisedTask) -> dict[str, object]:
    commands = [
        {"kind": next(name for name, kind in _KINDS.items() if isinstance(each, kind)), **_told(each)}
        for each in task.commands
    ]
    return {
        "task": [task.handle.dag_id, task.handle.task_id],
        "style": task.style,
        "commands": commands,
        "unique_ids": task.unique_ids,
        "run_id": task.run_id,
        "guess": task.guess,
        "notes": task.notes,
    }


def _told(parsed: ParsedDbt) -> dict[str, object]:
    return {name: value for name, value in asdict(parsed).items() if value not in ("", ())}


def _task(row: Mapping[str, Any]) -> RecognisedTask:
    dag_id, task_id = row["task"]
    return RecognisedTask(
        handle=TaskHandle(str(dag_id), str(task_id)),
        style=cast("Style", str(row["style"])),
        commands=tuple(_command(each) for each in row["commands"]),
        unique_ids=_texts(row["unique_ids"]),
        run_id=str(row["run_id"]),
        guess=str(row["guess"]),
        notes=_texts(row["notes"]),
    )


def _command(row: Mapping[str, Any]) -> ParsedDbt:
    read = {
        name: _texts(cast("list[object]", value)) if isinstance(value, list) else str(value)
        for name, value in row.items()
    }
    kind: type[Any] = _KINDS[str(read.pop("kind"))]
    # Empty fields have been left out; these have no default.
    read |= {name: "" for name in ("text", "reason") if name in kind.__annotations__ and name not in read}
    return kind(**read)


def _texts(values: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


NOBODY_ASKED = Discovered("")
"""What is found out where no Airflow instance is asked."""
