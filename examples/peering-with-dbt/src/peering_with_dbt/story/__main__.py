"""Runs the story: `python -m peering_with_dbt.story [--check]`."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from rich.console import Console

from peering_with_dbt.story.errors import StoryError
from peering_with_dbt.story.picture import take_picture
from peering_with_dbt.story.place import EXAMPLE, Place, fresh_place
from peering_with_dbt.story.plot import Plot
from peering_with_dbt.story.processes import Processes, end_with_parent
from peering_with_dbt.story.teller import Teller

_SIGNALLED = 128


def main() -> int:
    """Run the story.

    Returns:
        The exit code: 0 when everything held.
    """
    arguments = _parser().parse_args()
    end_with_parent()
    # A shell starts what it runs in the background with Ctrl-C ignored; this must stop all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    teller = Teller(Console())
    try:
        _run(arguments.run_dir, teller, check=arguments.check, picture=arguments.picture)
    except StoryError as error:
        teller.fail(error)
        return 1
    except KeyboardInterrupt:
        return _SIGNALLED + signal.SIGINT
    return 0


def _run(folder: Path, teller: Teller, *, check: bool, picture: Path | None) -> None:
    with fresh_place(folder) as place, Processes(place.logs) as processes:
        try:
            Plot(place, processes, teller).play()
            teller.announce("All of it held", f"Report: {place.report}\nLogs:   {place.logs}")
            if picture:
                take_picture(place.dagster_url, picture)
            if not check:
                _stay(place, processes, teller)
        finally:
            _ignore_signals()
            teller.say("Stopping Airflow and Dagster.")


def _stay(place: Place, processes: Processes, teller: Teller) -> None:
    teller.announce(
        "Look around; Ctrl-C stops everything",
        f"Airflow  {place.airflow_url}  admin / {place.admin_password}\n"
        f"Dagster  {place.dagster_url}  (no login)\n"
        f"Migrate a task yourself, dbt_run_staging for one: {place.migration_state}",
    )
    with suppress(KeyboardInterrupt):
        processes.watch()


def _ignore_signals() -> None:
    """A second Ctrl-C must not keep the servers from being stopped."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(_SIGNALLED + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="peering-with-dbt", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="verify, write report.json, stop, exit 0 if all held"
    )
    parser.add_argument(
        "--run-dir",
        type=Path,
        default=EXAMPLE / ".run",
        help="folder of all files of the run (default: %(default)s)",
    )
    parser.add_argument(
        "--picture", type=Path, help="at the end, take this PNG of Dagster's lineage (needs Chromium)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
