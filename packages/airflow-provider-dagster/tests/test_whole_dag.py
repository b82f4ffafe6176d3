from collections.abc import Callable

import pytest
from airflow.providers.common.compat.sdk import DAG, Asset, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, ShortCircuitOperator

from airflow.providers.dagster.whole_dag import carrier

NONE = "none of its tasks runs every time"
EARLY = "the asset events of {} would come before Dagster has run what is mapped to the DAG"


def a(name: str, rule: str = "all_success", *outlets: str) -> EmptyOperator:
    return EmptyOperator(task_id=name, trigger_rule=rule, outlets=[Asset(uri) for uri in outlets])


def chain() -> None:
    a("first") >> a("second", "all_success", "s3://x")


def two_roots() -> None:
    [a("one"), a("other")] >> a("join", "all_success", "s3://x")


def event_beside_the_first_root() -> None:
    a("one") >> a("end")
    a("other", "all_success", "s3://x") >> a("last")


def events_on_both_sides() -> None:
    a("one", "all_success", "s3://x")
    a("other", "all_success", "s3://y")


def alarm_first() -> None:
    a("alarm", "one_failed")
    a("work")


def branch_without_join() -> None:
    BranchPythonOperator(task_id="choose", python_callable=str) >> [a("left"), a("right")]


def branch_with_join() -> None:
    choose = BranchPythonOperator(task_id="choose", python_callable=str)
    choose >> [a("left"), a("right")] >> a("join", "none_failed_min_one_success")


def branch_with_events() -> None:
    choose = BranchPythonOperator(task_id="choose", python_callable=str)
    choose >> [a("left", "all_success", "s3://x"), a("right")] >> a("join", "none_failed")


def short_circuit() -> None:
    ShortCircuitOperator(task_id="go_on", python_callable=bool) >> a("work") >> a("end")


def short_circuit_beside_others() -> None:
    ShortCircuitOperator(task_id="go_on", python_callable=bool) >> a("work")
    a("zzz")


def copies_before_it() -> None:
    BashOperator.partial(task_id="copies").expand(bash_command=["x"]) >> a("end")


def copies_before_one_that_does_not_mind() -> None:
    BashOperator.partial(task_id="copies").expand(bash_command=["x"]) >> a("end", "none_failed")


def result_before_it() -> None:
    @task
    def names() -> list[str]:
        return []

    found = names()
    BashOperator.partial(task_id="copies").expand(bash_command=found)
    found >> a("end")


def setup_first() -> None:
    begin = a("begin").as_setup()
    begin >> a("work") >> a("stop").as_teardown(setups=begin)


def nothing() -> None: ...


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (chain, "first"),
        (two_roots, "one"),
        (event_beside_the_first_root, "other"),
        (events_on_both_sides, EARLY.format("one")),
        (alarm_first, "work"),
        (branch_without_join, NONE),
        (branch_with_join, "join"),
        (branch_with_events, EARLY.format("left")),
        (short_circuit, "work"),
        (short_circuit_beside_others, "zzz"),
        (copies_before_it, NONE),
        (copies_before_one_that_does_not_mind, "end"),
        (result_before_it, NONE),
        (setup_first, "work"),
        (nothing, NONE),
    ],
)
def test_the_first_task_that_always_runs_and_before_which_no_event_comes_carries_the_dag(
    shape: Callable[[], None], expected: str
) -> None:
    with DAG("etl", schedule=None) as dag:
        shape()

    found = carrier(dag)

    assert (found if isinstance(found, str) else found.task_id) == expected
