"""The tasks of an Airflow instance in columns, a few lists for each DAG: a task is made when it is looked at."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.model import Task

After: TypeAlias = str | Sequence[str] | None
"""Ids of the tasks right after a task: none, one, or several; most have one, which needs no list."""


_TEXT: frozenset[type] = frozenset({str})
_TEXT_OR_NOTHING = _TEXT | {type(None)}
_AFTER = _TEXT_OR_NOTHING | {list}


class Columns(NamedTuple):
    """The tasks of one DAG.

    Args:
        ids: Their ids, sorted.
        operators: The operator of each.
        after: The ids right after each.
        groups: The group of those that have one, by id.
        mapped: Ids of those that are mapped dynamically.
        proxied: Ids of those that are proxied.
        classes: The classes of their operators, each once.
        class_numbers: For each task where its class stands among these, -1 where it is not known; nothing in a
            table that was written before classes were kept.
    """

    ids: Sequence[str]
    operators: Sequence[str | None]
    after: Sequence[After]
    groups: Mapping[str, str]
    mapped: Sequence[str]
    proxied: Sequence[str]
    classes: Sequence[str] = ()
    class_numbers: Sequence[int] = ()

    @classmethod
    def of(cls, tasks: Mapping[str, Task]) -> Columns:
        """Return the columns of the tasks of one DAG, by id."""
        known = [task for _, task in sorted(tasks.items())]
        classes = sorted({task.operator_class for task in known if task.operator_class})
        numbers = {each: number for number, each in enumerate(classes)}
        return cls(
            ids=[task.task_id for task in known],
            operators=[task.operator for task in known],
            after=[_after(task) for task in known],
            groups={task.task_id: task.group_id for task in known if task.group_id is not None},
            mapped=[task.task_id for task in known if task.is_mapped],
            proxied=[task.task_id for task in known if task.is_proxied],
            classes=classes,
            class_numbers=[numbers.get(task.operator_class or "", -1) for task in known],
        )

    @classmethod
    def read(cls, row: Any) -> Columns:  # noqa: ANN401 - JSON, checked column by column
        """Return the columns that were written as JSON.

        Raises:
            TypeError: A column holds what it cannot.
            ValueError: There are more or fewer columns, or they differ in length.
        """
        ids, operators, after, groups, mapped, proxied, classes, numbers = cls(*row)
        if not len(ids) == len(operators) == len(after) or len(numbers) not in {0, len(ids)}:
            raise ValueError(f"expected columns of one length, found {row!r}")
        several = [one for ids_after in after if isinstance(ids_after, list) for one in ids_after]
        texts = (*ids, *groups, *groups.values(), *mapped, *proxied, *several, *classes)
        if (
            not set(map(type, texts)) <= _TEXT
            or not set(map(type, operators)) <= _TEXT_OR_NOTHING
            or not set(map(type, after)) <= _AFTER
            or not (set(map(type, numbers)) <= {int} and set(numbers) <= set(range(-1, len(classes))))
        ):
            raise TypeError(f"expected columns of texts, found {row!r}")
        if sorted(ids) != ids:
            raise ValueError(f"expected the ids in order, found {ids!r}")
        names = (tuple(mapped), tuple(proxied), tuple(classes))
        return cls(tuple(ids), tuple(operators), tuple(after), groups, *names, tuple(numbers))

    def task(self, dag_id: str, number: int) -> Task:
        """Return one task."""
        task_id, after = self.ids[number], self.after[number]
        return Task(
            dag_id=dag_id,
            task_id=task_id,
            operator=self.operators[number],
            downstream_task_ids=frozenset([after] if isinstance(after, str) else after or ()),
            group_id=self.groups.get(task_id),
            is_mapped=task_id in self.mapped,
            is_proxied=task_id in self.proxied,
            operator_class=self.classes[at] if (at := self._class_number(number)) >= 0 else None,
        )

    def _class_number(self, number: int) -> int:
        return self.class_numbers[number] if self.class_numbers else -1


class TaskTable(Mapping[TaskHandle, Task]):
    """Tasks by handle.

    Args:
        columns: The tasks of each DAG.
    """

    def __init__(self, columns: Mapping[str, Columns]) -> None:
        self.columns = columns
        self._made: dict[tuple[str, str], Task] = {}

    @classmethod
    def of(cls, tasks: Mapping[TaskHandle, Task]) -> TaskTable:
        """Return the same tasks in columns."""
        if isinstance(tasks, TaskTable):
            return tasks
        found: dict[str, dict[str, Task]] = defaultdict(dict)
        for handle, task in tasks.items():
            found[handle.dag_id][handle.task_id] = task
        return cls({dag_id: Columns.of(of_dag) for dag_id, of_dag in sorted(found.items())})

    @classmethod
    def read(cls, rows: Mapping[str, object]) -> TaskTable:
        """Return the tasks whose columns were written as JSON.

        Raises:
            TypeError: A column holds what it cannot.
            ValueError: A DAG has more or fewer columns, or they differ in length.
        """
        return cls({dag_id: Columns.read(row) for dag_id, row in rows.items()})

    def __getitem__(self, handle: TaskHandle) -> Task:
        """Make the task, when it is first looked at."""
        ids = (handle.dag_id, handle.task_id)  # hashed in a third of the time of a handle
        task = self._made.get(ids)
        if task is None:
            number = self._number(handle)
            if number is None:
                raise KeyError(handle)
            task = self._made[ids] = self.columns[handle.dag_id].task(handle.dag_id, number)
        return task

    def __contains__(self, handle: object) -> bool:
        """Whether there is such a task; none is made for that."""
        return isinstance(handle, TaskHandle) and self._number(handle) is not None

    def __iter__(self) -> Iterator[TaskHandle]:
        """Go through the handles, DAG by DAG."""
        return (
            TaskHandle(dag_id, task_id) for dag_id, of_dag in self.columns.items() for task_id in of_dag.ids
        )

    def __len__(self) -> int:
        """Count the tasks."""
        return sum(len(of_dag.ids) for of_dag in self.columns.values())

    def _number(self, handle: TaskHandle) -> int | None:
        """Return where a task stands in the columns of its DAG."""
        columns = self.columns.get(handle.dag_id)
        if columns is None:
            return None
        number = bisect_left(columns.ids, handle.task_id)
        is_there = number < len(columns.ids) and columns.ids[number] == handle.task_id
        return number if is_there else None


def _after(task: Task) -> After:
    ids = sorted(task.downstream_task_ids)
    return ids if len(ids) > 1 else next(iter(ids), None)
