from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from dagster_airlift_core import AirflowInstanceComponent
from dagster_airlift_core.component_fields import AssetBelow, NewAsset
from dagster_airlift_core.history_job import HistoryConfig
from dagster_airlift_core.testing import FakeAirflow, SensorDaemon

README = Path(__file__).parents[1] / "README.md"


def test_the_lines_of_the_readme_peer_and_map(fake: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "secret")
    fake.users["dagster"] = "secret"
    fake.add_dag("reports", {"build": []})
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}

    for block in blocks:
        exec(block.replace("https://airflow.example.com", fake.url), names)

    keys = {spec.key.to_user_string() for spec in names["defs"].resolve_all_asset_specs()}
    assert len(blocks) == 8
    assert isinstance(names["defs"], dg.Definitions)
    assert keys == {
        "prod/instance",
        "prod/dag/etl",
        "prod/dag/reports",
        "raw",
        "orders",
        "lines",
        "dashboard",
    }


def test_the_functions_of_the_readme_do_what_it_says_of_them(
    fake: FakeAirflow, dagster_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "secret")
    fake.users["dagster"] = "secret"
    fake.add_dag("reports", {"build": []})
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL):
        exec(block.replace("https://airflow.example.com", fake.url), names)
        if "event_transformer_fn" in block:
            break

    fake.set_task("etl", "r1", "extract")
    daemon = SensorDaemon(names["defs"], dagster_instance)
    daemon.tick()

    (event,) = daemon.events("raw")
    assert event.metadata["Team"].value == ""
    assert event.metadata["Airflow Run ID"].value == "r1"


def test_the_yaml_of_the_readme_is_one_of_the_component(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WEBSERVER_URL", "http://127.0.0.1:9"), ("USERNAME", "u"), ("PASSWORD", "p")):
        monkeypatch.setenv(f"AIRFLOW_{name}", value)
    block, config = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)

    read = AirflowInstanceComponent.resolve_from_yaml(yaml.safe_dump(yaml.safe_load(block)["attributes"]))

    found = [of_task.assets for mapping in read.mappings or () for of_task in mapping.task_mappings or ()]
    assert HistoryConfig(**yaml.safe_load(config)["ops"]["prod__airflow_history_import"]["config"]).days == 90
    assert found == [[NewAsset(dg.AssetSpec("raw")), AssetBelow(dg.AssetKey("orders"))]]
