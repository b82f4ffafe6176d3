"""The lines of the README that ship results from a Bash task, as Airflow would render and run them."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from jinja2 import Environment
from till import Till

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.model import TaskInstance
from dagster_airlift_dbt import DbtResultStore
from dagster_airlift_dbt.belonging import stamp_of, why_not_of

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
AIRFLOW = AirflowInstance(AirflowBasicAuthBackend("http://localhost:8080", "viewer", "viewer"), "prod")
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
TRY = TaskInstance(
    id="1",
    dag_id="nightly",
    run_id="manual__2026-01-15T12:00:00.5+00:00",
    task_id="grp.build",
    map_index=-1,
    state="failed",
    try_number=2,
    max_tries=2,
    operator="BashOperator",
    started_at=NOW,
    ended_at=NOW,
)


@dataclass(frozen=True)
class Named:
    """What templates of Airflow call `dag`, `task` and `ti`."""

    dag_id: str = TRY.dag_id
    task_id: str = TRY.task_id
    map_index: int = TRY.map_index
    try_number: int = TRY.try_number


@pytest.fixture
def script(tmp_path: Path) -> str:
    (recipe,) = (block for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) if "trap" in block)
    template = Environment(autoescape=False).from_string(recipe.replace("/mnt/dbt-runs", str(tmp_path)))
    return template.render(dag=Named(), task=Named(), ti=Named(), run_id=TRY.run_id)


def run(script: str, command: str, folder: Path) -> int:
    stamp = {f"DBT_ENV_CUSTOM_ENV_{name}": value for name, value in stamp_of(TRY).items()}
    done = subprocess.run(
        ["bash", "-c", f"{script}\n{command}"],
        cwd=folder,
        env={**os.environ, **stamp},
        check=False,
        capture_output=True,
    )
    return done.returncode


def test_results_are_shipped_although_dbt_fails_and_the_task_fails_all_the_same(
    script: str, till: Till, tmp_path: Path
) -> None:
    code = run(script, "dbt build --profiles-dir . -s broken", till.folder)

    found = DbtResultStore(str(tmp_path)).results_of(AIRFLOW, TRY, [])
    (shipped,) = found.runs
    assert code == 1
    assert [(each.unique_id, each.status) for each in shipped.results] == [("model.till.broken", "error")]
    assert shipped.stamp == stamp_of(TRY)
    assert why_not_of(shipped, TRY) is None  # whatever the clocks say


def test_a_task_that_dies_before_dbt_starts_ships_nothing_old(
    script: str, till: Till, tmp_path: Path
) -> None:
    (till.folder / "target/run_results.json").write_text("{}", encoding="utf-8")

    code = run(script, "false && dbt build --profiles-dir .", till.folder)

    assert code != 0
    assert not list(tmp_path.glob("**/run_results.json"))
