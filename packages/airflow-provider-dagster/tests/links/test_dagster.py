from airflow.providers.dagster.links.dagster import RUN_URL_XCOM_KEY, DagsterRunLink
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator


def test_the_link_is_read_from_what_the_operator_pushes_after_the_launch() -> None:
    assert DagsterRunLink().xcom_key == RUN_URL_XCOM_KEY == "dagster_run_url"
    assert DagsterRunLink().name == "Dagster run"


def test_at_the_end_the_link_is_what_the_operator_knows() -> None:
    load = DagsterProxyOperator(task_id="load")

    assert DagsterRunLink().get_link(load, ti_key=None) == ""
    load.dagster_run_url = "http://d/runs/1"
    assert DagsterRunLink().get_link(load, ti_key=None) == "http://d/runs/1"
