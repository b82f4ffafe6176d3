import pytest

from airflow.providers.dagster.links.dagster import RUN_URL_XCOM_KEY, DagsterRunLink
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator
from airflow.providers.dagster.version_compat import AIRFLOW_3


def test_the_link_is_read_from_what_the_operator_pushes_after_the_launch() -> None:
    assert DagsterRunLink().xcom_key == RUN_URL_XCOM_KEY == "dagster_run_url"
    assert DagsterRunLink().name == "Dagster run"


@pytest.mark.skipif(not AIRFLOW_3, reason="Airflow 2 asks for the link in the webserver")
def test_at_the_end_the_link_is_what_the_operator_knows() -> None:
    load = DagsterProxyOperator(task_id="load")

    assert DagsterRunLink().get_link(load, ti_key=None) == ""
    load.dagster_run_url = "http://d/runs/1"
    assert DagsterRunLink().get_link(load, ti_key=None) == "http://d/runs/1"
