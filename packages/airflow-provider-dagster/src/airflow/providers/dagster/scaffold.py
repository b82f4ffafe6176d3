"""The command that writes the migration state of the DAGs of a folder: nothing is migrated yet, and what is there stays."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from airflow.providers.common.compat.sdk import DAG, conf  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.dag_files import read_dags
from airflow.providers.dagster.migration_state import (
    MigrationState,
    MigrationStateError,
    load_migration_state,
)
from airflow.providers.dagster.naming import unknown_task
from airflow.providers.dagster.policy import state_folder
from airflow.providers.dagster.state_files import add_tasks, new_text, write_atomically

__all__ = ["main", "scaffold"]

_DONE, _NEEDS_A_HAND = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: Those of the command line; None for those of the process.

    Returns:
        0 when each DAG has its file, 1 when something needs a hand: a DAG file that cannot be imported, a migration
        state that cannot be read, or a task in it that its DAG does not have. Wrong arguments exit with 2.
    """
    parser = argparse.ArgumentParser(prog="python -m airflow.providers.dagster.scaffold", description=__doc__)
    parser.add_argument("dags", type=Path, help="folder with DAG files, or one of them")
    parser.add_argument(
        "--migration-state",
        type=Path,
        help="folder for all files; unless given, that of [dagster] migration_state_path, else migration_state beside "
        "each DAG file",
    )
    given = parser.parse_args(arguments)
    dags: Path = given.dags
    if not dags.exists():
        parser.error(f"{dags} does not exist")
    problems = 0
    for line, is_problem in scaffold(dags, given.migration_state):
        problems += is_problem
        (sys.stderr if is_problem else sys.stdout).write(f"{line}\n")
    return _NEEDS_A_HAND if problems else _DONE


def scaffold(dags: Path, migration_state: Path | None = None) -> Iterator[tuple[str, bool]]:
    """Write the files, one DAG after the other.

    Args:
        dags: Folder with DAG files, or one of them. They are imported.
        migration_state: Folder for the migration state of all of them; None for where Airflow reads that of each DAG.
            It is made if it does not exist.

    Yields:
        What was done, and whether it needs a hand.
    """
    found, errors = read_dags(dags)
    for path, error in sorted(errors.items()):
        yield f"{path}: the file cannot be imported: {error.strip().splitlines()[-1]}", True
    for dag_id, dag in sorted(found.items()):
        folder = migration_state or _folder_of(dag)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            state = load_migration_state(folder, dag_id)
        except MigrationStateError as error:
            yield f"{dag_id}: {error} Nothing was changed.", True
            continue
        yield _write(dag, state, folder), False
        for entry in state.tasks:
            if not dag.has_task(entry.task_id):
                place = f"{folder.name}/{state.path.name}:{entry.line}"
                yield f"{dag_id}: {place}: {unknown_task(dag_id, entry.task_id, dag.task_ids)}", True


def _folder_of(dag: DAG) -> Path:
    """Find the folder from which the cluster policy reads, else the one beside the DAG file, as the call there does."""
    path = str(conf.get("dagster", "migration_state_path", fallback="") or "")
    found = state_folder(dag, path) if path else None
    return found or Path(dag.fileloc).parent / (path or "migration_state")


def _write(dag: DAG, state: MigrationState, folder: Path) -> str:
    if not state.line:
        path = folder / f"{dag.dag_id}.yaml"
        write_atomically(path, new_text(dag.task_ids))
        tasks = "1 task" if len(dag.task_ids) == 1 else f"{len(dag.task_ids)} tasks"
        return f"{dag.dag_id}: wrote {folder.name}/{path.name} with {tasks}."
    if state.whole_dag is not None:
        return f"{dag.dag_id}: {folder.name}/{state.path.name} speaks of the DAG as a whole, so nothing is missing."
    missing = [task_id for task_id in dag.task_ids if task_id not in {task.task_id for task in state.tasks}]
    if not missing:
        return f"{dag.dag_id}: {folder.name}/{state.path.name} has all tasks."
    write_atomically(state.path, add_tasks(state.path, missing))
    return f"{dag.dag_id}: added {', '.join(missing)} to {folder.name}/{state.path.name}."


if __name__ == "__main__":
    sys.exit(main())
