from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, Definitions
from dagster._core.definitions.definitions_load_context import (  # noqa: TID251 - as Dagster loads
    DefinitionsLoadContext,
    DefinitionsLoadType,
)
from dagster._core.definitions.repository_definition import (  # noqa: TID251
    RepositoryLoadData,
)
from small_manifest import BOOKS, SHOP, manifest, node

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowFilter, AirflowInstance, TaskHandle
from dagster_airlift_core.filters import EVERYTHING
from dagster_airlift_core.testing import FakeAirflow, Reply
from dagster_airlift_dbt import DbtCommand, DbtMigrationError, DbtOnAirflow
from dagster_airlift_dbt.discovered import Discovered, DiscoveredError
from dagster_airlift_dbt.discovery import Discovery, unpacked

MAPPING = "dagster-airlift/task-mapping"
LOCAL = "cosmos.operators.local."
BASH = "airflow.providers.standard.operators.bash.BashOperator"


@pytest.fixture(params=["3.3.2", "2.11.2"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeAirflow]:
    with FakeAirflow(version=request.param) as fake:
        yield fake


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with FakeAirflow() as fake:
        yield fake


def at(fake: FakeAirflow) -> AirflowInstance:
    return AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")


def add(fake: FakeAirflow, dag_id: str, **scripts: str | None) -> None:
    """Add a DAG of Bash tasks; those with a script have run."""
    fake.add_dag(dag_id, {task_id: [] for task_id in scripts})
    for task_id, script in scripts.items():
        if script is not None:
            ran(fake, dag_id, task_id, {"bash_command": script})


def ran(fake: FakeAirflow, dag_id: str, task_id: str, fields: Mapping[str, Any], run_id: str = "r1") -> None:
    fake.set_task(dag_id, run_id, task_id)
    fake.render_task(dag_id, run_id, task_id, fields)


def tasks_of(defs: Definitions) -> dict[str, list[str]]:
    return {
        spec.key.to_user_string(): [
            f"{task['dag_id']}.{task['task_id']}" for task in spec.metadata[MAPPING].value
        ]
        for spec in defs.resolve_all_asset_specs()
        if MAPPING in spec.metadata
    }


def rows(dbt: DbtOnAirflow) -> dict[str, tuple[str, list[str]]]:
    return {
        f"{task.dag_id}.{task.task_id}": (task.certainty, [each.split(".", 2)[2] for each in task.models])
        for task in dbt.report().tasks
    }


def test_every_model_is_mapped_to_the_task_that_runs_it_without_a_line_of_configuration(
    fake: FakeAirflow,
) -> None:
    add(
        fake,
        "layers",
        seed="dbt seed",
        stage="dbt run -s staging",
        marts="dbt run -s orders",
        test="dbt test",
    )
    add(fake, "other", load="python load.py", again="dbt run -s +tag:daily")
    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(fake))

    mapped = tasks_of(dbt.defs())

    assert mapped == {
        "raw_orders": ["layers.seed"],
        "stg_orders": ["layers.stage", "other.again"],
        "stg_customers": ["layers.stage"],
        "orders": ["layers.marts", "other.again"],
    }
    assert rows(dbt)["layers.test"] == ("certain", [])


def test_several_commands_of_one_task_are_all_its_own(three: FakeAirflow) -> None:
    add(three, "etl", all="dbt seed && dbt run -s orders && dbt run {{ x }}")

    assert rows(DbtOnAirflow(manifest=SHOP, airflow=at(three))) == {
        "etl.all": ("partly", ["orders", "raw_orders"])
    }


def test_what_was_said_wins_and_none_means_that_it_is_not_dbt(three: FakeAirflow) -> None:
    add(three, "etl", a="dbt run -s orders", b="dbt run -s revenue", c="dbt seed")
    add(three, "adhoc", a="dbt build")
    tasks = {"etl": {"a": DbtCommand("run", select="staging"), "b": None}, "adhoc": None}

    dbt = DbtOnAirflow(manifest=SHOP, tasks=tasks, airflow=at(three))

    assert rows(dbt) == {
        "etl.a": ("given", ["stg_customers", "stg_orders"]),
        "etl.c": ("certain", ["raw_orders"]),
    }


def test_a_task_runs_in_the_project_in_which_it_selects_something(three: FakeAirflow) -> None:
    add(
        three,
        "etl",
        shop="dbt run -s orders",
        books="dbt run -s sales",
        either="dbt run",
        none="dbt run -s nope",
    )

    dbt = DbtOnAirflow(manifest=[SHOP, BOOKS], airflow=at(three))

    report = dbt.report()
    assert rows(dbt)["etl.shop"] == ("certain", ["orders"])
    assert rows(dbt)["etl.books"] == ("certain", ["sales"])
    assert rows(dbt)["etl.either"] == ("unknown", [])
    warned = {task.task_id: task.warnings for task in report.tasks}
    assert "selects something in each of the dbt projects 'shop', 'books'" in warned["either"][0]
    assert [task.task_id for task in report.selecting_nothing] == ["none"]
    assert "model.shop.revenue" in report.not_run
    assert "model.shop.orders" not in report.not_run


def cosmos_dag(fake: FakeAirflow) -> dict[str, str]:
    classes = {
        "raw_orders_seed": "DbtSeedLocalOperator",
        "grp.stg_orders.run": "DbtRunLocalOperator",
        "grp.stg_orders.test": "DbtTestLocalOperator",
        "orders_run": "DbtRunLocalOperator",
        "customers_v2_run": "DbtRunLocalOperator",
        "orders_snapshot_snapshot": "DbtSnapshotLocalOperator",
        "revenue_model_build": "DbtBuildLocalOperator",
        "shop_test": "DbtTestLocalOperator",
        "renamed": "DbtRunLocalOperator",
        "helper_run": "DbtRunLocalOperator",
    }
    fake.add_dag("cosmos", {task_id: [] for task_id in classes})
    for task_id, name in classes.items():
        fake.set_operator("cosmos", task_id, LOCAL + name)
    return classes


EXPECTED = {
    "raw_orders_seed": ["raw_orders"],
    "grp.stg_orders.run": ["stg_orders"],
    "grp.stg_orders.test": [],
    "orders_run": ["orders"],
    "customers_v2_run": ["customers.v2"],
    "orders_snapshot_snapshot": ["orders_snapshot"],
    "revenue_model_build": ["revenue"],
    "shop_test": [],
}


def test_cosmos_is_known_by_its_task_ids_before_it_has_run(three: FakeAirflow) -> None:
    cosmos_dag(three)

    found = rows(DbtOnAirflow(manifest=SHOP, airflow=at(three)))

    unknown = {name: ("unknown", list[str]()) for name in ("renamed", "helper_run")}
    likely = {
        name: ("certain" if name.endswith("test") else "likely", models) for name, models in EXPECTED.items()
    }
    assert found == {f"cosmos.{name}": row for name, row in {**likely, **unknown}.items()}


def test_cosmos_is_known_by_what_it_selected_once_it_has_run(three: FakeAirflow) -> None:
    for task_id in cosmos_dag(three):
        name = task_id.split("_")[0] if task_id == "renamed" else task_id
        name = {"renamed": "stg_customers", "helper_run": "helper"}.get(
            name, EXPECTED.get(name, ["x"]) or ["x"]
        )
        last = name if isinstance(name, str) else name[0]
        folder = {"stg_orders": "staging.", "stg_customers": "staging."}.get(last, "marts.")
        folder = "" if last in {"raw_orders", "orders_snapshot"} else folder
        ran(three, "cosmos", task_id, {"select": f"fqn:shop.{folder}{last}"})
    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three))

    found = rows(dbt)

    certain = {**EXPECTED, "renamed": ["stg_customers"], "helper_run": []}
    assert found == {f"cosmos.{name}": ("certain", models) for name, models in certain.items()}
    assert [task.task_id for task in dbt.report().selecting_nothing] == ["helper_run"]


def test_a_name_that_two_projects_have_is_no_certain_task_id(three: FakeAirflow) -> None:
    three.add_dag("cosmos", {"orders_run": []})
    three.set_operator("cosmos", "orders_run", LOCAL + "DbtRunLocalOperator")
    other = manifest("other", node("model.other.orders"))

    dbt = DbtOnAirflow(manifest=[SHOP, other], airflow=at(three))

    assert rows(dbt) == {"cosmos.orders_run": ("unknown", [])}
    assert "exactly one resource" in dbt.report().tasks[0].warnings[0]


def test_a_name_that_two_packages_have_is_no_certain_task_id_and_a_selection_is(three: FakeAirflow) -> None:
    three.add_dag("cosmos", {"orders_run": [], "other_orders_run": []})
    for task_id in ("orders_run", "other_orders_run"):
        three.set_operator("cosmos", task_id, LOCAL + "DbtRunLocalOperator")
    ran(three, "cosmos", "other_orders_run", {"select": "fqn:lib.orders"})
    orders = node(
        "model.lib.orders", config={"enabled": True, "meta": {"dagster": {"asset_key": ["lib", "orders"]}}}
    )
    both = manifest("shop", node("model.shop.orders"), orders)

    dbt = DbtOnAirflow(manifest=both, airflow=at(three))

    assert rows(dbt) == {
        "cosmos.orders_run": ("unknown", []),
        "cosmos.other_orders_run": ("certain", ["orders"]),
    }
    assert dbt.report().tasks[1].models == ("model.lib.orders",)


def test_a_model_that_is_disabled_or_newer_than_the_manifest_is_selected_by_nothing(
    three: FakeAirflow,
) -> None:
    add(three, "etl", off="dbt run -s off", newer="dbt run -s newer", both="dbt run -s orders newer")
    off = node("model.shop.off", config={"enabled": False})
    dbt = DbtOnAirflow(manifest=manifest("shop", off, node("model.shop.orders")), airflow=at(three))

    assert [task.task_id for task in dbt.report().selecting_nothing] == ["newer", "off"]
    assert rows(dbt)["etl.both"] == ("certain", ["orders"])
    assert dbt.report().not_run == ()


def test_an_ad_hoc_dag_is_mapped_to_what_its_last_run_selected(three: FakeAirflow) -> None:
    add(three, "adhoc", a="dbt run -s orders")
    three.now += timedelta(minutes=1)
    ran(three, "adhoc", "a", {"bash_command": "dbt run -s revenue"}, "r2")

    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three))

    assert rows(dbt) == {"adhoc.a": ("certain", ["revenue"])}
    assert dbt.report().tasks[0].run_id == "r2"


def test_a_watcher_is_mapped_to_its_model_and_the_producer_to_none(three: FakeAirflow) -> None:
    three.add_dag(
        "watch", {"dbt_producer_watcher": [], "orders_run": [], "gone_run": [], "raw_orders_seed": []}
    )
    for task_id, name in {
        "dbt_producer_watcher": "DbtProducerWatcherOperator",
        "orders_run": "DbtRunWatcherOperator",
        "gone_run": "DbtRunWatcherOperator",
        "raw_orders_seed": "DbtSeedWatcherOperator",
    }.items():
        three.set_operator("watch", task_id, f"cosmos.operators.watcher.{name}")
    ran(three, "watch", "dbt_producer_watcher", {"select": "", "exclude": ""})
    ran(three, "watch", "orders_run", {"model_unique_id": "model.shop.orders"})
    ran(three, "watch", "gone_run", {"model_unique_id": "model.shop.gone"})
    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three))

    assert rows(dbt) == {
        "watch.dbt_producer_watcher": ("certain", []),
        "watch.orders_run": ("certain", ["orders"]),
        "watch.gone_run": ("certain", []),
        "watch.raw_orders_seed": ("likely", ["raw_orders"]),
    }
    (gone,) = dbt.report().selecting_nothing
    assert gone.warnings == ("No manifest has 'model.shop.gone' as an asset.",)


def test_each_dag_is_asked_twice_and_one_without_dbt_only_for_its_tasks(three: FakeAirflow) -> None:
    add(three, "etl", **{f"t{number}": "dbt run -s orders" for number in range(5)})
    three.add_dag("python", {"t": []})
    three.set_operator("python", "t", "airflow.providers.standard.operators.python.PythonOperator")

    DbtOnAirflow(manifest=SHOP, airflow=at(three)).report()

    asked = [
        request.path.removeprefix("/api/v2/dags/") for request in three.requests if "/dags/" in request.path
    ]
    assert sorted(asked) == ["etl/dagRuns", "etl/dagRuns/r1/taskInstances", "etl/tasks", "python/tasks"]


def test_only_the_dags_of_the_filter_are_looked_at(three: FakeAirflow) -> None:
    add(three, "etl", a="dbt run -s orders")
    add(three, "other", a="dbt run -s revenue")

    only = AirflowFilter(dag_id_ilike="etl")
    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three), retrieval_filter=only)

    assert rows(dbt) == {"etl.a": ("certain", ["orders"])}


def test_airflow_is_asked_once_however_often_something_is_migrated_or_reported(
    three: FakeAirflow, tmp_path: Path
) -> None:
    add(three, "etl", a="dbt run -s orders")
    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=tmp_path / "state")
    dbt.report()
    asked = len(three.requests)

    dbt.defs()
    dbt.migrate("etl", "b", project=None).report()  # type: ignore[arg-type]

    assert len(three.requests) == asked


def test_a_location_loads_as_it_was_when_airflow_is_down(
    three: FakeAirflow, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(three, "etl", a="dbt run -s orders")
    state = tmp_path / "state"
    before = tasks_of(DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state).defs())
    three.reply(*[Reply(503, "down")] * 50)

    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state)

    with caplog.at_level(logging.WARNING):
        assert tasks_of(dbt.defs()) == before == {"orders": ["etl.a"]}
    assert "as it was found last" in caplog.text
    assert "as it was found last" in dbt.report().problems[0]


def test_a_location_loads_when_airflow_was_never_there_and_what_was_said_counts(tmp_path: Path) -> None:
    nobody = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "u", "p"), "prod")
    tasks = {"etl": {"seed": DbtCommand("seed")}}

    dbt = DbtOnAirflow(manifest=SHOP, tasks=tasks, airflow=nobody, state_path=tmp_path / "state")

    assert tasks_of(dbt.defs()) == {"raw_orders": ["etl.seed"]}
    assert not (tmp_path / "state").exists()


def test_the_state_holds_commands_and_nothing_else_of_the_fields(three: FakeAirflow, tmp_path: Path) -> None:
    add(three, "etl", a="export PASSWORD=hush; dbt run -s orders; send --to customer@shop.example")
    ran(three, "etl", "a", {"bash_command": "dbt run -s orders", "env": {"KEY": "hush"}})

    DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=tmp_path / "state").report()

    text = (tmp_path / "state").read_text()
    assert "orders" in text
    assert "hush" not in text
    assert "customer" not in text


def test_a_damaged_state_or_that_of_another_instance_is_passed_over(
    three: FakeAirflow, tmp_path: Path
) -> None:
    add(three, "etl", a="dbt run -s orders")
    state = tmp_path / "state"
    for content in (b"garbage", b""):
        state.write_bytes(content)

        assert rows(DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state)) != {}
    staging = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "u", "p"), "staging")
    assert rows(DbtOnAirflow(manifest=SHOP, airflow=staging, state_path=state)) == {}


def test_a_state_that_cannot_be_written_stops_nothing(
    three: FakeAirflow, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add(three, "etl", a="dbt run -s orders")
    (tmp_path / "file").write_text("")

    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=tmp_path / "file" / "state")

    assert rows(dbt) == {"etl.a": ("certain", ["orders"])}
    assert "cannot be kept" in caplog.text


def test_what_a_task_ran_is_kept_once_its_runs_are_gone_and_once_dagster_runs_it(
    three: FakeAirflow, tmp_path: Path
) -> None:
    add(three, "etl", a="dbt run -s orders", b="dbt run -s revenue", c="dbt seed")
    state = tmp_path / "state"
    DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state).report()
    three.task_instances.clear()
    three.proxy_task("etl", "b")
    del three.tasks["etl"]["c"]

    found = rows(DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state))

    assert found == {"etl.a": ("certain", ["orders"]), "etl.b": ("certain", ["revenue"])}


def test_a_bash_function_that_runs_now_is_what_it_was(three: FakeAirflow, tmp_path: Path) -> None:
    add(three, "etl", a="dbt run -s orders", b="dbt seed")
    state = tmp_path / "state"
    DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state).report()
    three.add_dag("etl", {"a": [], "b": [], "c": []})
    for task_id in ("a", "c"):
        ran(three, "etl", task_id, {"bash_command": "DYNAMIC (set during execution)"}, "r2")

    found = rows(DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state))

    assert found == {
        "etl.a": ("certain", ["orders"]),
        "etl.b": ("certain", ["raw_orders"]),
        "etl.c": ("unknown", []),
    }


def test_a_dag_that_cannot_be_read_keeps_what_was_known_and_is_named(
    three: FakeAirflow, tmp_path: Path
) -> None:
    add(three, "etl", a="dbt run -s orders")
    add(three, "other", a="dbt run -s revenue")
    state = tmp_path / "state"
    DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state).report()
    three.reply(Reply(400, {"detail": "no"}), path="/dags/etl/tasks")
    three.reply(Reply(400, {"detail": "no"}), path="/dags/other/dagRuns")

    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state)

    assert rows(dbt) == {"etl.a": ("certain", ["orders"]), "other.a": ("certain", ["revenue"])}
    first, second = dbt.report().problems
    assert first.startswith("The tasks of etl: ")
    assert second.startswith("What other ran last: ")


def test_what_takes_too_long_is_as_it_was_and_is_named(three: FakeAirflow, tmp_path: Path) -> None:
    add(three, "etl", a="dbt run -s orders")
    before = Discovery(at(three), EVERYTHING, tmp_path / "state").load()

    after = Discovery(at(three), EVERYTHING, tmp_path / "state", within=-1).load()

    assert after.tasks == before.tasks
    assert "took more than -1 s for the tasks" in after.problems[0]


def test_airflow_is_not_asked_when_definitions_are_only_validated(
    three: FakeAirflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_IS_DEFS_VALIDATION_CLI", "1")

    report = DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=tmp_path / "state").report()

    assert three.requests == []
    assert "only validated" in report.problems[0]


def test_the_state_lies_beside_the_snapshots_and_is_none_of_them(
    three: FakeAirflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    add(three, "etl", a="dbt run -s orders")

    DbtOnAirflow(manifest=SHOP, airflow=at(three)).report()

    (file,) = (path for path in (tmp_path / "airlift").rglob("*") if path.is_file())
    assert file.suffix == ".dbt"


def test_a_process_that_runs_a_step_gets_what_the_code_server_found_and_asks_nobody(
    three: FakeAirflow,
) -> None:
    add(three, "etl", a="dbt run -s orders", b=None)
    context = DefinitionsLoadContext
    with context.scoped(context(DefinitionsLoadType.INITIALIZATION)) as server:
        before = rows(DbtOnAirflow(manifest=SHOP, airflow=at(three)))
        stored = server.get_pending_reconstruction_metadata()
    three.requests.clear()

    worker = context(DefinitionsLoadType.RECONSTRUCTION, RepositoryLoadData(reconstruction_metadata=stored))
    with context.scoped(worker):
        after = rows(DbtOnAirflow(manifest=SHOP, airflow=at(three)))

    assert after == before
    assert three.requests == []


def test_a_state_of_another_release_is_found_out_anew() -> None:
    with pytest.raises(DiscoveredError, match="No state of a code location"):
        unpacked("of another release")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("{}", id="no schema"),
        pytest.param('{"schema": 9}', id="later"),
    ],
)
def test_what_is_no_state_is_refused(text: str) -> None:
    with pytest.raises(DiscoveredError):
        Discovered.from_json(text)


def test_what_was_discovered_comes_back_as_it_was_written(three: FakeAirflow, tmp_path: Path) -> None:
    cosmos_dag(three)
    add(three, "etl", a="dbt build -s a --resource-type model; dbt test; dbt run {{ x }}", b=None)
    state = tmp_path / "state"
    DbtOnAirflow(manifest=SHOP, airflow=at(three), state_path=state).report()
    written = state.read_text().partition("\n")[2]

    found = Discovered.from_json(written)

    assert found.to_json() == written
    assert len(found.tasks) == len(json.loads(written)["tasks"]) == 12


def test_nothing_that_says_which_tasks_run_dbt_is_refused() -> None:
    with pytest.raises(DbtMigrationError, match="Give `airflow=`"):
        DbtOnAirflow(manifest=SHOP)


def test_the_index_answers_in_each_direction(three: FakeAirflow) -> None:
    add(three, "etl", a="dbt run -s stg_orders stg_customers", b="dbt run -s stg_orders")

    index = DbtOnAirflow(manifest=[SHOP, BOOKS], airflow=at(three)).index()

    assert index.ids_of(TaskHandle("etl", "a")) == {"model.shop.stg_orders", "model.shop.stg_customers"}
    assert index.tasks_of("model.shop.stg_orders") == (TaskHandle("etl", "a"), TaskHandle("etl", "b"))
    assert index.tasks_of("model.shop.orders") == ()
    assert index.ids_of(TaskHandle("etl", "no")) == frozenset()
    assert index.key_of("model.shop.stg_orders") == AssetKey("stg_orders")
    assert index.key_of("model.shop.helper") is None
    assert index.id_of(AssetKey("sales")) == "model.books.sales"
    assert index.id_of(AssetKey("no")) is None
    assert index.node_of("model.shop.helper") is not None
    assert index.node_of("model.shop.no") is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        pytest.param("dbt seed && dbt run -s orders", "2 dbt commands of it are known", id="several"),
        pytest.param("dbt docs generate", "0 dbt commands of it are known", id="none that builds or tests"),
        pytest.param("dbt test -s $X", "0 dbt commands of it are known", id="a test of what is not known"),
        pytest.param("dbt run -s orders; dbt run $X", "uncertain", id="one that is uncertain"),
        pytest.param("dbt run -s orders --vars '***'", "masked one of its flags", id="masked"),
        pytest.param("echo", "does not tell that it runs dbt", id="no dbt"),
    ],
)
def test_a_discovered_task_that_dagster_cannot_run_word_for_word_stays_as_it_is(
    three: FakeAirflow, caplog: pytest.LogCaptureFixture, script: str, reason: str
) -> None:
    add(three, "etl", a=script)
    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three))
    before = tasks_of(dbt.defs())

    after = dbt.migrate("etl", "a", project=None)  # type: ignore[arg-type]

    assert tasks_of(after.defs()) == before
    assert reason in caplog.text
    assert "Once `tasks=` says which dbt command it runs" in caplog.text


def test_a_task_that_is_said_not_to_be_dbt_cannot_be_migrated(three: FakeAirflow) -> None:
    dbt = DbtOnAirflow(manifest=SHOP, airflow=at(three), tasks={"etl": None})

    with pytest.raises(DbtMigrationError, match=r"etl\.a is not among"):
        dbt.migrate("etl", "a", project=None)  # type: ignore[arg-type]
