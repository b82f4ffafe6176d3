"""What may be mapped, and to what: the arguments of the functions that map, looked at before they are used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypeVar

from dagster import AssetKey, AssetsDefinition, AssetSpec

from dagster_airlift_core.errors import MappingError
from dagster_airlift_core.handles import DagHandle, TaskHandle
from dagster_airlift_core.wire import DAG_ID_FIELD, TASK_ID_FIELD

MappableAsset: TypeAlias = AssetsDefinition | AssetSpec
_Value = TypeVar("_Value")
_ACCEPTED = "Give a list of asset specs and definitions, such as [dg.AssetSpec('orders'), customers]"


def mappable(to: DagHandle | TaskHandle | str, assets: Iterable[_Value]) -> tuple[_Value, ...]:
    """Return the assets of a task or DAG.

    Raises:
        MappingError: It is no list, something in it cannot be mapped, or what it is mapped to has no id.
    """
    if not isinstance(to, str) and not all(_is(name, str) and name for name in _ids(to)):
        raise MappingError(f"Assets are mapped to {to!r}. Ids of DAGs and tasks are texts, and not empty.")
    is_one = type(assets) is not list and isinstance(assets, (str, AssetKey, AssetSpec, AssetsDefinition))
    if is_one or not _is(assets, Iterable):
        raise MappingError(f"{_named(to)} is mapped to {_shown(assets)}, which is no list. {_ACCEPTED}.")
    found = tuple(assets)
    for asset in found:
        if not _is(asset, (AssetSpec, AssetsDefinition)):
            raise MappingError(
                f"{_named(to)} is mapped to {asset!r}, a {type(asset).__name__}. {_ACCEPTED}; "
                "to map what has only a key, give dg.AssetSpec(key)."
            )
    return found


def by_id(whose: str, mappings: Mapping[str, _Value]) -> Mapping[str, _Value]:
    """Return mappings by id.

    Raises:
        MappingError: They are none.
    """
    if not _is(mappings, Mapping):
        raise MappingError(f"{whose} are mapped by {mappings!r}. Give a dict of ids to lists of assets.")
    return mappings


def task_handle(task: TaskHandle | Mapping[str, str]) -> TaskHandle:
    """Return the handle of a task.

    Raises:
        MappingError: It names no task.
    """
    if isinstance(task, TaskHandle):
        return task
    try:
        return TaskHandle(task[DAG_ID_FIELD], task[TASK_ID_FIELD])
    except (LookupError, TypeError) as error:
        raise MappingError(f"Expected a task like TaskHandle('etl', 'load'), found {task!r}.") from error


def _ids(to: DagHandle | TaskHandle) -> tuple[str, ...]:
    return (to.dag_id, to.task_id) if isinstance(to, TaskHandle) else (to.dag_id,)


def _is(value: object, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, kind)


def _shown(assets: object) -> str:
    """Return a text that does not repeat all that an asset is."""
    if isinstance(assets, AssetSpec):
        return f"the spec of {assets.key.to_user_string()!r} alone"
    return "one definition" if isinstance(assets, AssetsDefinition) else repr(assets)


def _named(to: DagHandle | TaskHandle | str) -> str:
    match to:
        case DagHandle():
            return f"The DAG {to.dag_id!r}"
        case TaskHandle():
            return f"The task {to.task_id!r} of the DAG {to.dag_id!r}"
        case str():
            return to
