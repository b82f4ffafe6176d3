"""Finds out which tasks of an Airflow instance run dbt, and keeps it for when Airflow does not answer."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import zlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from dagster_airlift_core import AirflowApiError, AirflowFilter, AirflowInstance, TaskHandle
from dagster_airlift_core.carrying import carried, only_validating
from dagster_airlift_core.checked_file import CheckedFile, CheckedFileError
from dagster_airlift_core.loading import state_folder
from dagster_airlift_core.model import RenderedFields, Task
from dagster_airlift_dbt.discovered import Discovered, DiscoveredError
from dagster_airlift_dbt.fields import are_complete
from dagster_airlift_dbt.recognition import RecognisedTask, recognise, style_of

WITHIN = 40.0
"""Seconds, twice; the definitions ask Airflow too, and Dagster gives a location up that takes more than 180."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Discovery:
    """How to find out which tasks of an Airflow instance run dbt.

    Args:
        airflow: The Airflow instance.
        only: Which DAGs are looked at.
        path: Where what was found is kept; None for a file below `$DAGSTER_HOME/airlift`, and for none where
            that is not set.
        within: Seconds after which no further DAG is asked for its tasks, and as many for what they ran.
    """

    airflow: AirflowInstance
    only: AirflowFilter
    path: Path | None = None
    within: float = WITHIN

    def load(self) -> Discovered:
        """Find it out; where Airflow does not answer, return what was found last, or nothing.

        A process that runs a step gets what the code server found, and asks nobody.
        """
        return carried(
            f"dagster-airlift/dbt/{self.airflow.name}/{self._digest}", self._found, _packed, unpacked
        )

    @property
    def file(self) -> CheckedFile | None:
        """Where what was found is kept."""
        folder = state_folder(self.airflow)
        path = self.path or (folder and folder / f"{self._digest}.dbt")
        return CheckedFile(path, "airlift-dbt-tasks", "state of the dbt tasks") if path else None

    @property
    def _digest(self) -> str:
        asked = [*astuple(self.only), self.airflow.links.base_url]
        return hashlib.sha256(json.dumps(asked, default=list).encode()).hexdigest()[:12]

    def _found(self) -> Discovered:
        last = self._last()
        if only_validating():
            return replace(last, problems=("Definitions are only validated: Airflow is not asked.",))
        try:
            found = self._ask(last)
        except AirflowApiError as error:
            why = f"What the dbt tasks run is as it was found last: {error}"
            _log.warning("%s", why)
            return replace(last, problems=(why,))
        self._keep(found)
        return found

    def _last(self) -> Discovered:
        try:
            text = self.file.read() if self.file else None
            last = Discovered.from_json(text) if text else None
        except (CheckedFileError, DiscoveredError) as error:
            _log.warning("%s It is found out anew.", error)
            last = None
        nothing = Discovered(self.airflow.name)
        return last if last and last.instance == self.airflow.name else nothing

    def _keep(self, found: Discovered) -> None:
        try:
            if self.file:
                self.file.write(found.to_json())
        except OSError as error:
            _log.warning("What the dbt tasks run cannot be kept: %s.", error)

    def _ask(self, last: Discovered) -> Discovered:
        problems: list[str] = []
        unread: set[str] = set()
        tasks: list[Task] = []
        dag_ids = [dag.dag_id for dag in self.airflow.list_dags(self.only).rows]
        for dag_id, page in self.airflow.list_tasks_of(dag_ids, within=self.within).items():
            if isinstance(page, AirflowApiError):
                problems.append(f"The tasks of {dag_id}: {page}")
                unread.add(dag_id)
            else:
                tasks += page.rows
        ran = self._ran(tasks, problems)
        found = [_recognised(task, ran.get(_handle(task), ()), last) for task in tasks]
        found += [task for task in last.tasks if task.handle.dag_id in unread]
        return Discovered(self.airflow.name, tuple(task for task in found if task), tuple(problems))

    def _ran(self, tasks: list[Task], problems: list[str]) -> Mapping[TaskHandle, tuple[RenderedFields, ...]]:
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for task in tasks:
            if style_of(task):
                wanted[task.dag_id].append(task.task_id)
        found: dict[TaskHandle, tuple[RenderedFields, ...]] = {}
        for dag_id, latest in self.airflow.rendered_fields_of(wanted, within=self.within).items():
            if isinstance(latest, AirflowApiError):
                problems.append(f"What {dag_id} ran last: {latest}")
            else:
                found |= {
                    TaskHandle(dag_id, task_id): tuple(row for row in rows if are_complete(row.fields))
                    for task_id, rows in latest.items()
                }
        return found


def _recognised(task: Task, ran: tuple[RenderedFields, ...], last: Discovered) -> RecognisedTask | None:
    """What is known of a task: what it ran now, or what was known before its last runs, or Dagster, came to it."""
    known = last.by_handle.get(_handle(task))
    if known and task.is_proxied:
        return known
    if known and known.run_id and not ran and style_of(task) == known.style:
        return known
    return recognise(task, ran)


def _handle(task: Task) -> TaskHandle:
    return TaskHandle(task.dag_id, task.task_id)


def _packed(found: Discovered) -> str:
    return base64.b64encode(zlib.compress(found.to_json().encode(), 6)).decode()


def unpacked(text: str) -> Discovered:
    """Read what a code server has told a process that runs a step.

    Args:
        text: What it told.

    Raises:
        DiscoveredError: It is none of ours, or of another release.
    """
    try:
        return Discovered.from_json(zlib.decompress(base64.b64decode(text)).decode())
    except (ValueError, zlib.error) as error:
        raise DiscoveredError(f"No state of a code location: {error!r}.") from error
