"""Dynamically mapped tasks, over literals and over results, of operators, functions and sensors."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, AirflowSkipException, Asset, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.python import PythonSensor

START = datetime(2026, 1, 1, tzinfo=UTC)


def nothing(*_: object) -> None: ...


def skip_b(name: str) -> str:
    if name == "b":
        raise AirflowSkipException
    return name


with DAG("copies", schedule=None, start_date=START, default_args={"retries": 1}) as copies:
    BashOperator.partial(
        task_id="load",
        env={"A": "a"},
        pool_slots=2,
        queue="big",
        retry_delay=timedelta(seconds=7),
        execution_timeout=timedelta(hours=1),
        priority_weight=5,
        weight_rule="upstream",
        trigger_rule="none_failed",
        map_index_template="{{ task.task_id }}",
        max_active_tis_per_dagrun=2,
        on_failure_callback=nothing,
        outlets=[Asset("s3://copies")],
        task_display_name="Load them",
        doc_md="Loads.",
    ).expand(bash_command=["true", "true"]) >> EmptyOperator(task_id="end")

with DAG("copies_by_kwargs", schedule=None, start_date=START) as copies_by_kwargs:
    BashOperator.partial(task_id="load").expand_kwargs(
        [{"bash_command": "true", "env": {"A": "a"}}, {"bash_command": "true", "do_xcom_push": False}]
    )

with DAG("copies_of_a_function", schedule=None, start_date=START) as copies_of_a_function:

    @task(retries=2, multiple_outputs=True)
    def load(name: str, pool: int) -> dict[str, int]:
        return {name: pool}

    load.partial(pool=1).expand(name=["a", "b"])

with DAG("copies_over_a_result", schedule=None, start_date=START) as copies_over_a_result:

    @task
    def names() -> list[str]:
        return ["a", "b"]

    @task
    def show(name: str) -> str:
        return name

    @task
    def total(shown: object) -> None: ...

    total(show.expand(name=names().map(skip_b)))

with DAG("product_of_copies", schedule=None, start_date=START) as product_of_copies:

    @task
    def pair(left: int, right: int) -> None: ...

    pair.expand(left=[1, 2], right=[3, 4])

with DAG("no_copies", schedule=None, start_date=START) as no_copies:
    EmptyOperator(task_id="start") >> BashOperator.partial(task_id="load").expand(bash_command=[])

with DAG("copies_of_a_sensor", schedule=None, start_date=START) as copies_of_a_sensor:
    PythonSensor.partial(
        task_id="wait", python_callable=lambda _: True, mode="reschedule", poke_interval=1
    ).expand(op_args=[[1], [1]])

with DAG("copies_of_nothing", schedule=None, start_date=START) as copies_of_nothing:
    EmptyOperator.partial(task_id="load").expand_kwargs(
        [{"doc": "a"}, {"doc": "b"}], strict=False
    ) >> PythonOperator(task_id="end", python_callable=nothing)
