"""Task groups, nested, mapped and without a prefix; setup and teardown."""

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, TaskGroup, setup, task, task_group, teardown
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator

START = datetime(2026, 1, 1, tzinfo=UTC)

with DAG("groups", schedule=None, start_date=START) as groups:
    start = EmptyOperator(task_id="start")
    with TaskGroup("outer", tooltip="all of it", default_args={"retries": 4}) as outer:
        with TaskGroup("inner", prefix_group_id=False):
            BashOperator(task_id="load", bash_command="true") >> EmptyOperator(task_id="check")
        with TaskGroup("deep"):
            BashOperator(task_id="load", bash_command="true")
    start >> outer >> EmptyOperator(task_id="end")

with DAG("same_names", schedule=None, start_date=START) as same_names:
    for name in ("a", "b"):
        with TaskGroup(name):
            EmptyOperator(task_id="load") >> EmptyOperator(task_id="check")

with DAG("decorated_group", schedule=None, start_date=START) as decorated_group:

    @task_group
    def both(count: int) -> None:
        @task
        def inner(value: int) -> int:
            return value

        inner(inner.override(task_id="first")(count))

    both(1)

with DAG("mapped_group", schedule=None, start_date=START) as mapped_group:

    @task
    def show(name: str) -> str:
        return name

    @task_group
    def each(name: str) -> None:
        show.override(task_id="second")(show.override(task_id="first")(name))

    each.expand(name=["a", "b"]) >> EmptyOperator(task_id="end")

with DAG("mapped_group_over_a_result", schedule=None, start_date=START) as mapped_group_over_a_result:

    @task
    def names() -> list[str]:
        return ["a", "b"]

    @task
    def shout(name: str) -> None: ...

    @task_group
    def every(name: str) -> None:
        shout(name)

    every.expand(name=names())

with DAG("setups", schedule=None, start_date=START) as setups:

    @setup
    def create() -> str:
        return "cluster"

    @teardown(on_failure_fail_dagrun=True)
    def delete(cluster: object) -> None: ...

    cluster = create()
    with delete(cluster):
        BashOperator(task_id="work", bash_command="true") >> EmptyOperator(task_id="more")

with DAG("classic_setups", schedule=None, start_date=START) as classic_setups:
    begin = BashOperator(task_id="begin", bash_command="true").as_setup()
    work = BashOperator(task_id="work", bash_command="true")
    begin >> work >> BashOperator(task_id="stop", bash_command="true").as_teardown(setups=begin)
    work >> EmptyOperator(task_id="report")
