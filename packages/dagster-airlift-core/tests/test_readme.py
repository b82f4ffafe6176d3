from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_airlift_core.testing import FakeAirflow

README = Path(__file__).parents[1] / "README.md"


def test_the_lines_of_the_readme_peer_and_map(fake: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "secret")
    fake.users["dagster"] = "secret"
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict[str, Any] = {}

    for block in blocks:
        exec(block.replace("https://airflow.example.com", fake.url), names)

    keys = {spec.key.to_user_string() for spec in names["defs"].resolve_all_asset_specs()}
    assert len(blocks) == 2
    assert isinstance(names["defs"], dg.Definitions)
    assert keys == {"prod/instance", "prod/dag/etl", "raw", "orders", "lines", "dashboard"}
