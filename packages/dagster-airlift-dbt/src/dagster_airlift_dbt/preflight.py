"""What Dagster would run in the place of a task, beside what Airflow ran last."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from dagster_airlift_core import TaskHandle
from dagster_airlift_core.naming import some_of
from dagster_airlift_dbt.arguments import NonBuilding
from dagster_airlift_dbt.errors import DbtMigrationError
from dagster_airlift_dbt.flags import places_of, settings_of
from dagster_airlift_dbt.last_runs import Seen
from dagster_airlift_dbt.migrating import command_to_migrate, counting
from dagster_airlift_dbt.projects import TaskCommand
from dagster_airlift_dbt.resolved import ResolvedTask

_SHOWN = 20
_IN_RESULTS = ("model.", "seed.", "snapshot.", "test.")


@dataclass(frozen=True)
class RunOfDbt:
    """What one run of dbt does.

    Args:
        commands: Its commands.
        models: The unique ids of the models, seeds and snapshots that it builds, sorted.
        others: The unique ids of what else it runs: tests, and models that are no assets; sorted.
        settings: What its flags set, such as `--target` and `--vars`.
    """

    commands: tuple[str, ...]
    models: tuple[str, ...]
    others: tuple[str, ...]
    settings: Mapping[str, str]


@dataclass(frozen=True)
class Preflight:
    """What Dagster would run in the place of a task, beside what Airflow ran last.

    Args:
        dag_id: The DAG.
        task_id: The task.
        dagster: What Dagster would run; None where it can run nothing.
        airflow: What Airflow ran last; None where that is not known.
        run_id: The DAG run in which it ran the command that Airflow tells of.
        differences: What differs.
        unknown: What cannot be told, so that there may be more differences.
        notes: What is to be known.
        seen_in: The DAG runs whose results of dbt say what Airflow ran, the newest first; none where its command says it.
    """

    dag_id: str
    task_id: str
    dagster: RunOfDbt | None
    airflow: RunOfDbt | None
    run_id: str
    differences: tuple[str, ...]
    unknown: tuple[str, ...]
    notes: tuple[str, ...] = ()
    seen_in: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether Dagster would run just what Airflow ran."""
        return not self.differences and not self.unknown

    @property
    def exit_code(self) -> int:
        """For a script: 0 for the same, 1 for a difference, 2 where it cannot be told."""
        if self.differences:
            return 1
        return 2 if self.unknown else 0

    def to_json(self) -> str:
        """Write it as JSON, with the fields of the value."""
        return json.dumps({**asdict(self), "is_same": self.is_same}, indent=2)

    def to_text(self) -> str:
        """Write it for people."""
        verdict = {
            0: "Dagster would run just that.",
            1: "Dagster would run something else.",
            2: "It cannot be told.",
        }
        lines = [f"{self.dag_id}.{self.task_id}: {verdict[self.exit_code]}"]
        lines += _described(self._what_airflow_ran, self.airflow)
        lines += _described("Dagster would run", self.dagster)
        parts = {"Differences": self.differences, "Not known": self.unknown, "Notes": self.notes}
        lines += [
            line for title, entries in parts.items() if entries for line in (f"{title}:", *_listed(entries))
        ]
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        """Return the text."""
        return self.to_text()

    @property
    def _what_airflow_ran(self) -> str:
        if self.seen_in:
            return f"Airflow ran, by dbt's own results of {', '.join(self.seen_in)}"
        return f"Airflow ran in {self.run_id}" if self.run_id else "Airflow ran"


def preflight_of(
    handle: TaskHandle, planned: ResolvedTask | None, ran: ResolvedTask | None, seen: Seen
) -> Preflight:
    """Compare what Dagster would run with what Airflow ran.

    Args:
        handle: The task.
        planned: What is known of it, by which Dagster would run it.
        ran: What it ran last, as Airflow tells.
        seen: What dbt's results say that it ran.
    """
    unknown: list[str] = []
    command: TaskCommand | None = None
    try:
        command = command_to_migrate(handle, planned)
    except DbtMigrationError as error:
        unknown.append(str(error))
    if ran is None and seen.ids is None:
        unknown.append("What Airflow ran last is not known.")
    elif ran and seen.ids is None:
        unknown += ran.warnings
    dagster = _run_of([command]) if command else None
    airflow = _airflow_run(planned, ran, seen)
    return Preflight(
        dag_id=handle.dag_id,
        task_id=handle.task_id,
        dagster=dagster,
        airflow=airflow,
        run_id=ran.run_id if ran else "",
        differences=tuple(_differences(dagster, airflow, ran, seen)) if dagster and airflow else (),
        unknown=tuple(dict.fromkeys(unknown)),
        notes=(*_notes(ran), *seen.notes),
        seen_in=seen.run_ids,
    )


def _airflow_run(planned: ResolvedTask | None, ran: ResolvedTask | None, seen: Seen) -> RunOfDbt | None:
    if seen.ids is None:
        return _run_of(counting(ran.commands)) if ran else None
    known = ran or planned
    told = _run_of(known.commands if known else (), seen.ids)
    return told if ran else replace(told, commands=(), settings={})


def _run_of(commands: Collection[TaskCommand], ids: Collection[str] | None = None) -> RunOfDbt:
    run = frozenset(ids) if ids is not None else frozenset[str]().union(*(each.ids for each in commands))
    models = {each for each in run if any(command.assets.is_asset(each) for command in commands)}
    flags = [flag for each in counting(commands) for flag in each.command.flags]
    return RunOfDbt(
        commands=tuple(str(each.command) for each in commands),
        models=tuple(sorted(models)),
        others=tuple(sorted(run - models)),
        settings=settings_of(flags),
    )


def _differences(dagster: RunOfDbt, airflow: RunOfDbt, ran: ResolvedTask | None, seen: Seen) -> Iterator[str]:
    ours, theirs = ({*each.models, *each.others} for each in (dagster, airflow))
    if seen.ids is not None:
        # Of ephemeral models, unit tests, saved queries and the like there is not in all results something.
        ours = {*dagster.models, *(each for each in dagster.others if each.startswith("test."))}
        theirs = {each for each in theirs if each.startswith(_IN_RESULTS)}
    beside = [each for each in ran.commands if each not in counting(ran.commands)] if ran else []
    theirs -= frozenset[str]().union(*(each.ids for each in beside)) - ours
    if ours - theirs:
        yield f"Only Dagster would run {_names(ours - theirs)}."
    if theirs - ours:
        yield f"Only Airflow ran {_names(theirs - ours)}."
    for flag in sorted(dagster.settings.keys() | airflow.settings.keys()):
        one, other = dagster.settings.get(flag), airflow.settings.get(flag)
        if one != other and flag not in places_of([flag]):
            yield f"{flag}: Dagster would have {_shown(one)}, Airflow had {_shown(other)}."
    for each in beside:
        yield f"Airflow ran `{each.command}` too, and Dagster would not."
    for each in ran.parsed if ran else ():
        if isinstance(each, NonBuilding) and each.command not in {"", "deps", "debug", "clean", "parse"}:
            yield f"Airflow ran `{each.text}` too, and Dagster would not."


def _notes(ran: ResolvedTask | None) -> Iterator[str]:
    if ran is None:
        return
    yield from ran.notes
    for each in ran.commands:
        for flag, value in places_of(each.command.flags).items():
            yield f"{flag} {value} is a place of Airflow's machine: Dagster runs in the project that it is given."


def _shown(value: str | None) -> str:
    if value is None:
        return "none"
    return repr(value) if value else "it"


def _names(ids: Collection[str]) -> str:
    return some_of(sorted(ids), _SHOWN)


def _described(title: str, run: RunOfDbt | None) -> list[str]:
    if run is None:
        return [f"{title}: not known"]
    commands = [f"  {each}" for each in run.commands]
    tests = [each for each in run.others if each.startswith("test.")]
    tested = [f"  tests {len(tests)}: {_names(tests)}"] if tests else []
    return [f"{title}:", *commands, f"  builds {len(run.models)}: {_names(run.models) or 'nothing'}", *tested]


def _listed(entries: Collection[str]) -> list[str]:
    return [f"  {each}" for each in entries]
