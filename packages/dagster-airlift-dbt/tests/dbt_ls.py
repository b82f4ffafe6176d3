"""Lists selections by dbt itself, in a process of its own: dbt's flags are global."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner


def list_selections(project: str, cases: list[list[str]]) -> list[list[str] | None]:
    """For the arguments of each `dbt ls`, the ids that it prints, or None where it fails."""
    where = ["--project-dir", project, "--profiles-dir", project, "--quiet"]
    parsed = dbtRunner().invoke(["parse", *where])
    if not parsed.success:
        raise SystemExit(str(parsed.exception))
    dbt = dbtRunner(manifest=parsed.result)
    found: list[list[str] | None] = []
    for arguments in cases:
        listed = dbt.invoke(["ls", *where, "--output", "json", "--output-keys", "unique_id", *arguments])
        lines = listed.result if listed.success else None
        found.append(None if lines is None else [json.loads(line)["unique_id"] for line in lines])
    return found


if __name__ == "__main__":
    _, folder, asked, answered = sys.argv
    Path(answered).write_text(json.dumps(list_selections(folder, json.loads(Path(asked).read_text()))))
