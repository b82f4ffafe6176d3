"""Airflow reads its configuration when it is imported, so it is set here, before any test module is."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_HOME = tempfile.TemporaryDirectory(prefix="airflow-provider-dagster-")
os.environ.update(
    AIRFLOW_HOME=_HOME.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(_HOME.name) / "dags"),
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{_HOME.name}/airflow.db",
    AIRFLOW__API__BASE_URL="https://airflow.example.com",
    AIRFLOW__WEBSERVER__BASE_URL="https://airflow.example.com",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
)

from airflow.providers.dagster.client import DagsterAddress, DagsterClient  # noqa: E402
from airflow.providers.dagster.testing import FakeClock, FakeDagster  # noqa: E402
from airflow.providers.dagster.version_compat import AIRFLOW_3  # noqa: E402

if AIRFLOW_3:
    from airflow.dag_processing.dagbag import DagBag
else:
    from airflow.models.dagbag import DagBag


@pytest.fixture
def dagster() -> Iterator[FakeDagster]:
    with FakeDagster() as fake:
        yield fake


@pytest.fixture
def client(dagster: FakeDagster) -> Iterator[DagsterClient]:
    client = DagsterClient(DagsterAddress(url=dagster.url, conn_id="dagster_default", timeout=5.0))
    yield client
    client.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "migration_state"
    path.mkdir()
    return path


@pytest.fixture
def connection(dagster: FakeDagster, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_DAGSTER_DEFAULT", f'{{"conn_type": "dagster", "host": "{dagster.url}"}}')
    return "dagster_default"


@pytest.fixture
def read_dags() -> Callable[[Path], Any]:
    """How this Airflow parses a DAG file, or a folder of them."""
    options = {"bundle_name": "dags-folder"} if AIRFLOW_3 else {"include_examples": False}
    return lambda path: DagBag(str(path), **options)
