from __future__ import annotations

import json
from pathlib import Path

from peering_with_dbt.story.dagster_server import Event
from peering_with_dbt.story.report import (
    Observed,
    Proxied,
    Report,
    RolledBack,
    count_duplicates,
    observed_by_key,
)

PROXIED = Proxied("dbt_dag", "marts", "run-2", "dagster-1", {}, ("orders",))
FIRST = Event("orders", "", "run-1", "marts", "1000")
BY_DAGSTER = Event("orders", "dagster-1", "", "", "2000")


def test_each_piece_of_work_once_is_no_duplicate() -> None:
    of_dag = Event("shop/dag/dbt_dag", "", "run-1", "", "1001")

    assert count_duplicates([FIRST, BY_DAGSTER, of_dag], PROXIED) == 0


def test_a_task_instance_observed_twice_is_a_duplicate() -> None:
    assert count_duplicates([FIRST, Event("orders", "", "run-1", "marts", "1005")], PROXIED) == 1


def test_a_proxied_task_that_is_also_observed_is_a_duplicate() -> None:
    assert count_duplicates([BY_DAGSTER, Event("orders", "", "run-2", "marts", "2005")], PROXIED) == 1


def test_what_dagster_ran_is_not_observed() -> None:
    late = Event("orders", "", "run-3", "marts", "900")

    observed = observed_by_key([FIRST, BY_DAGSTER, late])

    assert observed == {"orders": (Observed("run-3", "marts", "900"), Observed("run-1", "marts", "1000"))}


def test_the_report_is_written_as_json(tmp_path: Path) -> None:
    report = Report(
        airflow_version="3.3.2",
        dagster_version="1.13.27",
        dag_assets=("shop/dag/dbt_dag",),
        mapped_assets={"orders": "dbt_dag.marts"},
        observed=observed_by_key([FIRST]),
        proxied=PROXIED,
        rolled_back=RolledBack("run-3", 0),
        structure_unchanged=True,
        duplicates=0,
        seconds={"peer": 1.5},
    )

    report.write(tmp_path / "report.json")

    content = json.loads((tmp_path / "report.json").read_text())
    assert content["observed"] == {
        "orders": [{"airflow_run_id": "run-1", "task_id": "marts", "timestamp": "1000"}]
    }
    assert content["proxied"]["materialized"] == ["orders"]
    assert content["rolled_back"] == {"airflow_run_id": "run-3", "dagster_runs": 0}
