import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import BaseOperator

from airflow import settings
from airflow.providers.dagster.dag_files import read_dags
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator, UnreadableStateOperator

DAGS = """
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

def make(dag_id):
    dag = DAG(dag_id, schedule=None)
    EmptyOperator(task_id="load", dag=dag)
    return dag

for dag_id in ("etl", "other"):
    globals()[f"_{dag_id}"] = make(dag_id)
"""
CALL = """
from pathlib import Path
from airflow.providers.dagster.proxying import proxying_to_dagster
proxying_to_dagster(globals(), Path(__file__).parent / "ours")
"""
MIGRATED = "tasks: [{id: load, migrated: true}]"


@pytest.fixture
def dags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "DAGS_FOLDER", str(tmp_path))  # how far up to look, in Airflow 2
    (tmp_path / "team").mkdir()
    (tmp_path / "team" / "etl.py").write_text(DAGS)
    return tmp_path


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda path: monkeypatch.setenv("AIRFLOW__DAGSTER__MIGRATION_STATE_PATH", path)


def state(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "etl.yaml").write_text(text)


def load(dags: Path, dag_id: str = "etl") -> BaseOperator:
    found, errors = read_dags(dags)
    assert errors == {}
    task: BaseOperator = found[dag_id].get_task("load")
    return task


def test_without_the_option_nothing_happens(dags: Path) -> None:
    state(dags / "team" / "migration_state", MIGRATED)

    assert not isinstance(load(dags), DagsterProxyOperator)


@pytest.mark.parametrize("place", ["team/migration_state", "migration_state"])
def test_the_folder_is_found_beside_the_dag_file_or_above_it(
    dags: Path, configure: Callable[[str], None], place: str
) -> None:
    configure("migration_state")
    state(dags / place, MIGRATED)

    assert isinstance(load(dags), DagsterProxyOperator)
    assert not isinstance(load(dags, "other"), DagsterProxyOperator)


def test_an_absolute_folder_may_stand_anywhere(
    dags: Path, configure: Callable[[str], None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    configure(str(elsewhere))
    state(elsewhere, MIGRATED)

    assert isinstance(load(dags), DagsterProxyOperator)


def test_the_connection_is_an_option_too(
    dags: Path, configure: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("migration_state")
    monkeypatch.setenv("AIRFLOW__DAGSTER__CONN_ID", "dagster_prod")
    state(dags / "migration_state", MIGRATED)

    assert load(dags).dagster_conn_id == "dagster_prod"  # pyright: ignore[reportAttributeAccessIssue]


def test_without_a_folder_nothing_is_migrated(dags: Path, configure: Callable[[str], None]) -> None:
    configure("migration_state")

    assert not isinstance(load(dags), DagsterProxyOperator)


def test_what_the_call_in_the_file_has_done_is_left_as_it_is(
    dags: Path, configure: Callable[[str], None]
) -> None:
    configure("migration_state")
    (dags / "team" / "etl.py").write_text(DAGS + CALL)
    state(dags / "team" / "ours", MIGRATED)
    state(dags / "migration_state", "tasks:")

    task = load(dags)

    assert isinstance(task, DagsterProxyOperator)
    assert set(task.dag.tags) == {"dagster: 1/1 proxied"}


@pytest.mark.filterwarnings("ignore::airflow.providers.dagster.migration_state.MigrationStateWarning")
def test_a_broken_file_breaks_its_own_dag_only(dags: Path, configure: Callable[[str], None]) -> None:
    configure("migration_state")
    state(dags / "migration_state", "tasks:")

    task = load(dags)

    assert isinstance(task, UnreadableStateOperator)
    assert "migration_state/etl.yaml:1:7: expected a list" in task.reason
    assert not isinstance(load(dags, "other"), UnreadableStateOperator)


LIGHT = """
import sys
import airflow
assert "airflow.providers.dagster.policy" in sys.modules, "the entry point is not installed"
loaded = {name for name in sys.modules if name.startswith("airflow.providers.dagster.")}
assert loaded <= {"airflow.providers.dagster.policy", "airflow.providers.dagster.get_provider_info"}, loaded
assert "dagster" not in sys.modules
"""


def test_airflow_loads_the_policy_and_nothing_with_it() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_airflow_tells_its_version_beside_a_broken_file(dags: Path, configure: Callable[[str], None]) -> None:
    configure(str(dags / "migration_state"))
    state(dags / "migration_state", "tasks:")

    command = [sys.executable, "-m", "airflow", "version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
