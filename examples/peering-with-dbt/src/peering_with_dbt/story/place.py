"""Where a run of the story keeps its files, and the environment that its servers share."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from peering_with_dbt.story.errors import StoryError

EXAMPLE = Path(__file__).resolve().parents[3]
AIRFLOW_INSTANCE = "shop"


@dataclass(frozen=True)
class Place:
    """The folder of one run, with the ports and passwords of its servers.

    Args:
        root: The folder; everything that the run writes is in it.
        airflow_port: Port of Airflow's API server.
        dagster_port: Port of Dagster's webserver.
        code_port: Port of Dagster's code server.
        admin_password: Password of Airflow's user `admin`.
        viewer_password: Password of Airflow's user `viewer`, which is all that Dagster gets.
        server_secret: What Airflow signs its tokens and cookies with.
    """

    root: Path
    airflow_port: int
    dagster_port: int
    code_port: int
    admin_password: str = field(repr=False)
    viewer_password: str = field(repr=False)
    server_secret: str = field(repr=False)

    @property
    def airflow_url(self) -> str:
        """Where Airflow answers."""
        return f"http://127.0.0.1:{self.airflow_port}"

    @property
    def dagster_url(self) -> str:
        """Where Dagster answers."""
        return f"http://127.0.0.1:{self.dagster_port}"

    @property
    def logs(self) -> Path:
        """One log a process."""
        return self.root / "logs"

    @property
    def dags(self) -> Path:
        """Airflow's DAG folder, a copy, so that the clone stays clean."""
        return self.root / "dags"

    @property
    def migration_state(self) -> Path:
        """The file that says which tasks of `dbt_dag` are migrated."""
        return self.dags / "migration_state" / "dbt_dag.yaml"

    @property
    def definitions(self) -> Path:
        """The file that Dagster's code server loads."""
        return self.root / "dagster" / "definitions.py"

    @property
    def report(self) -> Path:
        """What the check found."""
        return self.root / "report.json"


@contextmanager
def fresh_place(root: Path) -> Generator[Place]:
    """Clear the folder and lay out a new run in it; two runs cannot share one.

    Args:
        root: The folder.

    Yields:
        The place.

    Raises:
        StoryError: Another run has the folder.
    """
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoryError(f"Another run of the example uses {root}. Stop it with Ctrl-C first.") from error
        _clear(root)
        airflow_port, dagster_port, code_port = _free_ports(3)
        place = Place(
            root=root,
            airflow_port=airflow_port,
            dagster_port=dagster_port,
            code_port=code_port,
            admin_password=secrets.token_hex(4),
            viewer_password=secrets.token_hex(4),
            server_secret=secrets.token_hex(32),
        )
        _lay_out(place)
        yield place


def _clear(root: Path) -> None:
    for entry in root.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != "lock":
            entry.unlink()


def _lay_out(place: Place) -> None:
    for folder in ("logs", "airflow", "dagster", "dbt", "lakehouse"):
        (place.root / folder).mkdir()
    shutil.copytree(EXAMPLE / "dags", place.dags, ignore=shutil.ignore_patterns("__pycache__"))
    passwords = {"admin": place.admin_password, "viewer": place.viewer_password}
    _write_private(place.root / "airflow" / "passwords.json", json.dumps(passwords))
    (place.root / "dagster" / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\n"
        "nux: {enabled: false}\n"
        "concurrency: {runs: {max_concurrent_runs: 1}}  # DuckDB has one writer\n"
        "run_queue: {dequeue_interval_seconds: 1}\n"
    )
    (place.root / "dagster" / "workspace.yaml").write_text(
        "load_from:\n"
        f"  - grpc_server: {{host: 127.0.0.1, port: {place.code_port}, location_name: {AIRFLOW_INSTANCE}}}\n"
    )


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def base_environment(place: Place) -> dict[str, str]:
    """Build what every server gets: our own settings, and nothing of another Airflow, Dagster or dbt.

    Args:
        place: The run.

    Returns:
        The environment.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "DAGSTER_", "DBT_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    tools = str(Path(sys.executable).parent)
    return {
        **inherited,
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', '')}",
        "NO_PROXY": "127.0.0.1",
        "DO_NOT_TRACK": "1",
        **_dbt_environment(place),
        "SHOP_DATA": str(EXAMPLE / "data"),
        "SHOP_LANDING": str(place.root / "landing"),
        "SHOP_EXPORTS": str(place.root / "exports"),
        "SHOP_DUCKDB": str(place.root / "lakehouse" / "shop.duckdb"),
    }


def _dbt_environment(place: Place) -> Mapping[str, str]:
    project = str(EXAMPLE / "dbt_project")
    return {
        "DBT_PROJECT_DIR": project,
        "DBT_PROFILES_DIR": project,
        "DBT_TARGET_PATH": str(place.root / "dbt" / "target"),
        "DBT_LOG_PATH": str(place.root / "dbt" / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
