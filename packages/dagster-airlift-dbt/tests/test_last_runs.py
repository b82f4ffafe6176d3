"""What preflight takes for what Airflow really ran: dbt's own results of the last runs of a task."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from small_manifest import SHOP

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.testing import FakeAirflow, Reply
from dagster_airlift_dbt import DbtCommand, DbtOnAirflow, DbtResultStore, Preflight

LOGGED = json.dumps(
    {
        "info": {"name": "LogModelResult", "invocation_id": "i"},
        "data": {"node_info": {"unique_id": "model.shop.orders", "node_status": "success"}},
    }
)
DAILY = ("model.shop.orders", "model.shop.stg_orders")


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with FakeAirflow(version=request.param) as fake:
        fake.add_dag("etl", {"a": []})
        yield fake


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def run(fake: FakeAirflow, run_id: str, script: str, state: str = "success", tries: int = 1) -> None:
    fake.set_task("etl", run_id, "a", state)
    fake.render_task("etl", run_id, "a", {"bash_command": script})
    fake.edit_task("etl", run_id, "a", try_number=tries)


def left(root: Path, run_id: str, which: str, *ids: str, tried: int = 1, status: str = "success") -> None:
    folder = root / "etl" / run_id / "a" / "-1" / str(tried)
    folder.mkdir(parents=True)
    entries = [{"unique_id": each, "status": status} for each in ids]
    (folder / "run_results.json").write_text(json.dumps({"args": {"which": which}, "results": entries}))


def preflight(fake: FakeAirflow, root: Path | None = None, command: DbtCommand | None = None) -> Preflight:
    return DbtOnAirflow(
        manifest=SHOP,
        airflow=AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod"),
        tasks={"etl": {"a": command}} if command else {},
        results=[DbtResultStore(str(root))] if root else [],
    ).preflight("etl", "a")


def test_what_dbt_left_behind_is_what_airflow_ran(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s tag:daily")
    left(root, "r1", "run", *DAILY)

    found = preflight(fake, root)

    assert (found.exit_code, found.seen_in, found.differences) == (0, ("r1",), ())
    assert found.airflow is not None
    assert found.airflow.models == DAILY
    assert "Airflow ran, by dbt's own results of r1:" in found.to_text()


@pytest.mark.parametrize(
    ("ran", "difference"),
    [
        pytest.param((*DAILY, "model.shop.revenue"), "Only Airflow ran model.shop.revenue.", id="more"),
        pytest.param(DAILY[:1], "Only Dagster would run model.shop.stg_orders.", id="less"),
        pytest.param(
            (*DAILY, "model.shop.new"), "Only Airflow ran model.shop.new.", id="not-in-the-manifest"
        ),
    ],
)
def test_a_task_that_ran_something_else_than_its_selection_is_a_difference(
    fake: FakeAirflow, root: Path, ran: tuple[str, ...], difference: str
) -> None:
    run(fake, "r1", "dbt run -s tag:daily")
    left(root, "r1", "run", *ran)

    found = preflight(fake, root)

    assert (found.exit_code, found.differences) == (1, (difference,))


def test_the_last_three_runs_are_taken_together(fake: FakeAirflow, root: Path) -> None:
    for number, model in enumerate(("revenue", "orders", "stg_orders", "orders"), 1):
        run(fake, f"r{number}", "dbt run -s tag:daily")
        left(root, f"r{number}", "run", f"model.shop.{model}")

    found = preflight(fake, root)

    assert (found.exit_code, found.seen_in) == (0, ("r4", "r3", "r2"))


def test_the_tries_of_a_run_are_taken_together(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s tag:daily", tries=2)
    left(root, "r1", "run", "model.shop.stg_orders", tried=1, status="error")
    left(root, "r1", "run", "model.shop.orders", tried=2)

    found = preflight(fake, root)

    assert (found.exit_code, found.seen_in) == (0, ("r1",))


def test_what_dbt_skipped_or_failed_at_was_selected_all_the_same(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s tag:daily", "failed")
    left(root, "r1", "run", *DAILY, status="skipped")

    assert preflight(fake, root).exit_code == 0


def test_of_a_chain_the_commands_without_results_count_by_their_selection(
    fake: FakeAirflow, root: Path
) -> None:
    run(fake, "r1", "dbt seed && dbt run -s tag:daily")
    left(root, "r1", "run", *DAILY)

    found = preflight(fake, root, DbtCommand("run", select="tag:daily"))

    assert found.differences == ("Only Airflow ran seed.shop.raw_orders.",)
    assert found.notes == ("`dbt seed` left no results of its own; its selection says what it ran.",)


def test_each_run_of_an_ad_hoc_dag_counts_however_it_selects(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s revenue")
    left(root, "r1", "run", "model.shop.revenue")
    run(fake, "r2", "dbt run -s orders")
    left(root, "r2", "run", "model.shop.orders")

    found = preflight(fake, root)

    assert found.differences == ("Only Airflow ran model.shop.revenue.",)


def test_an_ephemeral_model_is_not_missed_for_it_has_no_result(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s helper revenue")
    left(root, "r1", "run", "model.shop.revenue")

    assert preflight(fake, root).exit_code == 0


def test_results_say_what_a_template_hides(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s $MODELS")
    left(root, "r1", "run", *DAILY)

    found = preflight(fake, root, DbtCommand("run", select="tag:daily"))

    assert (found.exit_code, found.unknown) == (0, ())


@pytest.mark.parametrize(
    ("log", "code"),
    [
        pytest.param(LOGGED, 1, id="another"),
        pytest.param("nothing of dbt", 0, id="none"),
    ],
)
def test_without_a_place_of_results_the_log_of_the_task_is_read(
    fake: FakeAirflow, log: str, code: int
) -> None:
    run(fake, "r1", "dbt run -s tag:daily")
    fake.set_log("etl", "r1", "a", log)

    found = preflight(fake)

    assert found.exit_code == code
    assert found.seen_in == (("r1",) if code else ())


def test_runs_that_cannot_be_read_now_leave_the_command(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s tag:daily")
    project = DbtOnAirflow(
        manifest=SHOP,
        airflow=AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod"),
        results=[DbtResultStore(str(root))],
    )
    project.report()
    fake.reply(Reply(500, {}), Reply(500, {}), Reply(500, {}), Reply(500, {}), path="dagRuns")

    found = project.preflight("etl", "a")

    assert (found.exit_code, found.seen_in) == (0, ())
    assert found.notes[0].startswith("Results of its last runs cannot be read: ")


def test_the_place_of_results_is_told_to_a_program(fake: FakeAirflow, root: Path) -> None:
    run(fake, "r1", "dbt run -s tag:daily")
    left(root, "r1", "run", *DAILY)

    told: Mapping[str, object] = json.loads(preflight(fake, root).to_json())

    assert told["seen_in"] == ["r1"]
