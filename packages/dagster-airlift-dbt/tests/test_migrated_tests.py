"""What Dagster does in the place of a task that only tests."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster_dbt import DbtProject
from till import Till

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance, build_defs_from_airflow_instance
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon
from dagster_airlift_dbt import DbtCommand, DbtMigrationError, DbtOnAirflow, DbtTaskLogs

TASK = "prod/task/nightly/test"
"""The key of the asset that stands for the task."""
TESTS = DbtCommand("test", select="sales", indirect_selection="cautious")
SALES = {"not_null_sales_id": True, "unique_sales_id": False, "sales_are_dear": False}
"""Its tests, and whether they pass."""


@pytest.fixture
def fake() -> Iterator[FakeAirflow]:
    with FakeAirflow() as fake:
        fake.add_dag("nightly", {"build": ["test"], "test": []})
        yield fake


@pytest.fixture
def dagster() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def at(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")


def migrated(
    fake: FakeAirflow, till: Till, command: DbtCommand = TESTS, *, logs: bool = False
) -> DbtOnAirflow:
    dbt = DbtOnAirflow(
        manifest=till.manifest,
        tasks={"nightly": {"build": DbtCommand("run", select="sales"), "test": command}},
        airflow=at(fake),
        results=[DbtTaskLogs()] if logs else [],
    )
    return dbt.migrate("nightly", "test", project=DbtProject(till.folder, profiles_dir=till.folder))


def executable(dbt: DbtOnAirflow) -> list[dg.AssetsDefinition]:
    return [
        each
        for each in dbt.defs().assets or ()
        if isinstance(each, dg.AssetsDefinition) and each.is_executable
    ]


def declared(dbt: DbtOnAirflow) -> set[str]:
    checks = dbt.defs().asset_checks or ()
    return {
        key.name for each in checks if isinstance(each, dg.AssetChecksDefinition) for key in each.check_keys
    }


def evaluations(instance: dg.DagsterInstance, check: str) -> list[bool]:
    key = dg.AssetCheckKey(dg.AssetKey("sales"), check)
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=100)
    return [record.evaluation.passed for record in records if record.evaluation]


def test_it_runs_the_tests_by_the_same_command_and_each_is_evaluated_where_its_check_is(
    fake: FakeAirflow, till: Till, dagster: dg.DagsterInstance
) -> None:
    (tests,) = executable(migrated(fake, till))

    result = dg.materialize([tests], instance=dagster, raise_on_error=False)

    assert not result.success  # as in Airflow: a test failed
    assert result.get_asset_materialization_events() == []
    assert {check: evaluations(dagster, check) for check in SALES} == {
        check: [passed] for check, passed in SALES.items()
    }


def test_it_is_materialized_once_all_its_tests_pass(
    fake: FakeAirflow, till: Till, dagster: dg.DagsterInstance
) -> None:
    (tests,) = executable(migrated(fake, till, DbtCommand("test", select="not_null_sales_id")))

    result = dg.materialize([tests], instance=dagster)

    assert [event.asset_key for event in result.get_asset_materialization_events()] == [
        dg.AssetKey(TASK.split("/"))
    ]
    assert evaluations(dagster, "not_null_sales_id") == [True]
    assert evaluations(dagster, "unique_sales_id") == []


def test_the_asset_reads_what_is_tested_and_is_mapped_to_the_task_alone(
    fake: FakeAirflow, till: Till
) -> None:
    (tests,) = executable(migrated(fake, till))

    (spec,) = tests.specs

    assert {dep.asset_key.to_user_string() for dep in spec.deps} == {"sales"}
    assert spec.metadata["dagster-airlift/task-mapping"].value == [{"dag_id": "nightly", "task_id": "test"}]


def test_the_checks_that_it_evaluates_are_declared_and_no_others(fake: FakeAirflow, till: Till) -> None:
    observed = declared(migrated(fake, till, logs=True))

    assert declared(migrated(fake, till)) == {*SALES}
    assert declared(migrated(fake, till)) < observed


@pytest.mark.parametrize("logs", [pytest.param(False, id="no-results"), pytest.param(True, id="results")])
def test_while_airflow_runs_it_each_success_is_observed_once(
    fake: FakeAirflow,
    till: Till,
    dagster: dg.DagsterInstance,
    logs: bool,  # noqa: FBT001 - a case
) -> None:
    dbt = migrated(fake, till, logs=logs)
    defs = build_defs_from_airflow_instance(airflow_instance=at(fake), defs=dbt.defs(), task_results=dbt)
    daemon = SensorDaemon(defs, dagster)
    fake.set_task("nightly", "r1", "test")
    fake.set_log("nightly", "r1", "test", "1 of 1 PASS not_null_sales_id .... [PASS in 0.01s]")
    fake.set_task("nightly", "r2", "test", "failed")
    fake.set_log("nightly", "r2", "test", "1 of 1 FAIL 1 unique_sales_id .... [FAIL 1 in 0.01s]")

    daemon.tick()
    daemon.tick()

    assert [event.metadata["Airflow Run ID"].value for event in daemon.events(TASK)] == ["r1"]
    assert evaluations(dagster, "not_null_sales_id") == ([True] if logs else [])
    assert evaluations(dagster, "unique_sales_id") == ([False] if logs else [])


def test_without_its_airflow_instance_it_has_no_name(till: Till) -> None:
    dbt = DbtOnAirflow(manifest=till.manifest, tasks={"nightly": {"test": TESTS}})

    with pytest.raises(DbtMigrationError, match=r"nightly\.test only tests.*Give `airflow=` too"):
        dbt.migrate("nightly", "test", project=DbtProject(till.folder)).defs()


def test_one_that_was_found_out_is_migrated_like_one_that_was_given(fake: FakeAirflow, till: Till) -> None:
    fake.set_task("nightly", "r1", "test")
    fake.render_task("nightly", "r1", "test", {"bash_command": f"{TESTS} --project-dir /opt/till"})
    dbt = DbtOnAirflow(manifest=till.manifest, airflow=at(fake))

    found = dbt.migrate("nightly", "test", project=DbtProject(till.folder))

    (tests,) = executable(found)
    assert tests.key.to_user_string() == TASK
    preflight = found.preflight("nightly", "test")
    assert preflight.exit_code == 0
    for side in (preflight.dagster, preflight.airflow):
        assert side is not None
        assert {each.split(".")[2] for each in side.others} == {*SALES}


@pytest.mark.parametrize(
    "log",
    [
        pytest.param("nothing", id="by-its-command"),
        pytest.param(
            "1 of 1 OK created sql table model main.sales .... [OK in 0.1s]\n"
            "1 of 1 PASS not_null_sales_id .... [PASS in 0.01s]",
            id="by-its-log",
        ),
    ],
)
def test_the_tests_of_a_task_that_builds_too_stay_behind_and_preflight_says_so(
    fake: FakeAirflow, till: Till, log: str
) -> None:
    fake.set_task("nightly", "r1", "build")
    fake.set_log("nightly", "r1", "build", log)
    fake.render_task("nightly", "r1", "build", {"bash_command": "dbt run -s sales && dbt test -s sales"})
    dbt = DbtOnAirflow(manifest=till.manifest, airflow=at(fake))

    preflight = dbt.preflight("nightly", "build")

    assert preflight.exit_code == 1
    assert bool(preflight.seen_in) == (log != "nothing")
    assert preflight.differences == ("Airflow ran `dbt test --select sales` too, and Dagster would not.",)


def test_a_test_that_finds_nothing_to_do_is_no_reason_to_stay(fake: FakeAirflow, till: Till) -> None:
    fake.set_task("nightly", "r1", "build")
    fake.render_task("nightly", "r1", "build", {"bash_command": "dbt seed && dbt test -s tag:nothing"})

    report = DbtOnAirflow(manifest=till.manifest, airflow=at(fake)).report()

    (task,) = (each for each in report.tasks if each.task_id == "build")
    assert (task.certainty, task.warnings, task.models) == ("certain", (), ("seed.till.raw_sales",))
