import pytest
from airflow.providers.common.compat.sdk import DAG, task, task_group
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, ShortCircuitOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensor

from airflow.providers.dagster.contexts import build_outside_dags
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator
from airflow.providers.dagster.refusal import refusal, settings_without_rule
from airflow.providers.dagster.swap import KEPT, OWN, REFUSED

START = "2026-01-01T00:00:00+00:00"


def tasks_that_stay() -> DAG:
    with DAG("etl", schedule=None) as dag:

        @task
        def names() -> list[str]:
            return ["a"]

        @task
        def group_names() -> list[str]:
            return ["a"]

        @task
        def show(name: str) -> None: ...

        @task.branch
        def choose() -> str:
            return "ordinary"

        @task.short_circuit
        def go_on() -> bool:
            return True

        @task_group
        def group(name: str) -> None:
            show.override(task_id="inner")(name)

        show.expand(name=names())
        show.override(task_id="literal").expand(name=["a"])
        BashOperator.partial(task_id="mapped_pre", pre_execute=lambda _: None).expand(bash_command=["a"])
        DateTimeSensor.partial(task_id="mapped_soft", soft_fail=True).expand(target_time=[START])
        LatestOnlyOperator(task_id="latest_only")
        DateTimeSensor(task_id="sensor", target_time=START)
        DateTimeSensor(task_id="soft", target_time=START, soft_fail=True)
        DateTimeSensor(task_id="never", target_time=START, never_fail=True)
        group.expand(name=group_names())
        BranchPythonOperator(task_id="branch", python_callable=str)
        ShortCircuitOperator(task_id="short_circuit", python_callable=bool)
        BashOperator(task_id="pre", bash_command="true", pre_execute=lambda _: None)
        choose()
        go_on()
        BashOperator(task_id="ordinary", bash_command="true")
        DagsterProxyOperator(task_id="proxied")
    return dag


@pytest.mark.parametrize(
    ("task_id", "reason"),
    [
        ("names", "show expands over its result"),
        ("group_names", "group expands over its result"),
        ("branch", "it decides what runs after it"),
        ("choose", "it decides what runs after it"),
        ("short_circuit", "it decides what runs after it"),
        ("go_on", "it decides what runs after it"),
        ("latest_only", "it decides what runs after it"),
        ("pre", "it has a pre_execute hook"),
        ("mapped_pre", "it has a pre_execute hook"),
        ("soft", "it is a sensor with soft_fail"),
        ("mapped_soft", "it is a sensor with soft_fail"),
        ("never", "it is a sensor with never_fail"),
    ],
)
def test_what_cannot_be_proxied_is_refused_with_its_reason(task_id: str, reason: str) -> None:
    found = refusal(tasks_that_stay().get_task(task_id))

    assert found is not None
    assert found.startswith(reason)


@pytest.mark.parametrize("task_id", ["ordinary", "proxied", "show", "literal", "group.inner", "sensor"])
def test_an_ordinary_task_is_not_refused(task_id: str) -> None:
    assert refusal(tasks_that_stay().get_task(task_id)) is None


def test_a_setting_that_would_be_lost_is_named() -> None:
    load = build_outside_dags(
        lambda: BashOperator(task_id="load", bash_command="true", pool="warehouse", retries=3)
    )

    lost = settings_without_rule(load, rules={*KEPT, *REFUSED, *OWN} - {"pool", "queue"})

    assert lost == ["pool"]
