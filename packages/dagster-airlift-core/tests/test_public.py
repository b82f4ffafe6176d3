from __future__ import annotations

import ast
from pathlib import Path

import dagster_airlift_core

SOURCES = sorted(Path(dagster_airlift_core.__file__).parent.rglob("*.py"))


def test_everything_public_is_listed_in_order() -> None:
    names = dagster_airlift_core.__all__

    assert names == sorted(names)
    assert all(hasattr(dagster_airlift_core, name) for name in names)


def test_nothing_private_of_dagster_is_imported_but_in_one_file() -> None:
    imported = {
        node.module or ""
        for source in SOURCES
        if source.name != "_dagster_private.py"
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.ImportFrom)
    }

    assert not [name for name in imported if name.startswith(("dagster._", "dagster_shared"))]


def test_modules_and_functions_stay_short() -> None:
    long = [
        f"{source.name}:{node.name}"
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.FunctionDef) and _lines(node) > 40
    ]

    assert not long
    assert not [source.name for source in SOURCES if len(source.read_text().splitlines()) > 300]


def _lines(node: ast.FunctionDef) -> int:
    doc = node.body[0] if ast.get_docstring(node) else None
    return node.end_lineno - node.lineno + 1 - ((doc.end_lineno - doc.lineno + 1) if doc else 0)
