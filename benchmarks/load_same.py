"""Another floor: the very specs that a load of ours ends in, their facts ready made, built and served by Dagster alone.

python benchmarks/load_same.py URL DAGS --state FILE
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from code_location import serve
from dagster import AssetsDefinition, AssetSpec, Definitions
from kept_state import begin_load
from load_arguments import LoadArguments
from load_ours import definitions
from measured_work import measured_work, tell


def specs(defs: Definitions) -> Iterator[AssetSpec]:
    """Return the specs of all assets."""
    for asset in defs.assets or ():
        if isinstance(asset, AssetSpec):
            yield asset
        elif isinstance(asset, AssetsDefinition):
            yield from asset.specs


def remade(spec: AssetSpec) -> partial[AssetSpec]:
    """Return what makes an equal spec of plain values."""
    return partial(
        AssetSpec,
        key=spec.key,
        deps=[dep.asset_key for dep in spec.deps],
        description=spec.description,
        metadata=dict(spec.metadata),
        group_name=spec.group_name,
        owners=list(spec.owners),
        tags=dict(spec.tags),
    )


if __name__ == "__main__":
    given = LoadArguments.given(__doc__)
    begin_load(given.state)
    made = [remade(spec) for spec in specs(definitions(given))]
    tell(measured_work(lambda: serve(Definitions(assets=[make() for make in made]))))
