"""A real Dagster webserver with one of the deployments, behind the proxy that counts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from attempts import calls_of
from deployed_assets import AIRFLOW_URL_VARIABLE, DAGS_VARIABLE, DAYS_VARIABLE
from processes import HERE, program, serving, stop

START_SECONDS = 300.0
_DAGSTER_YAML = "telemetry: {enabled: false}\n"
_COUNT = {"query": "{ assetNodes { id } }"}


@dataclass(frozen=True)
class Site:
    """A deployment that answers.

    Args:
        proxy_url: Where it is asked.
        assets: How many assets it has.
    """

    proxy_url: str
    assets: int


@contextmanager
def deployment(tool: str, airflow_url: str, dags: int, days: int, folder: Path) -> Generator[Site]:
    """Start a webserver whose definitions a tool has made of an Airflow, and stop it by its id."""
    home = folder / f"dagster-{tool}-{dags}-{days}"
    home.mkdir()
    (home / "dagster.yaml").write_text(_DAGSTER_YAML)
    port = _free_port()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
        AIRFLOW_URL_VARIABLE: airflow_url,
        DAGS_VARIABLE: str(dags),
        DAYS_VARIABLE: str(days),
    }
    command = [sys.executable, "-m", "dagster_webserver", "-f", str(HERE / f"deployment_{tool}.py")]
    log = home / "webserver.log"
    with log.open("w") as output:
        server = subprocess.Popen(  # noqa: S603 - ours
            [*command, "-h", "127.0.0.1", "-p", str(port)], env=environment, stdout=output, stderr=output
        )
    try:
        assets = _wait(server, f"http://127.0.0.1:{port}", log)
        with serving(program("counting_proxy.py", port, server.pid)) as proxy_url:
            calls_of(proxy_url)
            yield Site(proxy_url, assets)
    finally:
        stop(server)


def _wait(server: subprocess.Popen[bytes], url: str, log: Path) -> int:
    """Return the number of assets once there are any; a webserver that is being asked has its caches filled."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            question = Request(  # noqa: S310 - an address of this machine
                f"{url}/graphql", json.dumps(_COUNT).encode(), {"Content-Type": "application/json"}
            )
            with urlopen(question, timeout=60) as answer:  # noqa: S310 - the same
                assets = len(json.loads(answer.read())["data"]["assetNodes"])
        except (URLError, ConnectionError):
            assets = 0
        if assets:
            return assets
        time.sleep(0.5)
    raise RuntimeError(f"The webserver does not serve assets:\n{log.read_text()[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
