"""Tasks one after the other: classic operators, TaskFlow, every setting, every trigger rule, labels."""

from datetime import UTC, datetime, timedelta

from airflow.providers.common.compat.sdk import DAG, Label, chain, cross_downstream, dag, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import PythonOperator

START = datetime(2026, 1, 1, tzinfo=UTC)


def nothing(*_: object) -> None: ...


with DAG("classic", schedule=None, start_date=START) as classic:
    BashOperator(task_id="extract", bash_command="true") >> BashOperator(task_id="load", bash_command="true")

with DAG("empties", schedule=None, start_date=START) as empties:
    start, end = EmptyOperator(task_id="start"), EmptyOperator(task_id="end")
    start >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")] >> end

with DAG("taskflow", schedule=None, start_date=START) as taskflow:

    @task(retries=2)
    def rows() -> int:
        return 1

    @task
    def show(count: int) -> None:
        """Show how many."""

    show(rows())

with DAG("several_outputs", schedule=None, start_date=START) as several_outputs:

    @task(multiple_outputs=True)
    def pair() -> dict[str, int]:
        return {"run_ids": 1, "asset_keys": 2}

    @task
    def one(value: object) -> None: ...

    one(pair()["run_ids"])


@dag("decorated", schedule=None, start_date=START)
def decorated() -> None:
    @task
    def load() -> None: ...

    load() >> EmptyOperator(task_id="end")


decorated()

with DAG(
    "settings",
    schedule=None,
    start_date=START,
    default_args={"owner": "etl-team", "retries": 3, "retry_delay": timedelta(seconds=7), "params": {"x": 1}},
    params={"y": 2},
    on_failure_callback=nothing,
    on_success_callback=nothing,
    tags=["ours"],
    doc_md="Ours.",
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
) as settings:
    BashOperator(
        task_id="load",
        bash_command="true",
        priority_weight=5,
        weight_rule="upstream",
        queue="big",
        pool_slots=2,
        retry_exponential_backoff=True,
        max_retry_delay=timedelta(minutes=5),
        execution_timeout=timedelta(hours=1),
        executor_config={"memory": "1G"},
        max_active_tis_per_dag=3,
        max_active_tis_per_dagrun=2,
        on_execute_callback=nothing,
        on_failure_callback=nothing,
        on_success_callback=[nothing],
        on_retry_callback=nothing,
        on_skipped_callback=nothing,
        task_display_name="Load the orders",
        doc_md="Loads.",
        do_xcom_push=False,
    )

with DAG("past", schedule=None, start_date=START) as past:
    BashOperator(
        task_id="load", bash_command="true", depends_on_past=True, wait_for_downstream=True
    ) >> EmptyOperator(task_id="end", ignore_first_depends_on_past=True)

with DAG("trigger_rules", schedule=None, start_date=START) as trigger_rules:
    first = EmptyOperator(task_id="first")
    for rule in (
        *("all_success", "all_done", "one_success", "one_done", "none_failed", "none_skipped", "always"),
        *("none_failed_min_one_success", "all_failed", "one_failed", "all_skipped"),
    ):
        first >> BashOperator(task_id=rule, bash_command="true", trigger_rule=rule)

with DAG("labels", schedule=None, start_date=START) as labels:
    EmptyOperator(task_id="a") >> Label("well") >> EmptyOperator(task_id="b")

with DAG("lattice", schedule=None, start_date=START) as lattice:
    left, right = (
        [PythonOperator(task_id=f"{side}{n}", python_callable=nothing) for n in (1, 2)] for side in "lr"
    )
    cross_downstream(left, right)
    chain(right[0], EmptyOperator(task_id="end"))

with DAG("templates", schedule=None, start_date=START, render_template_as_native_obj=True) as templates:
    extract = BashOperator(task_id="extract", bash_command="echo {{ dag.dag_id }}")
    load = BashOperator(task_id="load", bash_command=extract.output, env={"A": "{{ task.task_id }}"})
    BashOperator(task_id="read", bash_command="echo {{ ti.xcom_pull(task_ids='load') }}") << load


def made(country: str) -> None:
    with DAG(f"made_{country}", schedule=None, start_date=START):
        BashOperator(task_id="load", bash_command="true") >> EmptyOperator(task_id="end")


for name in ("lv", "pt"):
    made(name)
