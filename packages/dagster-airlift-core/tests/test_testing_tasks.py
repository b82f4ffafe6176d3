"""Tasks that test and build nothing: what knows results is asked about them although no asset is mapped to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import dagster as dg
import pytest

from dagster_airlift_core import (
    AirflowInstance,
    TaskEvent,
    TaskHandle,
    TaskInstance,
    assets_with_task_mappings,
    build_defs_from_airflow_instance,
)
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

TESTED = dg.AssetCheckEvaluation(asset_key=dg.AssetKey("a"), check_name="unique", passed=False)


class TestResults:
    """Says of each task without assets that it tested one."""

    __test__ = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def testing_tasks(self) -> Collection[TaskHandle]:
        return [TaskHandle("etl", "test")]

    def events_of(
        self, airflow: AirflowInstance, instances: Sequence[TaskInstance], keys: Collection[dg.AssetKey]
    ) -> Sequence[TaskEvent] | None:
        assert airflow.name == "prod"
        self.asked.append(instances[0].task_id)
        return None if keys else [TESTED]


@pytest.mark.parametrize("state", ["success", "failed"])
@pytest.mark.parametrize("copies", [pytest.param((-1,), id="plain"), pytest.param((0, 1), id="mapped")])
def test_a_task_that_builds_nothing_tells_once_of_its_tests(
    state: str,
    copies: tuple[int, ...],
    fake: FakeAirflow,
    airflow: AirflowInstance,
    dagster_instance: dg.DagsterInstance,
) -> None:
    fake.add_dag("etl", {"build": ["test", "other"], "test": [], "other": []})
    fake.tasks["etl"]["test"]["is_mapped"] = copies != (-1,)
    results = TestResults()
    defs = build_defs_from_airflow_instance(
        airflow_instance=airflow,
        defs=dg.Definitions(assets=assets_with_task_mappings("etl", {"build": [dg.AssetSpec("a")]})),
        task_results=results,
    )
    daemon = SensorDaemon(defs, dagster_instance)
    for task_id in ("build", "other"):
        fake.set_task("etl", "r1", task_id)
    for copy in copies:
        fake.set_task("etl", "r1", "test", state, map_index=copy)

    told = [daemon.tick(), daemon.tick(), daemon.tick()]

    assert told == [["a", "a"], [], []]
    assert set(results.asked) == {"build", "test"}
    assert len(results.asked) <= 3  # once more for what has no asset of its own, to know that it is stored
    record = dagster_instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(dg.AssetKey("a"), "unique"), limit=5
    )
    assert len(record) == 1
