import inspect

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, TaskGroup
from airflow.providers.standard.operators.bash import BashOperator

from airflow.providers.dagster.contexts import build_outside_dags
from airflow.providers.dagster.swap import ARGUMENT_OF, KEPT, OWN, REFUSED


def test_every_argument_of_an_operator_has_a_rule() -> None:
    arguments = set(inspect.signature(BaseOperator.__init__).parameters) - {"self", "kwargs"}

    rules = {ARGUMENT_OF.get(name, name) for name in (*KEPT, *REFUSED, *OWN)}

    assert arguments - rules == set()
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
