"""A load with the peer, dagster-airlift from the package index.

python benchmarks/load_peer.py URL DAGS [--chain] [--state FILE]
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from pathlib import Path

from code_location import serve
from dagster import BetaWarning, Definitions
from dagster._core.definitions.definitions_load_context import (  # noqa: TID251 - a run worker of the peer does this
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.metadata.metadata_value import (  # noqa: TID251 - the same
    CodeLocationReconstructionMetadataValue,
)
from dagster._core.definitions.repository_definition import RepositoryLoadData  # noqa: TID251 - the same
from dagster_airlift.core import (
    AirflowBasicAuthBackend,
    AirflowInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from measured_load import measure
from synthetic_payloads import dag_id
from tables import MAPPED_TASK, chain, tables

NAME = "peer"


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
    parser.add_argument("--state", type=Path, help="read it if it is there, else write it")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", BetaWarning)
    state: Path | None = arguments.state
    if state and state.exists():
        held = {"": CodeLocationReconstructionMetadataValue(state.read_text())}
        key = f"dagster-airlift/source/{NAME}"
        context = DefinitionsLoadContext(
            DefinitionsLoadType.RECONSTRUCTION, RepositoryLoadData(reconstruction_metadata={key: held[""]})
        )
    else:
        context = DefinitionsLoadContext(DefinitionsLoadType.INITIALIZATION)
    DefinitionsLoadContext.set(context)
    build = chained if arguments.chain else mapped
    measure(lambda: load(arguments.url, build(arguments.dags)))
    if state and not state.exists():
        for value in context.get_pending_reconstruction_metadata().values():
            state.write_text(value)


if __name__ == "__main__":
    main()
