"""What dagster-airlift documents works here with only the imports changed."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import re
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from dagster_airlift_core import AirflowBasicAuthBackend, AirflowInstance
from dagster_airlift_core.testing import FakeAirflow

IMPORTS = {
    "from dagster_airlift.core import": "from dagster_airlift_core import",
    "    DagInfo,": "    Dag as DagInfo,",
}
KEYS = {
    ("load_defs", 0): {"prod/instance", "prod/dag/rebuild_iris_models"},
    ("load_defs", 1): {
        *("prod/instance", "prod/dag/rebuild_iris_models"),
        *("my_first_asset", "my_second_asset"),
    },
    ("load_defs", 2): {"prod/instance", "prod/dag/rebuild_iris_models"},
    ("load_defs", 3): {"prod/instance", "prod/dag/my_dag_id"},
    ("top_level_dag_def_api", 0): {"asset_one", "asset_two", "asset_three"},
    ("top_level_dag_def_api", 1): {"asset_one", "asset_two", "asset_three"},
}
NOT_RUN = {
    ("multiple_tasks", 0): "it imports what dagster-airlift itself does not have",
    ("basic_auth", 0): "the same call is part of the others",
}


def examples() -> dict[tuple[str, int], str]:
    """Return the examples in the docstrings of the peer's core, by module and number."""
    spec = importlib.util.find_spec("dagster_airlift")
    assert spec
    assert spec.origin
    found: dict[tuple[str, int], str] = {}
    for source in sorted((Path(spec.origin).parent / "core").glob("*.py")):
        docs = [
            ast.get_docstring(node) or ""
            for node in ast.walk(ast.parse(source.read_text()))
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
        ]
        blocks = [block for doc in docs for block in code_blocks(doc)]
        found.update({(source.stem, number): block for number, block in enumerate(blocks)})
    return found


def code_blocks(doc: str) -> Iterator[str]:
    """Yield what is indented below each line that says that code follows."""
    lines = doc.splitlines()
    for number, line in enumerate(lines):
        if line.strip() == ".. code-block:: python":
            below = itertools.takewhile(partial(_is_within, line.index("..")), lines[number + 1 :])
            yield textwrap.dedent("\n".join(below))


def _is_within(depth: int, line: str) -> bool:
    return not line.strip() or len(line) - len(line.lstrip()) > depth


def test_every_example_of_the_peer_is_run_or_has_a_reason() -> None:
    assert set(examples()) == KEYS.keys() | NOT_RUN.keys()


@pytest.mark.parametrize("example", KEYS, ids=str)
def test_an_example_works_with_only_the_imports_changed(example: tuple[str, int]) -> None:
    code = re.sub(r"^from \.constants import .*$", "", examples()[example], flags=re.MULTILINE)
    code = re.sub(r"^\.\.\.$", "", code, flags=re.MULTILINE)
    for theirs, ours in IMPORTS.items():
        code = code.replace(theirs, ours)
    with FakeAirflow() as fake:
        fake.add_dag("rebuild_iris_models" if example[1] != 3 else "my_dag_id", {"my_task": []})
        if example[1] == 3:
            fake.add_dag("other")
        names: dict[str, Any] = {
            "AIRFLOW_BASE_URL": fake.url,
            "AIRFLOW_INSTANCE_NAME": "prod",
            "USERNAME": "viewer",
            "PASSWORD": "viewer",
            "AssetSpec": dg.AssetSpec,  # one example forgets to import it
            "airflow_instance": AirflowInstance(
                AirflowBasicAuthBackend(fake.url, "viewer", "viewer"), "prod"
            ),
        }
        lines = ast.parse(code).body
        last = lines[-1]
        if isinstance(last, ast.Expr):
            lines[-1] = ast.copy_location(ast.Assign([ast.Name("defs", ast.Store())], last.value), last)
        module = ast.fix_missing_locations(ast.Module(lines, []))
        exec(compile(module, str(example), "exec"), names)

    defs = names["defs"]
    assert isinstance(defs, dg.Definitions)
    assert {key.to_user_string() for key in defs.resolve_all_asset_keys()} == KEYS[example]
