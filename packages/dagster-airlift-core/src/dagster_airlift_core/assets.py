"""From a snapshot to asset specs: an asset for each DAG, and what Airflow knows about mapped assets."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from dagster import AssetKey, AssetSpec, DagsterInvalidDefinitionError, MetadataValue

from dagster_airlift_core._dialect import Links
from dagster_airlift_core.handles import DagHandle, TaskHandle, dagster_name
from dagster_airlift_core.mapping import AssetMapping, DagIndex, Handle, handles_of
from dagster_airlift_core.model import Dag
from dagster_airlift_core.snapshot import AirflowSnapshot
from dagster_airlift_core.wire import DAG_ID_TAG, INSTANCE_TAG, MAPPED_ASSETS_METADATA_KEY, TASK_ID_TAG

MAPPED_KIND = "airliftmapped"
"""Dagster's UI shows it as the logo of Airflow with the word "Mapped"."""
_MAX_KINDS = 10
_MAX_TAG = 63
_SHOWN = 10


def dag_asset_key(instance: str, dag_id: str) -> AssetKey:
    """Return the key of the asset that stands for a DAG."""
    return AssetKey([instance, "dag", dag_id])


def dag_asset_spec(
    snapshot: AirflowSnapshot, links: Links, dag: Dag, deps: Iterable[AssetKey], index: DagIndex
) -> AssetSpec:
    """Return the asset that stands for a DAG."""
    name = snapshot.instance
    known = {"Schedule": dag.schedule, "Source File": dag.file}
    lists = {"Airflow Owners": dag.owners, "Airflow Tags": dag.tags}
    return AssetSpec(
        key=dag_asset_key(name, dag.dag_id),
        deps=deps,
        description=dag.description or f"The DAG {dag.dag_id} of the Airflow instance {name}.",
        kinds={"airflow", "dag"},
        group_name=dagster_name(name),
        owners=[owner for owner in dag.owners if is_dagster_owner(owner)],
        tags={
            INSTANCE_TAG: tag_part(name),
            DAG_ID_TAG: tag_part(dag.dag_id),
            **{f"airflow/{tag_part(tag)}": "" for tag in dag.tags},
        },
        metadata={
            "Airflow Instance": name,
            "Airflow DAG ID": dag.dag_id,
            "View DAG": MetadataValue.url(links.dag(dag.dag_id)),
            MAPPED_ASSETS_METADATA_KEY: index.to_metadata(),
            **{label: value for label, value in known.items() if value},
            **{label: MetadataValue.json(list(values)) for label, values in lists.items() if values},
        },
    )


def is_dagster_owner(owner: str) -> bool:
    """Whether Dagster takes this text for an owner; names of Airflow owners mostly are none."""
    try:
        AssetSpec("owner", owners=[owner])
    except DagsterInvalidDefinitionError:
        return False
    return True


def tag_part(text: str) -> str:
    """Return a text that may stand in a tag and that no other text is given."""
    if re.fullmatch(r"[A-Za-z0-9_.-]{1,63}", text):
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', text)[: _MAX_TAG - 9]}_{digest}"


def described(spec: AssetSpec, snapshot: AirflowSnapshot, links: Links) -> AssetSpec:
    """Return a mapped asset with links to its tasks and DAGs and with facts about them."""
    handles = handles_of(spec, snapshot.instance)
    if not handles:
        return spec
    metadata: dict[str, object] = {"Airflow Instance": snapshot.instance}
    for handle in handles:
        suffix = f" ({handle})" if len(handles) > 1 else ""
        facts = _facts(handle, snapshot, links)
        metadata.update({f"{label}{suffix}": value for label, value in facts.items()})
    tags = {INSTANCE_TAG: tag_part(snapshot.instance)}
    if len(handles) == 1:
        tags[DAG_ID_TAG] = tag_part(handles[0].dag_id)
        if isinstance(handles[0], TaskHandle):
            tags[TASK_ID_TAG] = tag_part(handles[0].task_id)
    kinds = {MAPPED_KIND} if len(spec.kinds | {MAPPED_KIND}) <= _MAX_KINDS else set[str]()
    return spec.merge_attributes(metadata=metadata, tags=tags, kinds=kinds)


def _facts(handle: Handle, snapshot: AirflowSnapshot, links: Links) -> dict[str, object]:
    facts: dict[str, object] = {
        "Airflow DAG ID": handle.dag_id,
        "View DAG": MetadataValue.url(links.dag(handle.dag_id)),
    }
    if isinstance(handle, DagHandle):
        return facts
    facts["Airflow Task ID"] = handle.task_id
    facts["View Task"] = MetadataValue.url(links.task(handle.dag_id, handle.task_id))
    task = snapshot.tasks.get(handle)
    if task and task.operator:
        facts["Operator"] = task.operator
    if task and task.downstream_task_ids:
        facts["Downstream Tasks"] = MetadataValue.json(sorted(task.downstream_task_ids))
    return facts


def drift(mapping: AssetMapping, snapshot: AirflowSnapshot) -> Sequence[str]:
    """Return a sentence for each task or DAG that is mapped and that the Airflow instance does not have."""
    return [
        _missing(handle, snapshot)
        for handle in sorted({*mapping.tasks, *mapping.dags}, key=str)
        if not (
            handle in snapshot.tasks if isinstance(handle, TaskHandle) else handle.dag_id in snapshot.dags
        )
    ]


def _missing(handle: Handle, snapshot: AirflowSnapshot) -> str:
    subject = f"Airflow instance {snapshot.instance!r} has no"
    if isinstance(handle, TaskHandle) and handle.dag_id in snapshot.dags:
        tasks = snapshot.task_ids(handle.dag_id)
        return f"{subject} task {handle}. {_instead(handle.task_id, tasks, f'The tasks of {handle.dag_id}')}"
    return f"{subject} DAG {handle.dag_id}. {_instead(handle.dag_id, sorted(snapshot.dags), 'Its DAGs')}"


def _instead(wanted: str, existing: Sequence[str], whose: str) -> str:
    if not existing:
        return f"{whose}: none."
    near = difflib.get_close_matches(wanted, existing, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    more = f" and {len(existing) - _SHOWN} more" if len(existing) > _SHOWN else ""
    return f"{whose} are {', '.join(existing[:_SHOWN])}{more}.{hint}"


@dataclass
class Lineage:
    """Which asset reads which, for edges that must not close a circle.

    Args:
        specs: Assets whose dependencies are known already.
    """

    specs: Iterable[AssetSpec]
    readers: dict[AssetKey, set[AssetKey]] = field(init=False)

    def __post_init__(self) -> None:
        """Turn the dependencies round."""
        self.readers = defaultdict(set)
        for spec in self.specs:
            for dep in spec.deps:
                self.readers[dep.asset_key].add(spec.key)

    def leaves(self, keys: frozenset[AssetKey]) -> list[AssetKey]:
        """Return those of the assets that no other of them reads, sorted."""
        return sorted((key for key in keys if not (self.readers.get(key, set()) - {key}) & keys), key=str)

    def attach(self, asset: AssetKey, deps: Iterable[AssetKey]) -> list[AssetKey]:
        """Let an asset read others, but none of those that read it, and return the ones it does."""
        below = self._below(asset)
        kept = [dep for dep in deps if dep not in below]
        for dep in kept:
            self.readers[dep].add(asset)
        return kept

    def _below(self, asset: AssetKey) -> set[AssetKey]:
        found, todo = {asset}, [asset]
        while todo:
            fresh = self.readers.get(todo.pop(), set()) - found
            found |= fresh
            todo.extend(fresh)
        return found


def lineage_order(specs: Iterable[AssetSpec]) -> Mapping[AssetKey, int]:
    """Number the assets so that each comes after those it reads; assets on a circle come last.

    The cost is linear in assets and dependencies.
    """
    readers: dict[AssetKey, list[AssetKey]] = defaultdict(list)
    waiting: dict[AssetKey, int] = {}
    for spec in specs:
        waiting.setdefault(spec.key, 0)
        for dep in spec.deps:
            waiting[spec.key] += 1
            waiting.setdefault(dep.asset_key, 0)
            readers[dep.asset_key].append(spec.key)
    ready = [key for key, count in waiting.items() if not count]
    for key in ready:
        for reader in readers[key]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    numbered = {key: number for number, key in enumerate(ready)}
    return {key: numbered.get(key, len(numbered)) for key in waiting}
