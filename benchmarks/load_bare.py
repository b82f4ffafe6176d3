"""The floor: as many bare asset specs, with the same dependencies, that nobody had to ask an Airflow for.

python benchmarks/load_bare.py DAGS [--chain]
"""

from __future__ import annotations

import argparse

from code_location import serve
from dagster import AssetKey, AssetSpec, Definitions
from measured_work import measured_work, tell
from synthetic_payloads import DAGS_PER_ASSET, asset_uri, dag_id
from tables import chain, tables


def peered(dags: int) -> Definitions:
    """Return a table and a DAG asset for each DAG, and the Airflow assets."""
    mapped = tables(dags)
    peers = [AssetSpec(AssetKey(["bare", "dag", dag]), deps=[spec.key]) for dag, spec in mapped.items()]
    written = [AssetSpec(AssetKey(asset_uri(number))) for number in range(0, dags - 1, DAGS_PER_ASSET)]
    return Definitions(assets=[*mapped.values(), *peers, *written])


def chained(length: int) -> Definitions:
    """Return a chain and the DAG asset that reads its end."""
    specs = [spec for of_task in chain(length).values() for spec in of_task]
    last = max(spec.key for spec in specs)
    return Definitions(assets=[*specs, AssetSpec(AssetKey(["bare", "dag", dag_id(0)]), deps=[last])])


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dags", type=int)
    parser.add_argument("--chain", action="store_true")
    arguments = parser.parse_args()
    build = chained if arguments.chain else peered
    tell(measured_work(lambda: serve(build(arguments.dags))))


if __name__ == "__main__":
    main()
