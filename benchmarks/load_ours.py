"""A load with dagster-airlift-core.

python benchmarks/load_ours.py URL DAGS [--chain | --unmapped] [--state FILE] [--connections N]
"""

from __future__ import annotations

from collections.abc import Mapping

from code_location import serve
from dagster import Definitions
from load_arguments import LoadArguments
from measured_load import measure

from dagster_airlift_core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    HttpOptions,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)


def definitions(arguments: LoadArguments) -> Definitions:
    """Peer the Airflow, and map what is mapped."""
    mapped = [
        asset
        for dag, by_task in arguments.mapped.items()
        for asset in assets_with_task_mappings(dag, by_task)
    ]
    options = HttpOptions(connections=arguments.connections) if arguments.connections else HttpOptions()
    login = AirflowBasicAuthBackend(arguments.url, *arguments.login)
    airflow = AirflowInstance(login, "benchmark", http=options)
    defs = Definitions(assets=mapped)
    return build_defs_from_airflow_instance(airflow_instance=airflow, defs=defs)


def load(arguments: LoadArguments) -> Mapping[str, int]:
    """Do what a code server does."""
    return serve(definitions(arguments))


if __name__ == "__main__":
    measure(load, LoadArguments.given(__doc__))
