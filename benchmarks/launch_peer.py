"""A task instance that Dagster stands in for, run with the peer's operator in this process.

python benchmarks/launch_peer.py FOLDER YYYY-MM-DD
"""

from __future__ import annotations

from dagster_airlift.in_airflow import proxying_to_dagster
from dagster_airlift.in_airflow.proxied_state import load_proxied_state_from_yaml
from proxied_task import STATES, dag, run

proxying_to_dagster(global_vars=globals(), proxied_state=load_proxied_state_from_yaml(STATES / "peer"))

if __name__ == "__main__":
    run(dag)
