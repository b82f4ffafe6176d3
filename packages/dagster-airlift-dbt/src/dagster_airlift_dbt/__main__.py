"""The command line: `python -m dagster_airlift_dbt report my_module:dbt`."""

from __future__ import annotations

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from dagster_airlift_core import AirliftError
from dagster_airlift_dbt.dbt_on_airflow import DbtOnAirflow
from dagster_airlift_dbt.errors import DbtMigrationError

_CANNOT_BE_TOLD = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a report, or a preflight.

    Args:
        arguments: The arguments, by default those of the process.

    Returns:
        For a report 0; for a preflight 0 where Dagster would run the same, 1 where it would run something else,
        and 2 where it cannot be told. 2 for both where the question cannot be asked; why not is told on stderr.
    """
    parser = argparse.ArgumentParser(prog="python -m dagster_airlift_dbt", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in {
        "report": "Which tasks run which models.",
        "preflight": "What Dagster would run in the place of a task, beside what Airflow ran last.",
    }.items():
        command = commands.add_parser(name, help=what, description=what)
        command.add_argument("dbt", help="where the DbtOnAirflow is, like my_package.definitions:dbt")
        if name == "preflight":
            command.add_argument("dag_id")
            command.add_argument("task_id")
        command.add_argument("--json", action="store_true", help="print JSON")
    asked = parser.parse_args(arguments)
    try:
        return _answered(asked)
    except AirliftError as error:
        sys.stderr.write(f"{error}\n")
    except Exception:  # noqa: BLE001 - of the user's own module: with 1, Dagster would run something else
        traceback.print_exc()
    return _CANNOT_BE_TOLD


def _answered(asked: argparse.Namespace) -> int:
    dbt = _found(asked.dbt)
    if asked.command == "report":
        report = dbt.report()
        sys.stdout.write(report.to_json() if asked.json else report.to_text())
        return 0
    preflight = dbt.preflight(asked.dag_id, asked.task_id)
    sys.stdout.write(preflight.to_json() if asked.json else preflight.to_text())
    return preflight.exit_code


def _found(place: str) -> DbtOnAirflow:
    module, _, name = place.partition(":")
    found: object = getattr(_imported(module), name, None) if name else None
    if not isinstance(found, DbtOnAirflow):
        raise DbtMigrationError(
            f"There is no DbtOnAirflow at {place!r}. Name the module and the variable, like my_module:dbt."
        )
    return found


def _imported(module: str) -> ModuleType:
    # As `python -m` of the user's own module would find it.
    sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise DbtMigrationError(
            f"There is no module {error.name!r}. Ask in the folder and in the environment in which Dagster loads it."
        ) from error


if __name__ == "__main__":
    sys.exit(main())
