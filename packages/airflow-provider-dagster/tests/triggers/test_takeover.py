import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.utils.db import initdb
from airflow.utils.session import create_session

from airflow.providers.dagster import wire
from airflow.providers.dagster.testing import FakeClock, FakeDagster
from airflow.providers.dagster.triggers.dagster import DagsterRunTrigger
from airflow.providers.dagster.triggers.takeover import Sighting, is_taken_over, look_up
from airflow.providers.dagster.version_compat import AIRFLOW_3

BEFORE = Sighting("deferred", 1, 2)
DAG_FILE = """
from airflow.providers.common.compat.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

with DAG("taken", schedule=None):
    EmptyOperator(task_id="load")
"""
only_airflow_2 = pytest.mark.skipif(AIRFLOW_3, reason="triggers of Airflow 3 see no database")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(BEFORE, False, id="the triggerer restarts"),
        pytest.param(Sighting("scheduled", 1, 2), False, id="the event of another triggerer"),
        pytest.param(Sighting("queued", 1, 2), False, id="resumed and queued"),
        pytest.param(Sighting("running", 1, 2), False, id="resumed and running"),
        pytest.param(Sighting("failed", 1, 2), True, id="marked failed"),
        pytest.param(Sighting("success", 1, 2), True, id="marked success"),
        pytest.param(Sighting(None, 1, 3), True, id="cleared"),
        pytest.param(Sighting(None, 1, 2), True, id="cleared in the same generation"),
        pytest.param(Sighting("running", 2, 3), True, id="cleared and running again"),
        pytest.param(None, True, id="deleted"),
    ],
)
def test_only_what_a_person_does_takes_a_task_from_its_trigger(
    now: Sighting | None,
    expected: bool,  # noqa: FBT001
) -> None:
    assert is_taken_over(BEFORE, now) is expected


def test_without_a_task_instance_nothing_is_taken() -> None:
    assert asyncio.run(look_up(None)) is False


@pytest.fixture(scope="module")
def database() -> None:
    initdb()


@pytest.fixture
def broken_off(
    database: None,  # noqa: ARG001 - has to be there
    connection: str,
    dagster: FakeDagster,
    clock: FakeClock,
    tmp_path: Path,
    read_dags: Callable[[Path], Any],
) -> Callable[[str | None], str]:
    """Break a trigger off after its task has come to a state, and tell how its run stands then."""
    (tmp_path / "dags.py").write_text(DAG_FILE)
    bag = read_dags(tmp_path / "dags.py")
    bag.sync_to_db()
    key = {wire.LAUNCH_KEY_TAG: "key"}

    def breaks_off(state: str | None) -> str:
        moment = datetime.now(UTC)
        created = bag.dags["taken"].create_dagrun(
            state="running",
            execution_date=moment,
            run_id=f"manual__{moment.isoformat()}",
            data_interval=(moment, moment),
        )
        ti = created.get_task_instance("load")
        with create_session() as session:
            ti.state = state
            session.merge(ti)
        run = dagster.add_run(key, "STARTED")
        trigger = DagsterRunTrigger(dagster_conn_id=connection, launch_key="key", run_ids=[run.run_id])
        trigger.clock, trigger.task_instance = clock, ti

        async def wait() -> None:
            waiting = asyncio.create_task(anext(aiter(trigger.run())))
            clock.after(10.0, waiting.cancel)
            with pytest.raises(asyncio.CancelledError):
                await waiting

        asyncio.run(wait())
        return run.status

    return breaks_off


@only_airflow_2
@pytest.mark.parametrize("state", ["failed", "success", None])
def test_the_run_of_a_task_that_is_marked_or_cleared_is_ended(
    broken_off: Callable[[str | None], str], state: str | None
) -> None:
    assert broken_off(state) == "CANCELING"


@only_airflow_2
def test_the_run_of_a_task_that_is_still_deferred_goes_on(broken_off: Callable[[str | None], str]) -> None:
    assert broken_off("deferred") == "STARTED"


@only_airflow_2
def test_a_database_that_does_not_answer_ends_nothing(
    connection: str, dagster: FakeDagster, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    run = dagster.add_run({wire.LAUNCH_KEY_TAG: "key"}, "STARTED")
    trigger = DagsterRunTrigger(dagster_conn_id=connection, launch_key="key", run_ids=[run.run_id])
    trigger.clock, trigger.task_instance = clock, object()

    async def wait() -> None:
        waiting = asyncio.create_task(anext(aiter(trigger.run())))
        clock.after(10.0, waiting.cancel)
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(wait())

    assert run.status == "STARTED"
    assert "may go on" in caplog.text
