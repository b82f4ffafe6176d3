from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetSpec
from dagster_dbt import DbtProject
from upath import UPath

from dagster_airlift_dbt import (
    DbtCommand,
    DbtManifestError,
    DbtMigrationError,
    DbtOnAirflow,
    DbtSelectionError,
    ManifestSource,
)
from dagster_airlift_dbt.manifest import manifest_at
from dagster_airlift_dbt.reading import ProjectReader


def test_a_missing_manifest_is_named_with_its_remedy(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"

    with pytest.raises(
        DbtManifestError, match=r"no dbt manifest at '.*manifest.json'\. Write it with `dbt parse`"
    ):
        DbtOnAirflow(manifest=path, tasks={"etl": {"seed": DbtCommand("seed")}}).defs()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param('{"nodes": ', "cannot be read: Expecting value", id="half-written"),
        pytest.param("[]", "is not a dbt manifest: it has no 'nodes'", id="a-list"),
        pytest.param('{"results": []}', "is not a dbt manifest: it has no 'nodes'", id="run-results"),
    ],
)
def test_what_is_no_manifest_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(content)

    with pytest.raises(DbtManifestError, match=message):
        DbtOnAirflow(manifest=path, tasks={"etl": {"seed": DbtCommand("seed")}}).defs()


def test_a_manifest_is_read_anew_each_time(tmp_path: Path, manifest: Path, books: DbtOnAirflow) -> None:
    copy = tmp_path / "manifest.json"
    copy.write_bytes(manifest.read_bytes())
    shop = DbtOnAirflow(manifest=copy, tasks=books.tasks)
    shop.defs()
    copy.unlink()

    with pytest.raises(DbtManifestError, match="no dbt manifest"):
        shop.defs()


def everything(manifest: ManifestSource | list[ManifestSource]) -> set[str]:
    tasks = {"dag": {"task": DbtCommand("build")}}
    assets = DbtOnAirflow(manifest, tasks).defs().assets or ()
    return {spec.key.to_user_string() for spec in assets if isinstance(spec, AssetSpec)}


def manifest_of(project: str, *models: str) -> dict[str, Any]:
    nodes = {
        f"model.{project}.{name}": {
            "resource_type": "model",
            "name": name,
            "package_name": project,
            "fqn": [project, name],
            "original_file_path": f"models/{name}.sql",
        }
        for name in models
    }
    return {"metadata": {"project_name": project}, "nodes": nodes}


@pytest.mark.parametrize("source", ["path", "text", "uri", "content", "project"])
def test_a_manifest_comes_from_where_it_lies(projects: Path, source: str) -> None:
    path = projects / "jaffle" / "target" / "manifest.json"
    memory = UPath("memory://airlift/manifest.json")
    memory.write_bytes(path.read_bytes())
    sources: dict[str, ManifestSource] = {
        "path": path,
        "text": str(path),
        "uri": "memory://airlift/manifest.json",
        "content": json.loads(path.read_text()),
        "project": DbtProject(projects / "jaffle"),
    }

    assert everything(sources[source]) == {
        *("customers", "orders", "stg_customers", "stg_orders", "stg_payments"),
        *("raw_customers", "raw_orders", "raw_payments"),
    }


def test_a_uri_that_nothing_here_can_read_is_named() -> None:
    with pytest.raises(DbtManifestError, match=r"'nowhere://bucket/manifest.json' cannot be read.*"):
        everything("nowhere://bucket/manifest.json")


def test_a_missing_object_is_named() -> None:
    with pytest.raises(DbtManifestError, match=r"no dbt manifest at 'memory://airlift/gone.json'"):
        everything("memory://airlift/gone.json")


@pytest.mark.parametrize("uri", ["memory://airlift/changing.json", "file"])
def test_a_manifest_is_read_again_once_it_has_changed(tmp_path: Path, uri: str) -> None:
    path = UPath(tmp_path / "manifest.json") if uri == "file" else UPath(uri)
    path.write_text(json.dumps(manifest_of("shop", "old")))
    reader = ProjectReader(manifest_at(str(path)))
    first = reader.read()

    again = reader.read()
    path.write_text(json.dumps(manifest_of("shop", "new")))
    changed = reader.read()

    assert again is first
    assert list(first.relations) == ["model.shop.old"]
    assert list(changed.relations) == ["model.shop.new"]


def test_a_manifest_that_was_given_is_read_each_time() -> None:
    manifest = manifest_of("shop", "old")
    reader = ProjectReader(manifest_at(manifest))
    reader.read()

    manifest["nodes"] |= manifest_of("shop", "new")["nodes"]

    assert list(reader.read().relations) == ["model.shop.old", "model.shop.new"]


def test_a_manifest_without_any_resource_is_one(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest_of("shop")))

    assert ProjectReader(manifest_at(path)).read().graph.nodes == {}


def test_a_manifest_of_dbt_0_19_is_read() -> None:
    old = {
        "resource_type": "model",
        "name": "orders",
        "package_name": "shop",
        "fqn": ["shop", "marts", "orders"],
        "original_file_path": "models/marts/orders.sql",
        "patch_path": "models/marts/schema.yml",
        "raw_sql": "select 1",
        "tags": [],
        "config": {"enabled": True, "materialized": "view"},
        "depends_on": {"nodes": []},
    }
    # Before dbt 1.6 a manifest had no name of the project, only its digest.
    manifest = {
        "metadata": {"project_id": md5(b"shop").hexdigest()},
        "nodes": {"model.shop.orders": old},
        "selectors": {},
    }

    project = ProjectReader(manifest_at(manifest)).read()

    assert project.graph.project == "shop"
    assert project.graph.select("path:models/marts/schema.yml", command="run") == {"model.shop.orders"}
    assert "select 1" in project.relations["model.shop.orders"].description


def test_tasks_run_models_of_several_projects() -> None:
    manifests: list[ManifestSource] = [
        manifest_of("shop", "orders", "same"),
        manifest_of("web", "clicks", "other"),
    ]
    tasks = {
        "dag": {
            "shop": DbtCommand("run", select="orders"),
            "web": DbtCommand("run", project="web"),
            "both": [DbtCommand("run", select="orders"), DbtCommand("run", select="clicks")],
        }
    }

    assets = DbtOnAirflow(manifests, tasks).defs().assets or ()

    assert {
        spec.key.to_user_string(): [
            task["task_id"] for task in spec.metadata["dagster-airlift/task-mapping"].value
        ]
        for spec in assets
        if isinstance(spec, AssetSpec)
    } == {"clicks": ["web", "both"], "orders": ["shop", "both"], "other": ["web"]}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        pytest.param(
            DbtCommand("run"),
            r"`dbt run` selects something in each of the dbt projects 'shop', 'web'\. Say by `project=` in which "
            r"of them dag\.task runs it",
            id="in-both",
        ),
        pytest.param(
            DbtCommand("run", select="nope"),
            r"`dbt run --select nope` selects nothing that is an asset in any of the dbt projects 'shop', 'web'",
            id="in-none",
        ),
        pytest.param(
            DbtCommand("run", project="crm"),
            r"no manifest of the dbt project 'crm', .* 'shop', 'web'",
            id="unknown",
        ),
    ],
)
def test_a_command_runs_in_one_of_several_projects(command: DbtCommand, message: str) -> None:
    manifests: list[ManifestSource] = [manifest_of("shop", "orders"), manifest_of("web", "clicks")]

    with pytest.raises(DbtSelectionError, match=message):
        DbtOnAirflow(manifests, {"dag": {"task": command}}).defs()


def test_what_two_projects_share_is_one_asset() -> None:
    library = manifest_of("lib", "rates")["nodes"]
    manifests = [manifest_of(name) for name in ("shop", "web")]
    for manifest in manifests:
        manifest["nodes"] |= library
    tasks = {"dag": {name: DbtCommand("run", select="rates", project=name) for name in ("shop", "web")}}

    (spec,) = DbtOnAirflow(manifests, tasks).defs().assets or ()

    assert isinstance(spec, AssetSpec)
    tasks_of_spec = [each["task_id"] for each in spec.metadata["dagster-airlift/task-mapping"].value]
    assert tasks_of_spec == ["shop", "web"]


def test_equal_names_in_two_projects_are_refused() -> None:
    manifests: list[ManifestSource] = [manifest_of("shop", "orders"), manifest_of("web", "orders")]
    tasks = {"dag": {name: DbtCommand("run", project=name) for name in ("shop", "web")}}

    with pytest.raises(DbtManifestError, match=r"'model\.shop\.orders' and 'model\.web\.orders' both have"):
        DbtOnAirflow(manifests, tasks).defs()


def test_two_manifests_of_one_project_are_refused() -> None:
    with pytest.raises(DbtManifestError, match="Two of the manifests are of the dbt project 'shop'"):
        everything([manifest_of("shop", "a"), manifest_of("shop", "b")])


def test_a_task_of_several_commands_cannot_be_migrated(projects: Path) -> None:
    dbt = DbtOnAirflow(manifest_of("shop", "a"), {"dag": {"task": [DbtCommand("seed"), DbtCommand("run")]}})

    with pytest.raises(DbtMigrationError, match=r"dag\.task runs 2 dbt commands"):
        dbt.migrate("dag", "task", project=DbtProject(projects / "jaffle"))
