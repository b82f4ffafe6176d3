import ast
import importlib
import importlib.resources
import json
import logging
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from airflow.providers_manager import ProvidersManager

from airflow.providers import dagster
from airflow.providers.dagster.get_provider_info import get_provider_info
from airflow.providers.dagster.hooks.dagster import DagsterHook
from airflow.providers.dagster.version_compat import AIRFLOW_3

if AIRFLOW_3:
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime as ProvidersOfTasks
else:
    ProvidersOfTasks = ProvidersManager

PACKAGE = Path(__file__).parent.parent
SOURCES = sorted((PACKAGE / "src/airflow/providers/dagster").rglob("*.py"))
PROVIDER: dict[str, Any] = yaml.safe_load((PACKAGE / "provider.yaml").read_text())
# The first needs what only the webserver of Airflow 2 has; the second is loaded by each process of Airflow.
MAY_IMPORT_LATE = {"connection_form", "policy"}
FORM_SCHEMA = "customized_form_field_behaviours.schema.json"
FIELD_CLASSES = {"boolean": "BooleanField", "number": "IntegerField", "string": "StringField"}
ONLY_IN_YAML = {"versions", "state", "lifecycle", "source-date-epoch"}


def airflow_schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(importlib.resources.files("airflow").joinpath(name).read_text())
    return schema


def test_the_info_is_the_yaml_without_what_only_development_needs() -> None:
    assert get_provider_info() == {key: value for key, value in PROVIDER.items() if key not in ONLY_IN_YAML}


@pytest.mark.skipif(not AIRFLOW_3, reason="providers are developed on the latest Airflow")
def test_the_yaml_follows_airflows_schema() -> None:
    jsonschema.validate(PROVIDER, airflow_schema("provider.yaml.schema.json"))


def test_the_info_follows_airflows_schema() -> None:
    jsonschema.validate(get_provider_info(), airflow_schema("provider_info.schema.json"))


def test_the_names_and_versions_agree() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]

    assert project["name"] == PROVIDER["package-name"] == "apache-airflow-providers-dagster"
    assert project["version"] == dagster.__version__ == PROVIDER["versions"][0]


def test_airflow_finds_the_provider_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)

    hook = ProvidersOfTasks().hooks["dagster"]
    links = ProvidersManager().extra_links_class_names

    assert hook is not None
    assert hook.hook_class_name == "airflow.providers.dagster.hooks.dagster.DagsterHook"
    assert "airflow.providers.dagster.links.dagster.DagsterRunLink" in links
    assert not [record for record in caplog.records if "dagster" in record.getMessage()]


def test_both_majors_name_and_hide_the_same_fields() -> None:
    (described,) = get_provider_info()["connection-types"]
    behaviour = DagsterHook.get_ui_field_behaviour()

    jsonschema.validate(behaviour, airflow_schema(FORM_SCHEMA))
    assert behaviour == {
        "hidden_fields": described["ui-field-behaviour"]["hidden-fields"],
        "relabeling": described["ui-field-behaviour"]["relabeling"],
        "placeholders": described["ui-field-behaviour"]["placeholders"],
    }


@pytest.mark.skipif(AIRFLOW_3, reason="Airflow 3 has no WTForms")
def test_both_majors_ask_for_the_same_fields() -> None:
    (described,) = get_provider_info()["connection-types"]
    form = ProvidersManager().connection_form_widgets
    shown = {
        name.removeprefix("extra__dagster__"): field
        for name, field in form.items()
        if name.startswith("extra__dagster__")
    }

    assert ProvidersManager().field_behaviours["dagster"]["hidden_fields"] == ["schema"]
    assert set(shown) == set(described["conn-fields"])
    for name, field in described["conn-fields"].items():
        arguments = shown[name].field.kwargs
        assert arguments["label"] == field["label"]
        assert arguments["description"] == field.get("description", "")
        assert arguments.get("default") == field["schema"].get("default")
        is_secret = field["schema"].get("format") == "password"
        expected = "PasswordField" if is_secret else FIELD_CLASSES[field["schema"]["type"][0]]
        assert shown[name].field.field_class.__name__ == expected


def test_what_the_info_names_can_be_imported() -> None:
    info = get_provider_info()
    modules = [
        name
        for kind in ("operators", "sensors", "hooks", "triggers")
        for part in info[kind]
        for name in part["python-modules"]
    ]
    classes = [*info["extra-links"], *(kind["hook-class-name"] for kind in info["connection-types"])]

    for module in modules:
        importlib.import_module(module)
    for path in classes:
        module, name = path.rsplit(".", 1)
        assert getattr(importlib.import_module(module), name)


def test_the_namespaces_of_others_are_left_to_them() -> None:
    assert not (PACKAGE / "src/airflow/__init__.py").exists()
    assert not (PACKAGE / "src/airflow/providers/__init__.py").exists()


def test_the_readme_says_whose_release_this_is() -> None:
    assert "This is not a release of the Apache Software Foundation" in (PACKAGE / "README.md").read_text()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_module_says_in_one_sentence_what_it_does_and_is_short(path: Path) -> None:
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))

    assert docstring is not None
    assert "\n" not in docstring
    assert len(text.splitlines()) <= 300


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_functions_are_short_and_import_nothing(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name != "get_provider_info":
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert lines <= 40, node.name
            if path.stem not in MAY_IMPORT_LATE:
                assert not [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)], (
                    node.name
                )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_what_a_module_offers_is_sorted_and_there(path: Path) -> None:
    name = ".".join(path.relative_to(PACKAGE / "src").with_suffix("").parts).removesuffix(".__init__")
    module = importlib.import_module(name)
    offered = list(getattr(module, "__all__", []))

    assert [entry for entry in offered if not hasattr(module, entry)] == []
    assert len(offered) == len(set(offered))


def test_what_the_readme_shows_without_a_migration_can_be_written() -> None:
    section = (PACKAGE / "README.md").read_text().partition("## Without a migration")[2]
    code = section.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}

    exec(code, names)

    assert {"DagsterMaterializeAssetsOperator", "DagsterRunJobOperator", "DagsterAssetSensor"} <= set(names)
