"""A task instance that Dagster stands in for, run with airflow.providers.dagster in this process.

python benchmarks/launch_ours.py FOLDER YYYY-MM-DD
"""

from __future__ import annotations

from airflow.providers.dagster.proxying import proxying_to_dagster
from proxied_task import STATES, dag, run

proxying_to_dagster(globals(), STATES / "ours")

if __name__ == "__main__":
    run(dag)
