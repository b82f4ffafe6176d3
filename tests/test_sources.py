"""What must hold for every source file of the repository."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nothing_imports_mock(path: Path) -> None:
    assert not {name for name in imports(path) if name.startswith(("unittest.mock", "mock", "pytest_mock"))}


@pytest.mark.parametrize("path", [path for path in SOURCES if "src" in path.parts], ids=relative)
def test_private_dagster_is_imported_in_one_file_only(path: Path) -> None:
    private = {name for name in imports(path) if name.startswith(("dagster._", "dagster_shared"))}

    assert not private or path.name == "_dagster_private.py"


@pytest.mark.parametrize("name", ["migration_state.py", "wire.py"])
def test_the_migration_state_knows_neither_airflow_nor_http(name: str) -> None:
    path = ROOT / "packages/airflow-provider-dagster/src/airflow/providers/dagster" / name

    foreign = {
        module
        for module in imports(path)
        if module.startswith(("httpx", "requests"))
        or (module.startswith("airflow") and not module.startswith("airflow.providers.dagster."))
    }

    assert not foreign
