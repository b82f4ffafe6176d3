from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_manifest import SHOP

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance, TaskHandle
from dagster_airlift_core.testing import FakeAirflow
from dagster_airlift_dbt import DbtCommand, DbtOnAirflow, Preflight
from dagster_airlift_dbt.__main__ import main

ORDERS = DbtCommand("run", select="orders")


@dataclass(frozen=True)
class Results:
    """Stands for a source of what dbt really ran."""

    ids: Collection[str] | None

    def ids_of(self, handle: TaskHandle) -> Collection[str] | None:
        assert handle == TaskHandle("etl", "a")
        return self.ids


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with FakeAirflow() as fake:
        fake.add_dag("etl", {"a": []})
        yield fake


def dbt(fake: FakeAirflow, script: str, command: DbtCommand | None = None) -> DbtOnAirflow:
    fake.set_task("etl", "r1", "a")
    fake.render_task("etl", "r1", "a", {"bash_command": script})
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")
    tasks = {"etl": {"a": command}} if command else {}
    return DbtOnAirflow(manifest=SHOP, airflow=airflow, tasks=tasks)


def preflight(fake: FakeAirflow, script: str, command: DbtCommand | None = None) -> Preflight:
    return dbt(fake, script, command).preflight("etl", "a")


def test_what_was_found_out_would_be_run_just_so(fake: FakeAirflow) -> None:
    found = preflight(fake, "dbt run -s marts --target prod --vars '{a: 1}'")

    assert found.is_same
    assert (found.exit_code, found.run_id) == (0, "r1")
    assert found.dagster == found.airflow
    assert found.dagster is not None
    assert found.dagster.settings == {"--target": "prod", "--vars": "{a: 1}"}
    assert found.dagster.models == (
        "model.shop.customers.v1",
        "model.shop.customers.v2",
        "model.shop.orders",
        "model.shop.revenue",
    )
    assert found.dagster.others == ("model.shop.helper",)


@pytest.mark.parametrize(
    ("script", "difference"),
    [
        pytest.param("dbt run -s orders revenue", "Only Airflow ran model.shop.revenue.", id="more"),
        pytest.param("dbt run -s revenue", "Only Dagster would run model.shop.orders.", id="other"),
        pytest.param(
            "dbt run -s orders --target prod",
            "--target: Dagster would have none, Airflow had 'prod'.",
            id="target",
        ),
        pytest.param(
            "dbt run -s orders -t prod", "--target: Dagster would have none, Airflow had 'prod'.", id="short"
        ),
        pytest.param(
            "dbt run -s orders --full-refresh",
            "--full-refresh: Dagster would have none, Airflow had it.",
            id="flag",
        ),
        pytest.param(
            "dbt run -s orders --vars='{day: 1}'",
            "--vars: Dagster would have none, Airflow had '{day: 1}'.",
            id="variables",
        ),
        pytest.param(
            "dbt run -s orders && dbt test", "Airflow ran `dbt test` too, and Dagster would not.", id="tests"
        ),
    ],
)
def test_each_difference_to_what_was_given_is_listed(fake: FakeAirflow, script: str, difference: str) -> None:
    found = preflight(fake, script, ORDERS)

    assert difference in found.differences
    assert found.exit_code == 1
    assert difference in str(found)


def test_what_prepares_dbt_and_where_it_lies_is_no_difference(fake: FakeAirflow) -> None:
    found = preflight(
        fake, "dbt deps; dbt run -s orders --project-dir /opt/shop --profiles-dir=/etc/dbt", ORDERS
    )

    assert found.exit_code == 0
    assert "--project-dir /opt/shop is a place of Airflow's machine" in found.notes[0]


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("dbt run -s $MODELS", "known in Airflow alone", id="a variable"),
        pytest.param("dbt seed; dbt run -s orders", "2 dbt commands", id="several commands"),
        pytest.param("dbt run -s nope", "selects nothing", id="nothing"),
        pytest.param("echo", "What Airflow ran last is not known.", id="no dbt"),
    ],
)
def test_what_cannot_be_told_is_no_success(fake: FakeAirflow, script: str, reason: str) -> None:
    found = preflight(fake, script)

    assert found.exit_code == 2
    assert not found.is_same
    assert any(reason in each for each in found.unknown)
    assert reason in found.to_text()


def test_a_given_command_is_not_compared_with_an_uncertain_one(fake: FakeAirflow) -> None:
    found = preflight(fake, "dbt run -s $MODELS", ORDERS)

    assert found.dagster is not None
    assert found.exit_code != 0
    assert "known in Airflow alone" in " ".join(found.unknown)


def test_results_of_dbt_count_more_than_the_command(fake: FakeAirflow) -> None:
    project = dbt(fake, "dbt run -s $MODELS", ORDERS)

    same = project.preflight("etl", "a", last=Results(["model.shop.orders"]))
    other = project.preflight("etl", "a", last=Results(["model.shop.orders", "model.shop.revenue"]))
    unknown = project.preflight("etl", "a", last=Results(None))

    assert same.exit_code == 0
    assert other.differences == ("Only Airflow ran model.shop.revenue.",)
    assert unknown.exit_code != 0


def test_results_are_enough_where_airflow_is_not_asked() -> None:
    project = DbtOnAirflow(manifest=SHOP, tasks={"etl": {"a": ORDERS}})

    assert project.preflight("etl", "a").exit_code == 2
    assert project.preflight("etl", "a", last=Results(["model.shop.orders"])).exit_code == 0


def test_a_preflight_is_json_too(fake: FakeAirflow) -> None:
    found = json.loads(preflight(fake, "dbt run -s orders").to_json())

    assert found["is_same"] is True
    assert found["airflow"]["commands"] == ["dbt run --select orders"]


def test_folders_of_airflows_machine_do_not_reach_dagster(fake: FakeAirflow) -> None:
    script = "dbt run -s orders --project-dir /opt/shop --threads 4 --log-path=/tmp -x"
    own = DbtCommand("run", select="orders", flags=("--project-dir", "/mine"))

    found, given = preflight(fake, script), preflight(fake, script, own)

    assert found.dagster is not None
    assert found.dagster.commands == ("dbt run --select orders --threads 4 --fail-fast",)
    assert given.dagster is not None
    assert given.dagster.commands == ("dbt run --select orders --project-dir /mine",)


def test_the_command_line_prints_both_and_tells_a_script(
    fake: FakeAirflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dbt(fake, "dbt run -s orders && dbt test")
    (tmp_path / "manifest.json").write_text(json.dumps(SHOP))
    (tmp_path / "my_dbt_project_defs.py").write_text(
        "from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance\n"
        "from dagster_airlift_dbt import DbtOnAirflow\n"
        f"airflow = AirflowInstance(AirflowBasicAuthBackend({fake.url!r}, 'viewer', 'viewer'), 'prod')\n"
        "dbt = DbtOnAirflow(manifest='manifest.json', airflow=airflow)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    assert main(["report", "my_dbt_project_defs:dbt"]) == 0
    table = capsys.readouterr().out
    assert main(["report", "my_dbt_project_defs:dbt", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert main(["preflight", "my_dbt_project_defs:dbt", "etl", "a"]) == 1
    compared = capsys.readouterr().out

    assert table.splitlines()[1].split() == ["etl.a", "bash", "certain", "1:", "orders"]
    assert "  model.shop.revenue" in table.splitlines()
    assert written["tasks"][0]["models"] == ["model.shop.orders"]
    assert compared.startswith("etl.a: Dagster would run something else.")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        pytest.param("my_wrong_defs", "There is no DbtOnAirflow at 'my_wrong_defs'", id="no variable"),
        pytest.param("my_wrong_defs:three", "There is no DbtOnAirflow at", id="another value"),
        pytest.param("my_wrong_defs:dbt", "There is no dbt manifest at 'nowhere.json'", id="no manifest"),
        pytest.param("my_missing_defs:dbt", "There is no module 'my_missing_defs'", id="no module"),
        pytest.param("my_broken_defs:dbt", "ZeroDivisionError", id="a module that raises"),
        pytest.param(
            "my_lacking_defs:dbt", "No module named 'no_such_library'", id="a module that lacks another"
        ),
    ],
)
def test_a_question_that_cannot_be_asked_is_told_apart_from_a_difference(
    place: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script goes by the exit code: 1 would say that Dagster would run something else."""
    (tmp_path / "my_wrong_defs.py").write_text(
        "from dagster_airlift_dbt import DbtCommand, DbtOnAirflow\n"
        "dbt = DbtOnAirflow(manifest='nowhere.json', tasks={'etl': {'a': DbtCommand('run')}})\n"
        "three = 3\n"
    )
    (tmp_path / "my_broken_defs.py").write_text("1 / 0\n")
    (tmp_path / "my_lacking_defs.py").write_text("import no_such_library\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    codes = main(["report", place]), main(["preflight", place, "etl", "a"])

    assert codes == (2, 2)
    assert told in capsys.readouterr().err
