"""A project of 10,000 models that Cosmos runs, a task for each."""

from __future__ import annotations

import time

from small_manifest import manifest, node

from dagster_airlift_core import TaskHandle
from dagster_airlift_dbt import DbtCommand, DbtOnAirflow

MODELS = 10_000
CPU_SECONDS = 120.0
"""dbt's own selector would take a second and a half for each of the selections."""


def test_ten_thousand_models_are_mapped_to_ten_thousand_tasks_within_a_code_locations_patience() -> None:
    models = [
        node(f"model.big.m{number}", "marts", depends_on={"nodes": [f"model.big.m{number // 10}"]})
        for number in range(1, MODELS + 1)
    ]
    tests = [
        {
            **node(f"test.big.not_null_m{number}_id.x", depends_on={"nodes": [f"model.big.m{number}"]}),
            "attached_node": f"model.big.m{number}",
        }
        for number in range(1, MODELS + 1)
    ]
    tasks = {
        f"m{number}_run": DbtCommand("run", select=f"fqn:big.marts.m{number}")
        for number in range(1, MODELS + 1)
    }
    dbt = DbtOnAirflow(manifest("big", node("model.big.m0", "marts"), *models, *tests), {"cosmos": tasks})
    began = time.process_time()

    specs = list(dbt.defs().assets or ())
    report, index = dbt.report(), dbt.index()

    assert time.process_time() - began < CPU_SECONDS
    assert len(specs) == len(report.tasks) == MODELS
    assert report.not_run == ("model.big.m0",)
    assert index.tasks_of("model.big.m4711") == (TaskHandle("cosmos", "m4711_run"),)
