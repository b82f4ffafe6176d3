"""Asks dbt itself what commands select, in a process of its own: dbt's flags are global."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from dbt.cli.main import dbtRunner
from dbt.task.runnable import GraphRunnableTask


def selected(task: GraphRunnableTask) -> list[str]:
    """What a task of dbt would run, by its own selector."""
    task.compile_manifest()
    return sorted(task.get_node_selector().get_selected(task.get_selection_spec()))


def list_selections(project: str, cases: list[list[str]]) -> list[list[str] | None]:
    """For each dbt command line, the ids that dbt lists or would run, or None where it refuses."""
    # `dbt ls` lists by itself; all other commands shall go as far as their selection, and run nothing.
    GraphRunnableTask.run = selected
    GraphRunnableTask.interpret_results = lambda _task, _results: True
    # A task that runs nothing does not tell the selector where the project lies.
    os.chdir(project)
    where = ["--project-dir", project, "--profiles-dir", project, "--quiet"]
    parsed = dbtRunner().invoke(["parse", *where])
    if not parsed.success:
        raise SystemExit(str(parsed.exception))
    dbt = dbtRunner(manifest=parsed.result)
    found: list[list[str] | None] = []
    for command, *arguments in cases:
        as_ids = ["--output", "json", "--output-keys", "unique_id"] if command == "ls" else []
        answer = dbt.invoke([command, *where, *as_ids, *arguments])
        lines = answer.result if answer.success else None
        if lines is not None and command == "ls":
            lines = [json.loads(line)["unique_id"] for line in lines]
        found.append(lines)
    return found


if __name__ == "__main__":
    _, folder, asked, answered = sys.argv
    Path(answered).write_text(json.dumps(list_selections(folder, json.loads(Path(asked).read_text()))))
