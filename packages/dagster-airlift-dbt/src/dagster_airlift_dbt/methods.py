"""What each selection method finds among the resources of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TypeAlias, cast

from dagster_airlift_dbt.catalogue import Catalogue
from dagster_airlift_dbt.errors import DbtSelectionError
from dagster_airlift_dbt.nodes import DbtNode, Version
from dagster_airlift_dbt.spec import Criterion

_RESOURCE_TYPES = frozenset(
    {"model", "analysis", "test", "snapshot", "operation", "seed", "rpc", "sql_operation", "doc", "source"}
    | {"macro", "exposure", "metric", "group", "saved_query", "semantic_model", "unit_test", "fixture"}
    | {"function"}
)
Method: TypeAlias = Callable[[Catalogue, str], Iterable[str]]


def find(catalogue: Catalogue, criterion: Criterion) -> set[str]:
    """Find what a term names, its relatives not yet among it.

    Args:
        catalogue: The resources.
        criterion: The term.

    Returns:
        Their unique ids.

    Raises:
        DbtSelectionError: The method does not know the value.
    """
    if criterion.method == "config":
        return set(_config(catalogue, criterion))
    return set(_METHODS[criterion.method](catalogue, cast("str", criterion.value)))


def _path(catalogue: Catalogue, value: str) -> Iterator[str]:
    for path in catalogue.tree.glob(value):
        yield from catalogue.paths.by_key.get(path, ())


def _package(catalogue: Catalogue, value: str) -> set[str]:
    return catalogue.packages.matching(catalogue.project if value == "this" and catalogue.project else value)


def _group(catalogue: Catalogue, value: str) -> Iterator[str]:
    for node in (*catalogue.parsed, *catalogue.of_type("metric")):
        group = node.config.get("group")
        if isinstance(group, str) and group and fnmatchcase(group, value):
            yield node.unique_id


def _access(catalogue: Catalogue, value: str) -> Iterator[str]:
    return (node.unique_id for node in catalogue.of_type("model") if node.access == value)


def _resource_type(catalogue: Catalogue, value: str) -> Iterator[str]:
    if value not in _RESOURCE_TYPES:
        raise _unknown("resource_type", value, sorted(_RESOURCE_TYPES))
    return (node.unique_id for node in catalogue.of_type(value))


def _source(catalogue: Catalogue, value: str) -> Iterator[str]:
    match value.split("."):
        case [source]:
            package, table = "*", "*"
        case [source, table]:
            package = "*"
        case [package, source, table]:
            pass
        case _:
            raise _unknown("source", value, ["source", "source.table", "package.source.table"])
    return (
        node.unique_id
        for node in catalogue.of_type("source")
        if fnmatchcase(node.package, package)
        and fnmatchcase(node.source_name, source)
        and fnmatchcase(node.name, table)
    )


def _named(kind: str) -> Method:
    """Find resources of one type by `name` or `package.name`."""

    def search(catalogue: Catalogue, value: str) -> Iterator[str]:
        package, dot, name = value.rpartition(".")
        if "." in package:
            raise _unknown(kind, value, ["name", "package.name"])
        return (
            node.unique_id
            for node in catalogue.of_type(kind)
            if fnmatchcase(node.name, name) and (not dot or fnmatchcase(node.package, package))
        )

    return search


def _test_name(catalogue: Catalogue, value: str) -> Iterator[str]:
    for node in catalogue.of_type("test", "unit_test"):
        name = node.name if node.resource_type == "unit_test" else node.generic_test
        if name is not None and fnmatchcase(name, value):
            yield node.unique_id


def _test_type(catalogue: Catalogue, value: str) -> Iterator[str]:
    # dbt takes parts of the last three words too, in this order.
    if value in {"generic", "schema"}:
        wanted = {"generic"}
    elif value in "data":
        wanted = {"generic", "singular"}
    elif value in "singular":
        wanted = {"singular"}
    elif value in "unit":
        wanted = {"unit"}
    else:
        raise _unknown("test_type", value, ["generic", "singular", "unit", "data"])
    return (node.unique_id for node in catalogue.of_type("test", "unit_test") if _test_kind(node) in wanted)


def _test_kind(node: DbtNode) -> str:
    if node.resource_type == "unit_test":
        return "unit"
    return "singular" if node.generic_test is None else "generic"


def _version(catalogue: Catalogue, value: str) -> Iterator[str]:
    expected = {"latest", "prerelease", "old", "none"}
    if value not in expected:
        raise _unknown("version", value, sorted(expected))
    return (node.unique_id for node in catalogue.of_type("model") if _is_version(node, value))


def _is_version(node: DbtNode, value: str) -> bool:
    if value == "none":
        return node.version is None
    if value == "latest":
        return node.version is not None and node.version == node.latest_version
    if not (node.version and node.latest_version):
        return False
    older, newer = (
        (node.latest_version, node.version) if value == "prerelease" else (node.version, node.latest_version)
    )
    return _is_older(older, newer)


def _is_older(version: Version, other: Version) -> bool:
    try:
        return float(version or 0) < float(other or 0)
    except ValueError:
        return str(version) < str(other)


def _config(catalogue: Catalogue, criterion: Criterion) -> Iterator[str]:
    for node in (*catalogue.parsed, *catalogue.of_type("source")):
        value: object = node.config
        for argument in criterion.arguments:
            value = _member(value, argument)
        members = cast("list[object]", value) if isinstance(value, list) else [value]
        ignore_case = criterion.arguments == ("severity",)
        if any(_equals(member, criterion.value, ignore_case=ignore_case) for member in members):
            yield node.unique_id


def _member(value: object, name: str) -> object:
    return cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else None


def _equals(value: object, wanted: object, *, ignore_case: bool) -> bool:
    if isinstance(value, bool):
        return value == wanted or str(wanted).lower() == str(value).lower()
    if ignore_case and isinstance(value, str):
        return value.upper() == str(wanted).upper()
    return value is not None and value == wanted


def _unknown(method: str, value: str, expected: list[str]) -> DbtSelectionError:
    return DbtSelectionError(
        f"'{method}:{value}' is no selection. After '{method}:' stands {', '.join(expected)}."
    )


_METHODS: Mapping[str, Method] = {
    "access": _access,
    "exposure": _named("exposure"),
    "file": lambda catalogue, value: catalogue.files.matching(value),
    "fqn": lambda catalogue, value: catalogue.fqns.matching(value),
    "group": _group,
    "metric": _named("metric"),
    "package": _package,
    "path": _path,
    "resource_type": _resource_type,
    "saved_query": _named("saved_query"),
    "semantic_model": _named("semantic_model"),
    "source": _source,
    "tag": lambda catalogue, value: catalogue.tags.matching(value),
    "test_name": _test_name,
    "test_type": _test_type,
    "unit_test": _named("unit_test"),
    "version": _version,
}
