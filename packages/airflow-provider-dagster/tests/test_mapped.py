import copy
from functools import partial
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, MappedOperator, TaskGroup, XComArg, task
from airflow.providers.standard.operators.bash import BashOperator

from airflow.providers.dagster.mapped import ProxiedMappedOperator
from airflow.providers.dagster.operators.dagster import DagsterProxyOperator
from airflow.providers.dagster.swap import place

BUILD = partial(DagsterProxyOperator, dagster_conn_id="dagster_prod", once=True)


def replaced(dag: DAG, task_id: str) -> ProxiedMappedOperator:
    old = dag.get_task(task_id)
    assert isinstance(old, MappedOperator)
    new = ProxiedMappedOperator.of(old, BUILD)
    place(dag, old, new)
    return new


def load(dag: DAG, **expanded: Any) -> ProxiedMappedOperator:  # noqa: ANN401
    with dag:
        BashOperator.partial(task_id="load", pool="warehouse", retries=3, env={"A": "a"}).expand(**expanded)
    return replaced(dag, "load")


def test_a_copy_is_a_proxy_with_the_settings_of_the_task() -> None:
    dag = DAG("etl", schedule=None)

    proxy = load(dag, bash_command=["a", "b"]).unmap({"bash_command": "a"})

    assert isinstance(proxy, DagsterProxyOperator)
    assert (proxy.task_id, proxy.pool, proxy.retries) == ("load", "warehouse", 3)
    assert (proxy.dagster_conn_id, proxy.once) == ("dagster_prod", True)
    assert proxy.dag is dag
    assert isinstance(dag.get_task("load"), ProxiedMappedOperator)


def test_a_setting_that_is_expanded_is_that_of_the_copy() -> None:
    dag = DAG("etl", schedule=None, params={"x": 1, "y": 2})
    arguments = {"bash_command": "a", "queue": "big", "params": {"y": 3}}
    with dag:
        BashOperator.partial(task_id="load").expand_kwargs([arguments], strict=False)
    copies = replaced(dag, "load")

    proxy = copies.unmap(arguments)

    assert proxy.queue == "big"
    assert proxy.params.dump() == {"x": 1, "y": 3}
    assert dict(copies.params).get("y") != 3


def test_an_argument_of_a_function_is_no_setting_whatever_its_name() -> None:
    with DAG("etl", schedule=None) as dag:

        @task(multiple_outputs=True)
        def show(pool: str) -> dict[str, str]:
            return {"pool": pool}

        show.expand(pool=["a"])

    proxy = replaced(dag, "show").unmap({"op_kwargs": {"pool": "a"}})

    assert proxy.pool == "default_pool"
    assert proxy.multiple_outputs


@pytest.mark.parametrize("resolve", [None, ("context", "session")])
def test_airflow_2_may_ask_for_a_copy_without_its_arguments(resolve: object) -> None:
    proxy = load(DAG("etl", schedule=None), bash_command=["a"]).unmap(resolve)

    assert isinstance(proxy, DagsterProxyOperator)


def test_setup_and_teardown_stay_what_they_are() -> None:
    with DAG("etl", schedule=None) as dag:
        begin = BashOperator.partial(task_id="begin").expand(bash_command=["a"]).as_setup()
        end = BashOperator.partial(task_id="end").expand(bash_command=["a"])
        end.as_teardown(setups=begin, on_failure_fail_dagrun=True)

    begin, end = replaced(dag, "begin").unmap(None), replaced(dag, "end").unmap(None)

    assert (begin.is_setup, begin.is_teardown) == (True, False)
    assert (end.is_setup, end.is_teardown, end.on_failure_fail_dagrun) == (False, True, True)


def test_the_place_is_that_of_the_task() -> None:
    with DAG("etl", schedule=None) as dag, TaskGroup("g") as group:
        first = BashOperator(task_id="first", bash_command="a")
        first >> BashOperator.partial(task_id="load").expand(bash_command=["a"])

    copies = replaced(dag, "g.load")
    proxy = copies.unmap({"bash_command": "a"})

    assert (proxy.task_id, proxy.upstream_task_ids, proxy.task_group) == ("g.load", {"g.first"}, group)
    assert group.children["g.load"] is copies


def test_the_copies_can_be_copied_as_airflow_does_for_a_part_of_a_dag() -> None:
    copies = load(DAG("etl", schedule=None), bash_command=["a"])

    again = copy.copy(copies)

    assert isinstance(again.unmap(None), DagsterProxyOperator)
    assert isinstance(copies.output, XComArg)
    assert len({copies, again}) == 2
