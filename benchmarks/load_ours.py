"""A load with dagster-airlift-core.

python benchmarks/load_ours.py URL DAGS [--chain]
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from code_location import serve
from dagster import Definitions
from measured_load import measure
from synthetic_payloads import dag_id
from tables import MAPPED_TASK, chain, tables

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)

NAME = "ours"


def mapped(dags: int) -> Definitions:
    """Return a table for each DAG."""
    return Definitions(
        assets=[
            asset
            for dag, spec in tables(dags).items()
            for asset in assets_with_task_mappings(dag, {MAPPED_TASK: [spec]})
        ]
    )


def chained(length: int) -> Definitions:
    """Return a chain of tables, all of one DAG."""
    return Definitions(assets=assets_with_task_mappings(dag_id(0), chain(length)))


def load(url: str, defs: Definitions) -> Mapping[str, int]:
    """Peer the Airflow at a URL."""
    airflow = AirflowInstance(AirflowBasicAuthBackend(url, "viewer", "viewer"), NAME)
    return serve(build_defs_from_airflow_instance(airflow_instance=airflow, defs=defs))


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("dags", type=int)
    parser.add_argument("--chain", action="store_true")
    arguments = parser.parse_args()
    build = chained if arguments.chain else mapped
    measure(lambda: load(arguments.url, build(arguments.dags)))


if __name__ == "__main__":
    main()
