"""What may know more precisely than Airflow what a finished task did to its assets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from dagster import AssetCheckEvaluation, AssetKey, AssetMaterialization, AssetObservation

from dagster_airlift_core.handles import TaskHandle
from dagster_airlift_core.instance import AirflowInstance
from dagster_airlift_core.model import TaskInstance

TaskEvent: TypeAlias = AssetMaterialization | AssetObservation | AssetCheckEvaluation
"""What a finished task may have done: built an asset, failed at one, or tested one."""


@runtime_checkable
class TaskResults(Protocol):
    """Knows what a finished task did, asset by asset: dbt's run results, a log, a store."""

    def events_of(
        self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[AssetKey]
    ) -> Sequence[TaskEvent] | None:
        """Return what a finished task did to the assets that are mapped to it.

        It is asked for each try that ended, well or not, and of the tasks that it names for each that Airflow skipped
        or did not get to, until all that it tells is stored, and within the time of a
        tick: it has to answer in seconds. Identity and what Airflow says of the try are added to what it returns; of
        two values with the same name, its own stays.

        Args:
            airflow: The Airflow instance, for what else it is to be asked.
            instances: The finished try; for a dynamically mapped task all of its instances, unless each of them is
                told of.
            keys: Keys of the assets that are mapped to the task.

        Returns:
            The events, in their order; None where nothing is known beyond the state of the task, so that a success
            stands for all of its assets.

        Raises:
            AirliftError: It cannot be told now. The task is set aside, named, and asked for again. So is one for which
                anything else is raised, with the traceback in the log.
        """
        ...


@runtime_checkable
class KnowsTestingTasks(Protocol):
    """Results that are wanted too of tasks to which no asset is mapped, because they test and build nothing."""

    @property
    def testing_tasks(self) -> Collection[TaskHandle]:
        """The tasks; what is returned of them is what they tested."""
        ...


@runtime_checkable
class KnowsUnreachedTasks(Protocol):
    """Results that are wanted too of tasks that Airflow skipped, or did not get to because something before them failed."""

    @property
    def unreached_tasks(self) -> Collection[TaskHandle]:
        """The tasks; where nothing is known of one that Airflow did not get to, it is observed that nothing was built."""
        ...


def unreached_tasks(results: TaskResults | None) -> Collection[TaskHandle]:
    """Return the tasks that are told of as well when Airflow skipped them, or did not get to them.

    Args:
        results: What knows results, None where nothing does.
    """
    return results.unreached_tasks if isinstance(results, KnowsUnreachedTasks) else ()


def testing_tasks(results: TaskResults | None) -> Collection[TaskHandle]:
    """Return the tasks without assets whose results are wanted.

    Args:
        results: What knows results, None where nothing does.
    """
    return results.testing_tasks if isinstance(results, KnowsTestingTasks) else ()
