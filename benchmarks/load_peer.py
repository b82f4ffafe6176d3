"""A load with the peer, dagster-airlift from the package index.

python benchmarks/load_peer.py URL DAGS [--chain | --unmapped] [--state FILE]
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from code_location import serve
from dagster import BetaWarning, Definitions
from dagster_airlift.core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from load_arguments import LoadArguments
from measured_load import measure


def load(arguments: LoadArguments) -> Mapping[str, int]:
    """Peer the Airflow, and map what is mapped."""
    mapped = [
        asset
        for dag, by_task in arguments.mapped.items()
        for asset in assets_with_task_mappings(dag, by_task)
    ]
    airflow = AirflowInstance(AirflowBasicAuthBackend(arguments.url, *arguments.login), "benchmark")
    defs = Definitions(assets=mapped)
    return serve(build_defs_from_airflow_instance(airflow_instance=airflow, defs=defs))


if __name__ == "__main__":
    warnings.simplefilter("ignore", BetaWarning)
    measure(load, LoadArguments.given(__doc__))
