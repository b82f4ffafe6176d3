"""Dagster's run timeline: a job for each DAG, and a run of it for each DAG run that ended, at Airflow's own times."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from logging import Logger
from uuid import UUID

from dagster import AssetKey, DagsterInstance, JobDefinition

from dagster_airlift_core._dagster_private import Repository, external_job
from dagster_airlift_core.ended_run import EndedRun
from dagster_airlift_core.handles import dagster_name
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.mapping import AssetMapping
from dagster_airlift_core.memory import keep
from dagster_airlift_core.model import FAILED, DagRun
from dagster_airlift_core.run_names import dagster_run_of
from dagster_airlift_core.wire import DAG_ID_TAG, DAG_RUN_URL_TAG, INSTANCE_TAG, RUN_ID_TAG

_AIRFLOW = {"dagster/external_job_source": "airflow"}
"""Gives a job and a run the look of Airflow."""
_NO_RETRY = {"dagster/max_retries": "0"}
"""Dagster would run a job again that failed in Airflow, where run retries are on."""


@dataclass(frozen=True)
class Timeline:
    """The DAGs of an Airflow instance as jobs, and their runs.

    Args:
        airflow: The Airflow instance.
        mapping: Assets by task and DAG, DAG assets among them.
        dag_ids: The DAGs that have a job.
    """

    airflow: AirflowInstance
    mapping: AssetMapping
    dag_ids: frozenset[str]

    _written: OrderedDict[str, None] = field(default_factory=OrderedDict[str, None], init=False)

    def jobs(self) -> Iterable[JobDefinition]:
        """Return a job for each DAG."""
        keys = self.mapping.keys_by_dag()
        for dag_id in sorted(self.dag_ids):
            tags = {**_AIRFLOW, **_NO_RETRY}
            yield external_job(self._job_name(dag_id), sorted(keys.get(dag_id, ()), key=str), tags)

    def writer(
        self, instance: DagsterInstance, log: Logger, repository: Repository | None
    ) -> Callable[[DagRun], None]:
        """Return what stores a DAG run that ended as a run of Dagster, once; it never raises.

        Args:
            instance: Where it is stored.
            log: Where it is told what could not be stored.
            repository: Where the jobs are defined.
        """
        keys = self.mapping.keys_by_dag()

        def write(run: DagRun) -> None:
            ended = self._ended(run, keys)
            if ended is None or ended.run_id in self._written:
                return
            try:
                ended.write(instance, repository)
            except Exception:  # whatever Dagster's storage raises: the next look at the run tries again
                log.exception("The DAG run %s of %s is not in the timeline.", run.run_id, run.dag_id)
                return
            keep(self._written, ended.run_id, None)

        return write

    def _ended(self, run: DagRun, keys: Mapping[str, frozenset[AssetKey]]) -> EndedRun | None:
        """Return the run as Dagster knows it; one that Dagster triggered is there already."""
        if run.dag_id not in self.dag_ids or run.ended_at is None or dagster_run_of(run.run_id):
            return None
        name, url = self.airflow.name, self.airflow.links.dag_run(run.dag_id, run.run_id)
        identity = json.dumps([name, run.dag_id, run.run_id, run.state, run.ended_at.isoformat()])
        tags = {
            INSTANCE_TAG: name,
            DAG_ID_TAG: run.dag_id,
            RUN_ID_TAG: run.run_id,
            DAG_RUN_URL_TAG: url,
        }
        return EndedRun(
            run_id=str(UUID(hashlib.sha256(identity.encode()).hexdigest()[:32], version=4)),
            job_name=self._job_name(run.dag_id),
            tags={**tags, **_AIRFLOW, **_NO_RETRY},
            assets=keys.get(run.dag_id, frozenset()),
            started_at=run.started_at or run.ended_at,
            ended_at=run.ended_at,
            failure=f"The DAG run failed in Airflow: {url}" if run.state == FAILED else None,
        )

    def _job_name(self, dag_id: str) -> str:
        return dagster_name(f"{self.airflow.name}__dag__{dag_id}")
