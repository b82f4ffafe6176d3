"""Sensors in all modes, deferrable operators, outlets, and the tasks that stay on Airflow."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import DAG, Asset, BaseOperator, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator, ShortCircuitOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

START = datetime(2026, 1, 1, tzinfo=UTC)
RAW, CLEAN = Asset("s3://raw"), Asset("s3://clean")


class Deferred(BaseOperator):
    """Waits in the triggerer for no time at all."""

    def execute(self, context: Any) -> None:  # noqa: ANN401, ARG002
        self.defer(trigger=TimeDeltaTrigger(timedelta()), method_name="done")

    def done(self, context: Any, event: Any = None) -> None:  # noqa: ANN401
        """Go on."""


with DAG("sensors", schedule=None, start_date=START) as sensors:
    poke = PythonSensor(task_id="poke", python_callable=lambda: True, poke_interval=1, timeout=10)
    again = PythonSensor(task_id="again", python_callable=lambda: True, mode="reschedule", poke_interval=1)
    poke >> again >> DateTimeSensorAsync(task_id="until", target_time="2026-01-01T00:00:00+00:00")

with DAG("decorated_sensor", schedule=None, start_date=START) as decorated_sensor:

    @task.sensor(poke_interval=1, mode="poke")
    def wait() -> bool:
        return True

    wait() >> EmptyOperator(task_id="end")

with DAG("deferred", schedule=None, start_date=START) as deferred:
    Deferred(task_id="load") >> EmptyOperator(task_id="end")

with DAG("producer", schedule=None, start_date=START) as producer:
    BashOperator(task_id="load", bash_command="true", outlets=[RAW]) >> EmptyOperator(
        task_id="end", outlets=[CLEAN]
    )

with DAG("consumer", schedule=[RAW, CLEAN], start_date=START) as consumer:
    BashOperator(task_id="load", bash_command="true", inlets=[RAW])

with DAG("scheduled", schedule="0 3 * * 1-5", start_date=START, catchup=False) as scheduled:
    BashOperator(task_id="load", bash_command="true")

with DAG("branch", schedule=None, start_date=START) as branch:
    choose = BranchPythonOperator(task_id="choose", python_callable=lambda: "left")
    (
        choose
        >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
        >> EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
    )

with DAG("short_circuit", schedule=None, start_date=START) as short_circuit:
    (
        ShortCircuitOperator(task_id="go_on", python_callable=lambda: False)
        >> EmptyOperator(task_id="a")
        >> EmptyOperator(task_id="b")
    )

with DAG("latest_only", schedule=None, start_date=START) as latest_only:
    LatestOnlyOperator(task_id="latest") >> EmptyOperator(task_id="load")

with DAG("hooks", schedule=None, start_date=START) as hooks:
    EmptyOperator(task_id="start") >> BashOperator(
        task_id="load", bash_command="true", pre_execute=lambda _: None
    )
