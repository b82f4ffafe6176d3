"""Writes the projects of the tests and lets dbt parse them, in a process of its own: dbt's flags are global."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner
from jaffle import JAFFLE
from shop import LIB, SHOP

EXAMPLE = Path(__file__).parents[3] / "examples" / "peering-with-dbt" / "dbt_project"


def write(root: Path) -> None:
    """Write the projects beside each other."""
    for folder, files in {"shop": SHOP, "lib": LIB, "jaffle": JAFFLE}.items():
        for name, text in files.items():
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    shutil.copytree(EXAMPLE, root / "example", ignore=shutil.ignore_patterns("target", "logs"))


def dbt(*arguments: str, project: Path) -> None:
    """Run dbt, or end with what it says."""
    where = ["--project-dir", str(project), "--profiles-dir", str(project)]
    result = dbtRunner().invoke([*arguments, "--quiet", *where])
    if not result.success:
        raise SystemExit(str(result.exception))


if __name__ == "__main__":
    root = Path(sys.argv[1])
    write(root)
    dbt("deps", project=root / "shop")  # needs no network: the package is a folder
    for name in ("shop", "jaffle", "example"):
        dbt("parse", project=root / name)
