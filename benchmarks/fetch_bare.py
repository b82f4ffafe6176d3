"""The floor of the network: the pages that a load needs, fetched and thrown away.

python benchmarks/fetch_bare.py URL v1|v2 DAGS CONNECTIONS
"""

from __future__ import annotations

import argparse
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import requests
from measured_work import measured_work, tell
from synthetic_payloads import DAGS_PER_ASSET, dag_id

PAGE = 100


def paths(api: str, dags: int) -> list[str]:
    """Return what a load asks for: the DAGs, the tasks of each, and the Airflow assets."""
    assets = "datasets" if api == "v1" else "assets"
    lists = [("dags", dags), (assets, dags // DAGS_PER_ASSET)]
    pages = [f"{name}?limit={PAGE}&offset={start}" for name, rows in lists for start in range(0, rows, PAGE)]
    return [*pages, *(f"dags/{dag_id(number)}/tasks" for number in range(dags))]


def fetch(url: str, api: str, dags: int, connections: int) -> Mapping[str, int]:
    """Fetch everything, over some connections that are kept alive, one for each thread."""
    kept = threading.local()

    def get(path: str) -> None:
        if not hasattr(kept, "session"):
            kept.session = requests.Session()
            kept.session.auth = ("viewer", "viewer")
        kept.session.get(f"{url}/api/{api}/{path}", timeout=60).raise_for_status()

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(get, paths(api, dags)))
    return {}


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("api", choices=["v1", "v2"])
    parser.add_argument("dags", type=int)
    parser.add_argument("connections", type=int)
    arguments = parser.parse_args()
    tell(measured_work(lambda: fetch(arguments.url, arguments.api, arguments.dags, arguments.connections)))


if __name__ == "__main__":
    main()
