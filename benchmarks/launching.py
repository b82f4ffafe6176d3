"""What a task that Dagster stands in for asks of Dagster before its run is launched, with our operator and the peer's.

python benchmarks/launching.py [--quick] [--repeats N] [--render] [--out FOLDER]

Real webservers serve deployments of several sizes, each made by the tool whose operator asks it; a counting proxy
stands before them. The operator runs in Airflow, in a process of its own that is ended once its run is launched: nothing
runs in Dagster, for no daemon takes the run from its queue.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from attempts import Airflow
from conditions import conditions
from launches import Launch, Launches, read, write
from launching_page import write_page
from processes import end_orderly, program, serving
from webserver import deployment

OUT = Path(__file__).parent.parent / "docs" / "benchmarks"
PACKAGES = (
    *("apache-airflow", "apache-airflow-providers-dagster", "dagster-airlift", "dagster-airlift-core"),
    *("dagster", "dagster-webserver"),
)

TOOLS = ("ours", "peer")


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Args:
        dags: Numbers of DAGs; each makes eleven assets, one for each of its tasks and its own.
        days: Numbers of daily partitions that each asset has.
        tools: Whose operators.
        repeats: How often.
    """

    dags: tuple[int, ...] = (9, 91, 500)
    days: tuple[int, ...] = (0, 365)
    tools: tuple[str, ...] = TOOLS
    repeats: int = 3


QUICK = Plan(dags=(2,), days=(0, 365), tools=("ours",), repeats=1)


def measured(plan: Plan, airflow: Airflow) -> Iterator[Launch]:
    """Measure every cell of a plan; the tools take turns."""
    for dags in plan.dags:
        for days in plan.days:
            with ExitStack() as stack:
                url = stack.enter_context(serving(program("synthetic_airflow.py", "v1", dags)))
                sites = {
                    tool: stack.enter_context(deployment(tool, url, dags, days, airflow.folder))
                    for tool in plan.tools
                }
                for repeat in range(plan.repeats):
                    for tool, site in sites.items():
                        attempt = airflow.attempt(tool, site.proxy_url, days_ago=repeat + 2)
                        yield Launch.of(tool, site.assets, days, repeat, attempt)


def told(launches: Iterable[Launch]) -> Iterator[Launch]:
    """Say what is measured as it is measured."""
    for launch in launches:
        sys.stdout.write(f"{launch}\n")
        sys.stdout.flush()
        yield launch


def main() -> None:
    """Measure, write the results as JSON, and the page from them."""
    end_orderly()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small deployment and our operator alone")
    parser.add_argument("--dags", type=int, nargs="+", default=Plan.dags, help="of the deployments")
    parser.add_argument("--days", type=int, nargs="+", default=Plan.days, help="of partitions, 0 for none")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--repeats", type=int, default=Plan.repeats)
    parser.add_argument("--add", action="store_true", help="keep the last results, and add to them")
    parser.add_argument("--render", action="store_true", help="write the page from the last results")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the results")
    arguments = parser.parse_args()
    file: Path = arguments.out / "launching.json"
    if not arguments.render:
        asked = Plan(tuple(arguments.dags), tuple(arguments.days), tuple(arguments.tools), arguments.repeats)
        before = os.getloadavg()[0]
        launches: list[Launch] = list(read(file).launches) if arguments.add else []
        with tempfile.TemporaryDirectory() as folder:
            airflow = Airflow.created(Path(folder))
            for launch in told(measured(QUICK if arguments.quick else asked, airflow)):
                launches.append(launch)
                write(file, Launches(conditions(PACKAGES, before), tuple(launches)))
    write_page(read(file), arguments.out)


if __name__ == "__main__":
    main()
