"""The operators: one for what is mapped to a task, one for named assets, one for a job, and one that only fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from airflow.configuration import AIRFLOW_HOME
from airflow.providers.common.compat.sdk import (  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed
    AirflowFailException,
    BaseOperator,
    Context,
    conf,
)

from airflow.providers.dagster import calls
from airflow.providers.dagster.arguments import asset_keys_of, groups_of, run_config_of, tags_of
from airflow.providers.dagster.asking_together import ask_together
from airflow.providers.dagster.assets import MappedAsset
from airflow.providers.dagster.client import DagsterClient
from airflow.providers.dagster.exceptions import NothingToRun
from airflow.providers.dagster.launching import Attempt
from airflow.providers.dagster.lookup import Lookup
from airflow.providers.dagster.mapping_cache import MappingCache
from airflow.providers.dagster.model import Work
from airflow.providers.dagster.named_assets import Groups, check_named
from airflow.providers.dagster.operators.launch import (
    ASSET_KEYS_XCOM_KEY,
    RUN_IDS_XCOM_KEY,
    DagsterLaunchOperator,
)
from airflow.providers.dagster.partition_keys import PartitionCheck
from airflow.providers.dagster.partitions import Choice, check_use, choose_partition, partition_tags
from airflow.providers.dagster.patience import Patience
from airflow.providers.dagster.plans import Plan, attempt_of
from airflow.providers.dagster.selection import Wanted, by_place
from airflow.providers.dagster.targets import MappedToTask, Target

__all__ = [
    "ASSET_KEYS_XCOM_KEY",
    "RUN_IDS_XCOM_KEY",
    "DagsterMaterializeAssetsOperator",
    "DagsterProxyOperator",
    "DagsterRunJobOperator",
    "UnreadableStateOperator",
]


class DagsterProxyOperator(DagsterLaunchOperator):
    """Launches the Dagster assets that are mapped to this task and waits for them.

    The assets are those whose metadata names this Airflow instance, DAG and task. A retry follows the run that an
    earlier try has launched, as long as that is alive or has succeeded; a clear always runs again.

    Args:
        target: What to run: what is mapped to the task, or to its DAG.
        once: Whether, of the copies of a dynamically mapped task, only the first one runs it; the others end well at
            once.
        partition_key: The partition to run, where the assets are partitioned; otherwise that of the Airflow run.
            (templated)
        partition_source: Which moment of the DAG run names the partition, where nothing else does:
            `data_interval_start`, `data_interval_end`, `logical_date` or `run_after`.
        **kwargs: What every operator takes, and `dagster_conn_id`, `deferrable` and `cancel_on_kill` of
            `DagsterLaunchOperator`.
    """

    custom_operator_name = "DagsterProxy"
    template_fields = ("dagster_conn_id", "partition_key")

    def __init__(
        self,
        *,
        target: Target | None = None,
        once: bool = False,
        partition_key: str | None = None,
        partition_source: str = "data_interval_start",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.once = once
        self.partition_key = partition_key
        self.partition_source = partition_source

    def plan(self, dagster: DagsterClient, patience: Patience, context: Mapping[str, Any]) -> Plan:
        """Find the mapped assets and their partition.

        Args:
            dagster: The Dagster instance.
            patience: How long to ask it.
            context: Airflow's context of the task instance.

        Returns:
            One run for each code location.

        Raises:
            DagsterError: See the tree in `airflow.providers.dagster.exceptions`.
        """
        ti: Any = context["ti"]
        if self.once and (ti.map_index or 0) > 0:
            self.log.info("The copy with map index 0 runs the assets in Dagster for all copies of this task.")
            return Plan(_instance_name(), ())
        wanted = Wanted(_instance_name(), ti.dag_id, ti.task_id, self.target or MappedToTask())
        cache = MappingCache(Path(AIRFLOW_HOME) / "dagster_mappings", dagster.address.url)
        # Without a name of the instance, that of the mappings is in the tags of its runs: it is not known yet.
        tags = attempt_of(wanted.instance, ti).task_instance_tags if wanted.instance else {}
        choice = choose_partition(context, partition_key=self.partition_key, source=self.partition_source)
        selection = Lookup(dagster, patience, cache, self.log).select(wanted, tags, choice.question)
        check_use(selection.assets, choice)
        check = PartitionCheck(dagster, patience)
        works = tuple(_work(assets, choice, check) for assets in selection.by_location)
        return Plan(selection.instance, works, selection.runs)

    def _way_back(self, attempt: Attempt) -> str:
        is_whole = (self.target or MappedToTask()).is_of_whole_dag
        what, entry = ("DAG", "") if is_whole else ("task", f" for {attempt.task_id!r}")
        return f" To run the {what} in Airflow again, set `migrated: false`{entry} in {attempt.dag_id}.yaml."


class DagsterMaterializeAssetsOperator(DagsterLaunchOperator):
    """Launches assets in Dagster, by key or by group, and waits for them: one run for each code location that has some.

    Args:
        asset_keys: Keys of the assets, each as Dagster shows it, such as `raw/orders`, or as a list of its parts.
            (templated)
        groups: Asset groups: all of their assets that Dagster can run. (templated)
        partition_key: The partition to run, where they are partitioned; otherwise that of the Airflow run. (templated)
        partition_source: Which moment of the DAG run names the partition, where nothing else does:
            `data_interval_start`, `data_interval_end`, `logical_date` or `run_after`.
        run_config: Dagster's run config. (templated)
        tags: Further tags of the run. (templated)
        **kwargs: What every operator takes, and `dagster_conn_id`, `deferrable` and `cancel_on_kill` of
            `DagsterLaunchOperator`.
    """

    custom_operator_name = "DagsterMaterializeAssets"
    template_fields = ("dagster_conn_id", "asset_keys", "groups", "partition_key", "run_config", "tags")
    template_fields_renderers = {"run_config": "json", "tags": "json"}  # noqa: RUF012 - Airflow's name and type

    def __init__(
        self,
        *,
        asset_keys: Sequence[str | Sequence[str]] = (),
        groups: Sequence[str] = (),
        partition_key: str | None = None,
        partition_source: str = "data_interval_start",
        run_config: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.asset_keys = asset_keys
        self.groups = groups
        self.partition_key = partition_key
        self.partition_source = partition_source
        self.run_config = run_config
        self.tags = tags

    def plan(self, dagster: DagsterClient, patience: Patience, context: Mapping[str, Any]) -> Plan:
        """Find the assets and their partition.

        Args:
            dagster: The Dagster instance.
            patience: How long to ask it.
            context: Airflow's context of the task instance.

        Returns:
            One run for each code location.

        Raises:
            DagsterError: See the tree in `airflow.providers.dagster.exceptions`.
        """
        keys, groups = asset_keys_of(self.asset_keys), groups_of(self.groups)
        config, tags = run_config_of(self.run_config), tags_of(self.tags)
        choice = choose_partition(context, partition_key=self.partition_key, source=self.partition_source)
        keys |= Groups(dagster, patience, self.log).keys(groups)
        assets = ask_together(dagster, patience, partial(calls.assets, sorted(keys)), choice.question)
        check_named(keys, assets)
        check_use(assets, choice)
        check = PartitionCheck(dagster, patience)
        works = (_work(group, choice, check, config, tags) for group in by_place(assets))
        return Plan(_instance_name(), tuple(works))


class DagsterRunJobOperator(DagsterLaunchOperator):
    """Launches a job of Dagster and waits for it.

    Args:
        job_name: The job. (templated)
        location_name: Its code location; needed when several have a job of that name. (templated)
        run_config: Dagster's run config. (templated)
        tags: Further tags of the run. (templated)
        **kwargs: What every operator takes, and `dagster_conn_id`, `deferrable` and `cancel_on_kill` of
            `DagsterLaunchOperator`.
    """

    custom_operator_name = "DagsterRunJob"
    template_fields = ("dagster_conn_id", "job_name", "location_name", "run_config", "tags")
    template_fields_renderers = {"run_config": "json", "tags": "json"}  # noqa: RUF012 - Airflow's name and type

    def __init__(
        self,
        *,
        job_name: str,
        location_name: str = "",
        run_config: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name
        self.location_name = location_name
        self.run_config = run_config
        self.tags = tags

    def plan(self, dagster: DagsterClient, patience: Patience, context: Mapping[str, Any]) -> Plan:  # noqa: ARG002
        """Find the job.

        Args:
            dagster: The Dagster instance.
            patience: How long to ask it.
            context: Airflow's context of the task instance.

        Returns:
            One run.

        Raises:
            NothingToRun: There is no such job, or several.
        """
        config, tags = run_config_of(self.run_config), tags_of(self.tags)
        jobs = patience.ask(lambda: dagster.ask(calls.jobs()))
        found = [each for each in jobs if each.job == self.job_name]
        here = [each for each in found if self.location_name in {"", each.location}]
        if len(here) != 1:
            raise NothingToRun(_no_job(self.job_name, self.location_name, found))
        return Plan(_instance_name(), (replace(here[0], tags=tags, run_config=config),))


class UnreadableStateOperator(BaseOperator):
    """Stands for a task of a DAG whose migration state cannot be read, and fails with the reason.

    Args:
        reason: What is wrong with the file, and where.
    """

    custom_operator_name = "DagsterProxy (unreadable migration state)"

    def __init__(self, *, reason: str, **kwargs: Any) -> None:  # noqa: ANN401
        super().__init__(**kwargs)
        self.reason = reason

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Fail, without a retry.

        Raises:
            AirflowFailException: Always.
        """
        raise AirflowFailException(self.reason)


def _instance_name() -> str:
    return str(conf.get("dagster", "instance_name", fallback="") or "")


def _work(
    assets: Sequence[MappedAsset],
    choice: Choice,
    check: PartitionCheck,
    run_config: Mapping[str, object] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Work:
    return Work(
        assets[0].location,
        assets[0].repository,
        asset_keys=tuple(asset.key for asset in assets),
        tags={**(tags or {}), **partition_tags(assets, choice, check)},
        run_config=run_config or {},
    )


def _no_job(name: str, location: str, found: Sequence[Work]) -> str:
    places = ", ".join(repr(each.location) for each in found) or "none"
    where = f" in code location {location!r}" if location else ""
    return (
        f"Dagster does not have exactly one job {name!r}{where}; the code locations with a job of that name: {places}. "
        "Correct `job_name`, or name one of them in `location_name`."
    )
