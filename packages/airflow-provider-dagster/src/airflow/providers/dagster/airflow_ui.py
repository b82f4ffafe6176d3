"""Where people find a DAG run in Airflow's own pages."""

from __future__ import annotations

from urllib.parse import quote

from airflow.providers.common.compat.sdk import conf  # pyright: ignore[reportMissingTypeStubs] - compat ships no py.typed

from airflow.providers.dagster.version_compat import AIRFLOW_3

__all__ = ["dag_run_url"]

_SECTION = "api" if AIRFLOW_3 else "webserver"
_PATH = "/dags/{dag_id}/runs/{run_id}" if AIRFLOW_3 else "/dags/{dag_id}/grid?dag_run_id={run_id}"


def dag_run_url(dag_id: str, run_id: str) -> str:
    """Give the address of the page of a DAG run.

    Args:
        dag_id: The DAG.
        run_id: Its run.

    Returns:
        The address, empty when Airflow's `base_url` is not configured.
    """
    base_url = (conf.get(_SECTION, "base_url", fallback="") or "").rstrip("/")
    path = _PATH.format(dag_id=quote(dag_id, safe=""), run_id=quote(run_id, safe=""))
    return f"{base_url}{path}" if base_url else ""
