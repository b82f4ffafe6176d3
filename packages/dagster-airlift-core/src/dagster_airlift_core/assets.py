"""From a snapshot to asset specs: an asset for each DAG, and what Airflow knows about mapped assets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dagster import AssetKey, AssetSpec, DagsterInvalidDefinitionError, MetadataValue

from dagster_airlift_core._dagster_specs import spec_like, with_facts
from dagster_airlift_core._dialect import Links
from dagster_airlift_core.drift import is_there
from dagster_airlift_core.handles import DagHandle, TaskHandle, dagster_name
from dagster_airlift_core.keys import dag_asset_key, instance_asset_key, tag_part, task_asset_key
from dagster_airlift_core.mapping import (
    DagIndex,
    Handle,
    MappingEntry,
    entries_of,
    handles_of,
    mapping_metadata,
)
from dagster_airlift_core.migration import RUNS_IN_TAG, STATUS_TAG, Place, place_of, where_dag_runs
from dagster_airlift_core.model import Dag, Task
from dagster_airlift_core.snapshot import AirflowSnapshot
from dagster_airlift_core.wire import DAG_ID_TAG, INSTANCE_TAG, MAPPED_ASSETS_METADATA_KEY, TASK_ID_TAG

MAPPED_KIND = "airliftmapped"
"""Dagster's UI shows it as the logo of Airflow with the word "Mapped"."""
OPERATOR_TAG = "airlift/operator"
TASK_GROUP_TAG = "airlift/task-group"
"""Tags of a mapped asset, by which Dagster finds all assets of one operator or one group of tasks."""
_KIND_TAG = "dagster/kind/"
_MAX_KINDS = 10


@dataclass(frozen=True)
class Source:
    """One snapshot of an Airflow instance, and the pages of its UI.

    Args:
        snapshot: The snapshot.
        links: The pages.
    """

    snapshot: AirflowSnapshot
    links: Links

    @classmethod
    def of(cls, snapshot: AirflowSnapshot, base_url: str) -> Source:
        """Return a snapshot with the pages of the UI that it was taken from, whoever looks at it now.

        Args:
            snapshot: The snapshot.
            base_url: URL of the web server.
        """
        return cls(snapshot, Links(base_url, lambda: snapshot.is_airflow_2))

    @property
    def instance(self) -> str:
        """Name of the Airflow instance."""
        return self.snapshot.instance


def instance_asset_spec(instance: str, links: Links, snapshot: AirflowSnapshot | None) -> AssetSpec:
    """Return the asset that stands for an Airflow instance; the check on it says how old the rest is."""
    metadata: dict[str, object] = {"View Airflow": MetadataValue.url(links.base_url)}
    if snapshot:
        metadata["DAGs"] = len(snapshot.dags)
        problems = {problem.file: problem.message for problem in snapshot.import_problems}
        lists = {"Import Problems": problems, "Not Read": list(snapshot.notes)}
        metadata.update({label: MetadataValue.json(value) for label, value in lists.items() if value})
    return AssetSpec(
        key=instance_asset_key(instance),
        description=f"The Airflow instance {instance}.",
        kinds={"airflow"},
        group_name=dagster_name(instance),
        tags={INSTANCE_TAG: tag_part(instance)},
        metadata=metadata,
    )


def dag_asset_spec(source: Source, dag: Dag, deps: Iterable[AssetKey], index: DagIndex) -> AssetSpec:
    """Return the asset that stands for a DAG; metadata tells owners and tags where Dagster's own cannot be the same."""
    name = source.instance
    owners = [owner for owner in dag.owners if is_dagster_owner(owner)]
    tags = [tag_part(tag) for tag in dag.tags]
    runs_in = where_dag_runs(dag.dag_id, source.snapshot)
    metadata = _dag_metadata(source, dag)
    if len(owners) < len(dag.owners):
        metadata["Airflow Owners"] = ", ".join(dag.owners)
    if tags != [*dag.tags]:
        metadata["Airflow Tags"] = ", ".join(dag.tags)
    # Last, since it may be long: Dagster shows them in this order.
    metadata[MAPPED_ASSETS_METADATA_KEY] = index.to_metadata()
    return spec_like(
        template(name, "dag"),
        key=dag_asset_key(name, dag.dag_id),
        deps=deps,
        description=_description(dag, name),
        owners=owners,
        tags={
            INSTANCE_TAG: tag_part(name),
            DAG_ID_TAG: tag_part(dag.dag_id),
            **_status(dag),
            **({RUNS_IN_TAG: runs_in.value} if runs_in else {}),
            **{f"airflow/{tag}": "" for tag in tags},
        },
        metadata=metadata,
    )


def _dag_metadata(source: Source, dag: Dag) -> dict[str, object]:
    metadata: dict[str, object] = {"View DAG": MetadataValue.url(source.links.dag(dag.dag_id))}
    if dag.schedule:
        metadata["Schedule"] = dag.schedule
    proxied, known = source.snapshot.progress.get(dag.dag_id, (0, 0))
    if known:
        metadata["Tasks Proxied"] = f"{proxied} of {known}"
    if code := source.snapshot.sources.get(dag.dag_id):
        metadata["Source Code"] = MetadataValue.md(f"```python\n{code}\n```")
    if dag.has_import_errors:
        metadata["Import Problem"] = True
    return metadata


@lru_cache(maxsize=64)
def template(instance: str, *kinds: str) -> AssetSpec:
    """Return a spec of Airflow and more kinds, in the group of an Airflow instance, which others are made like."""
    return AssetSpec("template", kinds={"airflow", *kinds}, group_name=dagster_name(instance))


def _description(dag: Dag, instance: str) -> str:
    """Return what the DAG says of itself, and where it is defined: of a text, the lineage shows the first line."""
    text = dag.description or f"The DAG {dag.dag_id} of the Airflow instance {instance}."
    return f"{text}\n\nDefined in `{dag.file}`." if dag.file else text


def _status(dag: Dag) -> Mapping[str, str]:
    if dag.is_stale:
        return {STATUS_TAG: "stale"}
    return {STATUS_TAG: "paused"} if dag.is_paused else {}


def task_asset_specs(source: Source, handles: Iterable[TaskHandle]) -> Sequence[AssetSpec]:
    """Return an asset for each of these tasks; it reads the assets of the tasks right before it."""
    known = set(handles)
    deps: dict[TaskHandle, list[AssetKey]] = {handle: [] for handle in sorted(known)}
    for handle in deps:
        for after in sorted(source.snapshot.tasks[handle].downstream_task_ids):
            reader = TaskHandle(handle.dag_id, after)
            if reader in known:
                deps[reader].append(task_asset_key(source.instance, handle.dag_id, handle.task_id))
    return [_task_asset_spec(source, handle, keys) for handle, keys in deps.items()]


def _task_asset_spec(source: Source, handle: TaskHandle, deps: Sequence[AssetKey]) -> AssetSpec:
    spec = spec_like(
        template(source.instance, "task"),
        key=task_asset_key(source.instance, handle.dag_id, handle.task_id),
        deps=deps,
        description=f"The task {handle} of the Airflow instance {source.instance}.",
        owners=(),
        tags={},
        metadata={},
    )
    return described(spec, source, None, [MappingEntry(handle, source.instance)])


@lru_cache(maxsize=1024)
def is_dagster_owner(owner: str) -> bool:
    """Whether Dagster takes this text for an owner; names of Airflow owners mostly are none."""
    if "@" not in owner and ":" not in owner:
        return False
    try:
        AssetSpec("owner", owners=[owner])
    except DagsterInvalidDefinitionError:
        return False
    return True


def described(
    spec: AssetSpec, source: Source, automation: str | None, added: Sequence[MappingEntry] = ()
) -> AssetSpec:
    """Return a mapped asset with links to its tasks and DAGs and with facts about them.

    Entries of its mapping that name no Airflow instance become those of this one. Other assets stay as they are.

    Args:
        spec: The asset, with its mapping.
        source: What Airflow has.
        automation: What makes Dagster run the asset on its own account, None for nothing.
        added: Entries to add to its mapping.
    """
    entries = (*entries_of(spec, source.instance), *added)
    handles = tuple(dict.fromkeys([one.handle for one in entries if one.instance == source.instance]))
    if not handles:
        return spec
    tasks = [_task_of(handle, source.snapshot) for handle in handles]
    tags = {INSTANCE_TAG: tag_part(source.instance), **_task_tags(tasks)}
    if len(handles) == 1:
        tags[DAG_ID_TAG] = tag_part(handles[0].dag_id)
        if isinstance(handles[0], TaskHandle):
            tags[TASK_ID_TAG] = tag_part(handles[0].task_id)
    place = place_of(handles, source.snapshot, automation)
    if place:
        tags[RUNS_IN_TAG] = place.runs_in.value
    metadata: dict[str, object] = {}
    for handle, task in zip(handles, tasks, strict=True):
        suffix = f" ({handle})" if len(handles) > 1 else ""
        for label, value in _facts(handle, task, source, tags):
            metadata[label + suffix] = value
        if not is_there(handle, source.snapshot):
            tags[STATUS_TAG] = "missing"
    if place:
        metadata["Where It Runs"] = place.why
    if len(spec.kinds) < _MAX_KINDS:
        tags[f"{_KIND_TAG}{MAPPED_KIND}"] = ""
    return with_facts(spec, {**metadata, **mapping_metadata(entries)}, tags)


def _task_of(handle: Handle, snapshot: AirflowSnapshot) -> Task | None:
    return snapshot.tasks.get(handle) if isinstance(handle, TaskHandle) else None


def _task_tags(tasks: Sequence[Task | None]) -> dict[str, str]:
    """Return the operator and the task group that all of these tasks share, where a tag can hold them as they are."""
    shared = {
        OPERATOR_TAG: [task.operator if task else None for task in tasks],
        TASK_GROUP_TAG: [task.group_id if task else None for task in tasks],
    }
    return {
        tag: value
        for tag, (value, *others) in shared.items()
        if value and others.count(value) == len(others) and tag_part(value) == value
    }


def _facts(
    handle: Handle, task: Task | None, source: Source, tags: Mapping[str, str]
) -> Iterator[tuple[str, object]]:
    """Yield what is known of a task or DAG and is not told by a tag."""
    links = source.links
    dag = source.snapshot.dags.get(handle.dag_id)
    if dag and dag.schedule and RUNS_IN_TAG not in tags:  # else it stands where it is told what runs there
        yield "Schedule", dag.schedule
    if isinstance(handle, DagHandle):
        yield "View DAG", MetadataValue.url(links.dag(handle.dag_id))
        return
    yield "View Task", MetadataValue.url(links.task(handle.dag_id, handle.task_id))
    if task and task.operator and OPERATOR_TAG not in tags:
        yield "Operator", task.operator
    if task and task.group_id and TASK_GROUP_TAG not in tags:
        yield "Task Group", task.group_id


def mistakes(specs: Iterable[AssetSpec], source: Source, automation: Mapping[AssetKey, str]) -> Sequence[str]:
    """Return a sentence for each asset that Airflow runs and that Dagster runs on its own account as well."""
    places: list[tuple[AssetSpec, Place | None]] = [
        (spec, place_of(handles_of(spec, source.instance), source.snapshot, automation[spec.key]))
        for spec in specs
        if spec.key in automation
    ]
    return [
        f"{spec.key.to_user_string()}: {place.why}" for spec, place in places if place and place.is_mistake
    ]
