"""The fields of the component: how filters, the way to Airflow and mappings stand in YAML."""

# Dagster looks at the annotations of a component, so they must not be put off (no __future__ import).
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from dagster import (
    AssetKey,
    AssetSpec,
    Definitions,
    ResolutionContext,
    Resolvable,
    ResolvedAssetKey,
    ResolvedAssetSpec,
)
from dagster.components import Model, Resolver
from pydantic import Field

from dagster_airlift_core._dagster_private import map_specs
from dagster_airlift_core.errors import MappingError
from dagster_airlift_core.filters import AirflowFilter
from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.http_options import DEFAULT_OPTIONS, HttpOptions
from dagster_airlift_core.mapping import Handle, MappingEntry, entries_of, with_entries
from dagster_airlift_core.naming import nearest, some_of
from dagster_airlift_core.peering import specs_of

_SHOWN = 10


class AirflowFilterModel(Model):
    """Which DAGs and Airflow assets are wanted, as in `AirflowFilter`."""

    dag_id_ilike: str | None = None
    airflow_tags: Sequence[str] | None = None
    retrieve_datasets: bool = True
    dataset_uri_ilike: str | None = None
    owners: Sequence[str] | None = None
    paused: bool | None = None
    include_stale: bool = False


def resolve_filter(context: ResolutionContext, model: AirflowFilterModel | None) -> AirflowFilter | None:
    """Return the filter that the YAML describes.

    Args:
        context: What its templates see.
        model: The YAML.
    """
    if model is None:
        return None
    fields: dict[str, Any] = context.resolve_value(model.model_dump(), as_type=dict)
    return AirflowFilter(**fields)


ResolvedAirflowFilter: TypeAlias = Annotated[
    AirflowFilter, Resolver(resolve_filter, model_field_type=AirflowFilterModel)
]


class AirflowHttpModel(Model):
    """How HTTP reaches Airflow, as in `HttpOptions`."""

    verify: bool | str = True
    client_certificate: Sequence[str] | None = None  # not a tuple, of whose schema Dagster knows nothing
    proxy: str | None = None
    headers: Mapping[str, str] = Field(default_factory=dict[str, str])
    allow_http: bool = False
    trust_environment: bool = True
    timeout_seconds: float = DEFAULT_OPTIONS.timeout_seconds
    connections: int = DEFAULT_OPTIONS.connections


def resolve_http(context: ResolutionContext, model: AirflowHttpModel) -> HttpOptions:
    """Return the options that the YAML describes.

    Args:
        context: What its templates see.
        model: The YAML.
    """
    fields: dict[str, Any] = context.resolve_value(model.model_dump(), as_type=dict)
    certificate = fields.pop("client_certificate")
    return HttpOptions(**fields, client_certificate=_pair(certificate))


def _pair(certificate: Sequence[str] | None) -> tuple[str, str] | None:
    if certificate is None:
        return None
    if len(certificate) != 2:  # noqa: PLR2004 - a certificate and its key
        raise ValueError(f"client_certificate is {certificate!r}. Give two files: [certificate, key].")
    return certificate[0], certificate[1]


ResolvedHttpOptions: TypeAlias = Annotated[
    HttpOptions, Resolver(resolve_http, model_field_type=AirflowHttpModel)
]


@dataclass
class NewAsset(Resolvable):
    """An asset that is made here.

    Args:
        spec: The asset.
    """

    spec: ResolvedAssetSpec


@dataclass
class AssetBelow(Resolvable):
    """An asset that a file below this folder defines.

    Args:
        by_key: Its key, with slashes.
    """

    by_key: ResolvedAssetKey


def resolve_asset(context: ResolutionContext, model: Model) -> NewAsset | AssetBelow:
    """Return the asset that one entry of a list describes.

    Args:
        context: What its templates see.
        model: The YAML of the entry.
    """
    kind = NewAsset if isinstance(model, NewAsset.model()) else AssetBelow
    return kind.resolve_from_model(context, model)


# Dagster makes of a list of alternatives alternative lists, each of one kind, unless the entry resolves itself.
ResolvedAsset: TypeAlias = Annotated[
    NewAsset | AssetBelow,
    Resolver(resolve_asset, model_field_type=NewAsset.model() | AssetBelow.model()),
]


@dataclass
class AirflowTaskMapping(Resolvable):
    """The assets of a task.

    Args:
        task_id: Task id, with its task groups.
        assets: The assets.
    """

    task_id: str
    assets: Sequence[ResolvedAsset]


@dataclass
class AirflowDagMapping(Resolvable):
    """The assets of a DAG and of its tasks.

    Args:
        dag_id: DAG id.
        assets: Assets that a successful run of the DAG materializes.
        task_mappings: Assets of its tasks.
    """

    dag_id: str
    assets: Sequence[ResolvedAsset] | None = None
    task_mappings: Sequence[AirflowTaskMapping] | None = None


def with_mappings(defs: Definitions, mappings: Iterable[AirflowDagMapping]) -> Definitions:
    """Return definitions with what a mapping says; an asset that is mapped twice has both.

    Args:
        defs: What the files below the component define.
        mappings: The mappings.

    Raises:
        MappingError: A key that no asset has, or an asset that is made twice.
    """
    below = {spec.key for spec in specs_of(defs)}
    entries: dict[AssetKey, list[MappingEntry]] = defaultdict(list)
    made: dict[AssetKey, AssetSpec] = {}
    for handle, asset in _pairs(mappings):
        key = _known(asset.by_key, below, handle) if isinstance(asset, AssetBelow) else asset.spec.key
        if isinstance(asset, NewAsset) and (key in below or made.setdefault(key, asset.spec) != asset.spec):
            raise MappingError(
                f"The asset {key.to_user_string()!r}, mapped to {handle}, is there already. "
                "Map it with `by_key`, or write the same spec each time."
            )
        entries[key].append(MappingEntry(handle))

    def change(spec: AssetSpec) -> AssetSpec:
        added = entries.get(spec.key)
        return with_entries(spec, (*entries_of(spec), *added)) if added else spec

    return Definitions.merge(
        map_specs(defs, change), Definitions(assets=[change(spec) for spec in made.values()])
    )


def _pairs(mappings: Iterable[AirflowDagMapping]) -> Iterator[tuple[Handle, NewAsset | AssetBelow]]:
    for mapping in mappings:
        for of_task in mapping.task_mappings or ():
            for asset in of_task.assets:
                yield TaskHandle(mapping.dag_id, of_task.task_id), asset
        for asset in mapping.assets or ():
            yield DagHandle(mapping.dag_id), asset


def _known(key: AssetKey, below: Collection[AssetKey], handle: Handle) -> AssetKey:
    if key not in below:
        names = sorted(one.to_user_string() for one in below)
        wanted = key.to_user_string()
        there = f"The assets there are {some_of(names, _SHOWN)}." if names else "There are none."
        raise MappingError(
            f"No Python file in the component's folder defines an asset with the key {wanted!r}, which is mapped "
            f"to {handle}. {there}{nearest(wanted, names)} What Dagster knows only by this mapping is written as "
            f"`spec: {{key: {wanted}}}`."
        )
    return key
