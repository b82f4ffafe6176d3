"""The same from YAML: a component whose state is a snapshot of the Airflow instance."""

# Dagster looks at the annotations of a component, so they must not be put off (no __future__ import).
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Literal

from dagster import (
    ComponentLoadContext,
    DefaultSensorStatus,
    Definitions,
    Resolvable,
    load_definitions_from_module,
)
from dagster.components import (
    DefsStateConfig,
    DefsStateConfigArgs,
    ResolvedDefsStateConfig,
    StateBackedComponent,
    scaffold_with,
)

from dagster_airlift_core.choices import Choices
from dagster_airlift_core.component_auth import ResolvedAirflowAuth
from dagster_airlift_core.component_fields import (
    AirflowDagMapping,
    ResolvedAirflowFilter,
    ResolvedHttpOptions,
    with_mappings,
)
from dagster_airlift_core.component_scaffolding import AirflowInstanceScaffolder
from dagster_airlift_core.composition import peered
from dagster_airlift_core.dag_trigger import triggers_of
from dagster_airlift_core.errors import AirflowApiError
from dagster_airlift_core.filters import EVERYTHING
from dagster_airlift_core.http_options import DEFAULT_OPTIONS
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.loading import Loaded
from dagster_airlift_core.partitions import PartitionSource
from dagster_airlift_core.reading import Reading
from dagster_airlift_core.snapshot import SnapshotError
from dagster_airlift_core.snapshot_file import SnapshotFile

_ALWAYS_REFRESHED = DefsStateConfigArgs.legacy_code_server_snapshots().management_type
_log = logging.getLogger(__name__)


@scaffold_with(AirflowInstanceScaffolder)
@dataclass
class AirflowInstanceComponent(StateBackedComponent, Resolvable):
    """Peer an Airflow instance: an asset for each DAG, your mapped assets, checks, and a sensor that observes.

    Its state is a snapshot of the instance: `dg utils refresh-defs-state` takes a new one, and loading the
    code location asks Airflow nothing; `dg dev` takes one each time it loads. Without a state, and when
    `dg dev` cannot reach Airflow, the location loads all the same, and an asset check says what is wrong.

    Args:
        auth: Where Airflow is, and the credentials.
        name: Names the instance in asset keys, tags and the sensor: keep it stable.
        http: How HTTP gets there: certificates, proxy, headers, connections.
        filter: Which DAGs and Airflow assets are asked for.
        mappings: The assets of tasks and DAGs: new specs, or keys of assets below this folder.
        source_code_retrieval_enabled: Whether the source code of each DAG is shown.
        sensor_minimum_interval_seconds: Seconds between two looks at Airflow.
        default_sensor_status: Whether the sensor runs before anyone has switched it on.
        task_assets: Whether each task is an asset as well.
        partition_source: Which moment of a DAG run names the partition of partitioned assets.
        mapped_tasks: Whether a dynamically mapped task is told of once, or each of its instances.
        trigger_dags: Ids of the DAGs whose assets can be materialized from Dagster, by a run of the DAG.
        run_timeline: Whether each DAG is a job as well, and each DAG run that ended a run of it.
        defs_state: Where the state is kept.
    """

    auth: ResolvedAirflowAuth
    name: str
    http: ResolvedHttpOptions = DEFAULT_OPTIONS
    filter: ResolvedAirflowFilter | None = None
    mappings: Sequence[AirflowDagMapping] | None = None
    source_code_retrieval_enabled: bool | None = None
    sensor_minimum_interval_seconds: int = 30
    default_sensor_status: Literal["RUNNING", "STOPPED"] = "RUNNING"
    task_assets: bool = False
    partition_source: PartitionSource = "data_interval_start"
    mapped_tasks: Literal["once", "each"] = "once"
    trigger_dags: Sequence[str] = ()
    run_timeline: bool = False
    defs_state: ResolvedDefsStateConfig = field(default_factory=DefsStateConfigArgs.local_filesystem)

    def __post_init__(self) -> None:
        """Begin with a state that nothing is wrong with."""
        self._stale_because: str | None = None

    @property
    def defs_state_config(self) -> DefsStateConfig:
        """Where the state is kept, under a name that differs wherever its content may."""
        selection = [*astuple(self.filter or EVERYTHING), bool(self.source_code_retrieval_enabled)]
        digest = hashlib.sha256(json.dumps(selection, default=list).encode()).hexdigest()[:8]
        key = f"AirflowInstanceComponent[{self.name},{digest}]"
        return DefsStateConfig.from_args(self.defs_state, default_key=key)

    def build_defs(self, context: ComponentLoadContext) -> Definitions:
        """Return the definitions; where the state is refreshed at load and cannot be, those of the last one.

        Args:
            context: Where the component stands.
        """
        try:
            return super().build_defs(context)
        except AirflowApiError as error:
            _log.warning("Airflow instance %r could not be read: %s", self.name, error)
            if self.defs_state.management_type is _ALWAYS_REFRESHED:
                return self._defs(context, Loaded(None, str(error)))
            last = replace(self, defs_state=self.defs_state.model_copy(update={"refresh_if_dev": False}))
            last._stale_because = str(error)  # noqa: SLF001 - another of us
            return last.build_defs(context)

    def write_state_to_path(self, state_path: Path) -> None:
        """Take a snapshot.

        Args:
            state_path: File of the state; what Airflow does not tell is taken from it, if it is there.

        Raises:
            AirflowApiError: Airflow did not list its DAGs; the file stays as it is.
        """
        file = SnapshotFile(state_path)
        reading = Reading(
            airflow=self._airflow,
            only=self.filter or EVERYTHING,
            with_sources=bool(self.source_code_retrieval_enabled),
            last=_loaded(state_path, None).snapshot,
        )
        file.write(reading.snapshot())

    def build_defs_from_state(self, context: ComponentLoadContext, state_path: Path | None) -> Definitions:
        """Return the definitions; nobody is asked.

        Args:
            context: Where the component stands; assets in folders below it can be mapped by key.
            state_path: File of the state, None where there is none yet.

        Raises:
            MappingError: A mapping names a key that no asset has, or makes an asset a second time.
        """
        return self._defs(context, _loaded(state_path, self._stale_because))

    def _defs(self, context: ComponentLoadContext, loaded: Loaded) -> Definitions:
        yours = with_mappings(_defs_below(context), self.mappings or ())
        choices = Choices(
            sensor_minimum_interval_seconds=self.sensor_minimum_interval_seconds,
            default_sensor_status=DefaultSensorStatus(self.default_sensor_status),
            task_assets=self.task_assets,
            partition_source=self.partition_source,
            mapped_tasks=self.mapped_tasks,
            triggers=triggers_of(self.trigger_dags),
            run_timeline=self.run_timeline,
        )
        return peered(self._airflow, yours, loaded, choices)

    @property
    def _airflow(self) -> AirflowInstance:
        return AirflowInstance(self.auth, self.name, http=self.http)


def _defs_below(context: ComponentLoadContext) -> Definitions:
    """Return what the Python files of the component's folder define; Dagster leaves them to the component."""
    modules = [
        context.load_defs_relative_python_module(path)
        for path in sorted(context.path.rglob("*.py"))
        if not any(part.startswith(".") for part in path.relative_to(context.path).parts)
    ]
    return Definitions.merge(*(load_definitions_from_module(module) for module in modules))


def _loaded(state_path: Path | None, stale_because: str | None) -> Loaded:
    if state_path is None:
        return Loaded(None, stale_because or "There is no state yet: run `dg utils refresh-defs-state`.")
    try:
        snapshot = SnapshotFile(state_path).read()
    except SnapshotError as error:
        return Loaded(None, f"{stale_because or ''} {error} Run `dg utils refresh-defs-state`.".strip())
    return Loaded(snapshot, stale_because)
