import inspect

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, TaskGroup, task, task_group
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, ShortCircuitOperator

from airflow.providers.dagster.contexts import build_outside_dags
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator
from airflow.providers.dagster.swap import KEPT, OWN, REFUSED, refusal
from airflow.providers.dagster.version_compat import AIRFLOW_3


def test_every_argument_of_an_operator_has_a_rule() -> None:
    arguments = set(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}
    display_name = "_task_display_name" if AIRFLOW_3 else "_task_display_property_value"
    attributes = {"task_display_name": display_name, "logger_name": "_logger_name"}
    hooks = {"pre_execute": "_pre_execute_hook", "post_execute": "_post_execute_hook"}

    rules = {*KEPT, *REFUSED, *OWN}

    assert {({**attributes, **hooks}).get(name, name) for name in arguments} - rules == set()
    assert len(KEPT) == len(set(KEPT))


def test_every_kept_attribute_exists() -> None:
    operator = build_outside_dags(lambda: BashOperator(task_id="a", bash_command="true"))

    assert [name for name in KEPT if not hasattr(operator, name)] == []


def test_an_operator_is_built_outside_of_the_dag_that_is_open() -> None:
    with DAG("etl", schedule=None) as dag, TaskGroup("g"):
        loose = build_outside_dags(lambda: BashOperator(task_id="a", bash_command="true"))
        b = BashOperator(task_id="b", bash_command="true")

    assert (loose.task_id, loose.has_dag(), loose.task_group) == ("a", False, None)
    assert (b.task_id, dag.task_ids) == ("g.b", ["g.b"])


def test_the_context_is_restored_when_building_fails() -> None:
    with DAG("etl", schedule=None) as dag:
        with pytest.raises(TypeError):
            build_outside_dags(lambda: BashOperator(bash_command="true"))
        BashOperator(task_id="b", bash_command="true")

    assert dag.task_ids == ["b"]


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
        ("show", "it is a dynamically mapped task"),
        ("group.inner", "it is in a dynamically mapped task group"),
        ("names", "show expands over its result"),
        ("group_names", "group expands over its result"),
        ("branch", "it decides what runs after it"),
        ("choose", "it decides what runs after it"),
        ("short_circuit", "it decides what runs after it"),
        ("go_on", "it decides what runs after it"),
        ("pre", "it has a pre_execute hook"),
    ],
)
def test_what_cannot_be_proxied_is_refused_with_its_reason(task_id: str, reason: str) -> None:
    found = refusal(tasks_that_stay().get_task(task_id))

    assert found is not None
    assert found.startswith(reason)


@pytest.mark.parametrize("task_id", ["ordinary", "proxied"])
def test_an_ordinary_task_is_not_refused(task_id: str) -> None:
    assert refusal(tasks_that_stay().get_task(task_id)) is None
