from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import ComponentTree, ScaffoldRequest
from small_manifest import SHOP

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.testing import FakeAirflow
from dagster_airlift_dbt import (
    CosmosWatcher,
    DbtOnAirflowComponent,
    DbtResultStore,
    DbtResultXCom,
    DbtSelectionError,
    DbtTaskLogs,
)
from dagster_airlift_dbt.component_scaffolding import DbtOnAirflowParams, DbtOnAirflowScaffolder

AUTH = 'auth: {type: basic_auth, webserver_url: "URL", username: viewer, password: viewer}'


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with FakeAirflow() as fake:
        fake.add_dag("etl", {"a": [], "b": []})
        for task_id, name in {"a": "orders", "b": "revenue"}.items():
            fake.set_task("etl", "r1", task_id)
            fake.render_task("etl", "r1", task_id, {"bash_command": f"dbt run -s {name}"})
        yield fake


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_text(json.dumps(SHOP))
    return tmp_path / "manifest.json"


def component(url: str, manifest: Path | str, more: str = "") -> DbtOnAirflowComponent:
    return DbtOnAirflowComponent.resolve_from_yaml(
        f"name: prod\n{AUTH.replace('URL', url)}\nmanifest: {manifest}\n{more}"
    )


def models_of(found: DbtOnAirflowComponent, url: str, folder: Path = Path()) -> dict[str, list[str]]:
    airflow = AirflowInstance(AirflowBasicAuthBackend(url, "viewer", "viewer"), "prod")
    tasks = found.dbt_on(airflow, folder).report().tasks
    return {task.task_id: [each.split(".")[2] for each in task.models] for task in tasks}


def test_yaml_peers_the_instance_and_maps_each_model_to_its_task(fake: FakeAirflow, manifest: Path) -> None:
    found = component(fake.url, manifest, "task_assets: true\ndefault_sensor_status: STOPPED\n")

    defs = found.build_defs(ComponentTree.for_test().load_context)

    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    assert {"prod/dag/etl", "orders", "revenue"} <= set(specs)
    assert specs["orders"].tags["airlift/runs-in"] == "airflow"
    (sensor,) = defs.sensors or ()
    assert isinstance(sensor, dg.SensorDefinition)
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED


def test_yaml_says_of_the_instance_what_the_component_of_the_core_says(
    fake: FakeAirflow, manifest: Path
) -> None:
    fake.add_dag("nightly", {"a": []})
    more = (
        "http: {headers: {X-Team: sales}, connections: 1}\ntrigger_dags: [nightly]\nrun_timeline: true\n"
        "mapped_tasks: each\npartition_source: logical_date\n"
    )

    defs = component(fake.url, manifest, more).build_defs(ComponentTree.for_test().load_context)

    assert {sent.headers.get("X-Team") for sent in fake.sent} == {"sales"}
    assert {job.name for job in defs.jobs or ()} >= {"prod__dag__nightly", "prod__dag__etl"}
    executable = [
        one for one in defs.assets or () if isinstance(one, dg.AssetsDefinition) and one.is_executable
    ]
    assert dg.AssetKey(["prod", "dag", "nightly"]) in {key for one in executable for key in one.keys}


@pytest.mark.parametrize("choice", ["mapped_tasks: every", "partition_source: interval"])
def test_a_choice_that_there_is_not_is_refused(fake: FakeAirflow, manifest: Path, choice: str) -> None:
    found = component(fake.url, manifest, f"{choice}\n")

    with pytest.raises(ValueError, match="Choose one of"):
        found.build_defs(ComponentTree.for_test().load_context)


def test_what_yaml_says_of_a_task_wins(fake: FakeAirflow, manifest: Path) -> None:
    tasks = "tasks: {etl: {a: 'dbt run --select staging', b: null}, gone: null}\n"

    assert models_of(component(fake.url, manifest, tasks), fake.url) == {"a": ["stg_customers", "stg_orders"]}


def test_several_command_lines_are_a_list_and_need_no_airflow(fake: FakeAirflow, manifest: Path) -> None:
    tasks = "discover: false\ntasks: {etl: {a: ['dbt seed', 'dbt run -s orders']}}\n"

    assert models_of(component(fake.url, manifest, tasks), fake.url) == {"a": ["orders", "raw_orders"]}
    assert fake.requests == []


def test_paths_begin_at_the_folder_of_the_component(fake: FakeAirflow, manifest: Path) -> None:
    found = component(fake.url, "manifest.json", "filter: {dag_id_ilike: etl}\ndetail: slim\n")

    assert models_of(found, fake.url, manifest.parent) == {"a": ["orders"], "b": ["revenue"]}


def test_a_uri_and_several_manifests_may_be_given(fake: FakeAirflow, manifest: Path) -> None:
    found = component(fake.url, f"['file://{manifest}']")

    assert models_of(found, fake.url) == {"a": ["orders"], "b": ["revenue"]}


def test_yaml_says_where_results_are_in_the_order_in_which_they_are_looked_for(manifest: Path) -> None:
    results = (
        "results: [runs, 's3://bucket/runs', xcom, watcher, logs]\nchecks: failures\ncompiled_sql: true\n"
    )
    airflow = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "u", "p"), "prod")

    dbt = component("http://127.0.0.1:9", manifest, results).dbt_on(airflow, manifest.parent)

    assert list(dbt.results) == [
        DbtResultStore(str(manifest.parent / "runs")),
        DbtResultStore("s3://bucket/runs"),
        DbtResultXCom(),
        CosmosWatcher(),
        DbtTaskLogs(),
    ]
    assert (dbt.checks, dbt.compiled_sql) == ("failures", True)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("'dbt docs generate'", id="builds nothing"),
        pytest.param("'dbt run $X'", id="uncertain"),
        pytest.param("'echo'", id="no dbt"),
        pytest.param("['dbt seed', 'dbt ls']", id="one that builds nothing"),
    ],
)
def test_what_is_no_building_command_is_refused(fake: FakeAirflow, manifest: Path, written: str) -> None:
    found = component(fake.url, manifest, f"tasks: {{etl: {{a: {written}}}}}\n")

    with pytest.raises(DbtSelectionError, match=r"etl\.a is said to run"):
        models_of(found, fake.url)


def test_a_task_is_migrated_by_the_path_of_its_project(fake: FakeAirflow, project: Path) -> None:
    migrate = (
        "migrate: [{dag_id: etl, task_id: a, project: .}]\ntasks: {etl: {a: 'dbt run -s marts', b: null}}\n"
    )
    found = component(fake.url, project / "target" / "manifest.json", migrate)
    airflow = AirflowInstance(AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod")

    defs = found.dbt_on(airflow, project).defs()

    executable = [
        one for one in defs.assets or () if isinstance(one, dg.AssetsDefinition) and one.is_executable
    ]
    assert [sorted(key.to_user_string() for key in one.keys) for one in executable] == [
        ["bestsellers", "sales"]
    ]


def test_a_scaffold_keeps_secrets_in_the_environment_and_dg_knows_the_component(tmp_path: Path) -> None:
    params = DbtOnAirflowParams(name="prod", auth_type="token", manifest="s3://dbt/manifest.json")
    request = ScaffoldRequest(
        type_name="dagster_airlift_dbt.DbtOnAirflowComponent",
        target_path=tmp_path,
        scaffold_format="yaml",
        project_root=tmp_path,
        params=params,
    )

    DbtOnAirflowScaffolder().scaffold(request)

    assert DbtOnAirflowScaffolder.get_scaffold_params() is DbtOnAirflowParams
    written = yaml.safe_load((tmp_path / "defs.yaml").read_text())
    assert written["attributes"] == {
        "name": "prod",
        "auth": {
            "type": "token",
            "webserver_url": "{{ env.AIRFLOW_WEBSERVER_URL }}",
            "token": "{{ env.AIRFLOW_TOKEN }}",
        },
        "manifest": "s3://dbt/manifest.json",
    }
    assert "dagster_airlift_dbt" in {
        one.value for one in entry_points(group="dagster_dg_cli.registry_modules")
    }


def test_a_misspelt_place_of_results_is_no_folder(manifest: Path) -> None:
    airflow = AirflowInstance(AirflowBasicAuthBackend("http://127.0.0.1:9", "u", "p"), "prod")

    with pytest.raises(DbtSelectionError, match=r"'log', which is none of .*Did you mean logs\?"):
        component("http://127.0.0.1:9", manifest, "results: [log]\n").dbt_on(airflow, manifest.parent)
    dbt = component("http://127.0.0.1:9", manifest, "results: [./log]\n").dbt_on(airflow, manifest.parent)

    assert list(dbt.results) == [DbtResultStore(str(manifest.parent / "log"))]
