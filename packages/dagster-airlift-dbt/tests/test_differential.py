"""Random selections for random commands, resolved by us and by dbt itself.

AIRLIFT_SELECTIONS is how many for each project, AIRLIFT_SELECTION_SEED where the random numbers start.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from dagster_airlift_dbt import DbtGraph, DbtSelectionError

HERE = Path(__file__).parent
CASES = int(os.environ.get("AIRLIFT_SELECTIONS", "100"))
SEED = int(os.environ.get("AIRLIFT_SELECTION_SEED", "7"))
COMMANDS = ("build", "run", "seed", "snapshot", "test")
INDIRECT = ("eager", "cautious", "buildable", "empty")


@dataclass(frozen=True)
class Case:
    """One selection, as keyword arguments of `DbtGraph.select`."""

    arguments: Mapping[str, Any]

    def for_dbt(self) -> list[str]:
        words: list[str] = [self.arguments["command"]]
        for option, value in self.arguments.items():
            if option == "command":
                continue
            flag = "--" + option.replace("_", "-")
            for each in [value] if isinstance(value, str) else value:
                words += [flag, each]
        return words


class Dice:
    """Draws selections whose words are those of a manifest, and some that are not."""

    def __init__(self, manifest: Mapping[str, Any], seed: int) -> None:
        self.random = random.Random(seed)
        self.selectors = sorted(manifest["selectors"])
        nodes = [
            node
            for collection in ("nodes", "sources", "exposures", "metrics", "semantic_models", "saved_queries")
            for node in manifest[collection].values()
        ]
        self.values: dict[str, list[str]] = {
            "fqn": self._fqns(nodes),
            "path": sorted({path for node in nodes for path in self._paths(node)}),
            "file": sorted({text for node in nodes for text in self._files(node)}),
            "tag": [*sorted({tag for node in nodes for tag in node.get("tags", ())}), "d*", "?ay"],
            "package": ["this", "*", "l?b", *sorted({node["package_name"] for node in nodes})],
            "resource_type": [
                *sorted({node["resource_type"] for node in nodes}),
                "unit_test",
                "model",
                "macro",
            ],
            "test_type": ["generic", "singular", "unit", "data", "schema"],
            "test_name": ["unique", "not_null", "relationships", "*n*", "finance_sums", "no_such"],
            "access": ["public", "private", "protected"],
            "group": ["finance", "f*", "web", "x"],
            "version": ["latest", "prerelease", "old", "none"],
            "source": [
                "web",
                "*",
                "web.clicks",
                "*.clicks",
                "shop.web.*",
                "library",
                "books.library.shelves",
            ],
            "exposure": ["*", "dashboard", "shop.note*", "lib.*"],
            "metric": ["*", "sales", "shop.sales_*"],
            "semantic_model": ["*", "order_items"],
            "saved_query": ["*", "shop.weekly_sales"],
            "unit_test": ["*", "finance_sums", "shop.orders_*"],
            "config.materialized": ["table", "view", "ephemeral", "seed", "test", "snapshot", "incremental"],
            "config.severity": ["warn", "WARN", "error"],
            "config.enabled": ["true", "True", "false"],
            "config.meta.owner": ["finance", "web"],
            "config.meta.pii": ["true", "FALSE"],
            "config.meta.teams": ["a", "b", "c"],
            "config.meta.tier": ["1"],
            "config.tags": ["daily", "Money", "money"],
            "config.strategy": ["check"],
            "config.contract.enforced": ["false"],
            "config.docs.show": ["true"],
            "config.meta.owner.deeper": ["x"],
            "config.event_time": ["at"],
        }

    @staticmethod
    def _fqns(nodes: list[Mapping[str, Any]]) -> list[str]:
        found = {
            "*",
            "s*",
            "*_orders",
            "?inance",
            "*.v2",
            "customers_v1",
            "customers.v2",
            "x.customers_v2",
            "nope",
        }
        for node in nodes:
            fqn = node["fqn"]
            found |= {".".join(fqn[:end]) for end in range(1, len(fqn) + 1)}
            found |= {".".join(fqn[start:]) for start in range(len(fqn))}
            found |= {
                f"{fqn[0]}.*",
                f"{fqn[-1][:3]}*",
                f"{'.'.join(fqn[:-1])}.*[a-m]",
                f"*.{fqn[-1]}",
                f"[!{fqn[-1][0]}]*",
            }
        return sorted(found)

    @staticmethod
    def _paths(node: Mapping[str, Any]) -> set[str]:
        path = Path(node["original_file_path"])
        patch = (node.get("patch_path") or "://").split("://")[1]
        folder = path.parent
        return {str(path), str(folder), f"{folder}/", f"{folder}/*", f"{path.parts[0]}/**", f"**/{path.name}"} | {
            f"./{folder}", f"{path.parts[0]}/**/*.sql", f"*/{folder.name}", f"{path}/", patch or "no/such", "*", "**",
            f"{folder}/*/{path.name}", f"**/{folder.name}/*", f"{folder}/{path.name[0]}?{path.name[2:]}",
        }  # fmt: skip

    @staticmethod
    def _files(node: Mapping[str, Any]) -> set[str]:
        path = Path(node["original_file_path"])
        return {path.name, path.stem, f"{path.stem[:2]}*", f"*{path.suffix}", f"*_{path.stem[-3:]}"}

    def term(self) -> str:
        method = self.random.choice([*["fqn"] * 6, *["path"] * 3, "tag", "tag", "file", *self.values])
        value = self.random.choice(self.values[method])
        written = value if method == "fqn" and self.random.random() < 0.7 else f"{method}:{value}"
        if method in {"path", "file"} and self.random.random() < 0.5:
            written = value
        before = self.random.choice(["", "", "", "", "+", "1+", "2+", "0+", "@"])
        after = "" if before == "@" else self.random.choice(["", "", "", "", "+", "+1", "+2", "+0"])
        return before + written + after

    def terms(self) -> str:
        sizes = [1, 1, 1, 1, 2]
        return " ".join(
            ",".join(self.term() for _ in range(self.random.choice(sizes)))
            for _ in range(self.random.choice([1, 1, 2, 3]))
        )

    def case(self) -> Case:
        arguments: dict[str, Any] = {}
        kind = self.random.random()
        if self.selectors and kind < 0.1:
            arguments["selector"] = self.random.choice(self.selectors)
        elif kind < 0.95:
            arguments["select"] = self.terms()
        if "selector" not in arguments and self.random.random() < 0.4:
            arguments["exclude"] = self.terms()
        if self.random.random() < 0.7:
            arguments["indirect_selection"] = self.random.choice(INDIRECT)
        arguments["command"] = self.random.choice(["ls"] * 5 + [*COMMANDS])
        types = {"ls": ["model", "test", "seed", "all", "unit_test"], "test": ["test", "unit_test"]}
        types["build"] = [*types["ls"], "snapshot", "saved_query"]
        if arguments["command"] in types:
            known = types[arguments["command"]]
            if self.random.random() < 0.2:
                arguments["resource_types"] = tuple(self.random.sample(known, 2))
            if self.random.random() < 0.1:
                arguments["exclude_resource_types"] = (
                    self.random.choice([each for each in known if each != "all"]),
                )
        return Case(arguments)


def resolved(graph: DbtGraph, case: Case) -> list[str] | None:
    try:
        return sorted(graph.select(**cast("Any", case.arguments)))
    except DbtSelectionError:
        return None


@pytest.mark.parametrize("name", ["shop", "jaffle", "example"])
def test_a_selection_names_what_dbt_names(name: str, projects: Path, tmp_path: Path) -> None:
    folder = projects / name
    manifest = json.loads((folder / "target" / "manifest.json").read_text())
    dice = Dice(manifest, SEED)
    cases = [dice.case() for _ in range(CASES)]
    asked, answered = tmp_path / "asked.json", tmp_path / "answered.json"
    asked.write_text(json.dumps([case.for_dbt() for case in cases]))

    subprocess.run(
        [sys.executable, str(HERE / "dbt_ls.py"), str(folder), str(asked), str(answered)],
        stdout=subprocess.DEVNULL,
        check=True,
    )

    graph = DbtGraph.from_manifest(manifest)
    expected = json.loads(answered.read_text())
    different = [
        (case.arguments, set(ours or ()) ^ set(theirs or ()))
        for case, theirs in zip(cases, expected, strict=True)
        if (ours := resolved(graph, case)) != theirs
    ]
    assert different == []
