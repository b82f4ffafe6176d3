"""Results of dbt in the lines that it writes for people."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dagster_airlift_dbt.found import Found
from dagster_airlift_dbt.log_reasons import read_reasons
from dagster_airlift_dbt.project import DbtProjectContent
from dagster_airlift_dbt.run_results import NodeResult, RunResults

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LINE = re.compile(
    r"(?<!Batch )\b\d+ of \d+ "
    r"(?P<status>OK|ERROR STALE|ERROR|SKIP|PASS|FAIL|WARN|NO-OP|PARTIAL SUCCESS|REUSED)\b ?(?P<failures>\d+(?= ))? ?"
    r"(?P<what>\S.*?)(?: \.+)? +\[[^\[\]]*?(?:in (?P<seconds>[\d.]+)s)?\]\s*$"
)
_DUE = re.compile(r" due to .*$")
_STATUSES = {"OK": "success", "SKIP": "skipped", "ERROR STALE": "error"}


@dataclass(frozen=True)
class _Names:
    """What the names in such a line may mean: `schema.alias` of a relation, or the name of a test."""

    relations: Mapping[str, Sequence[str]]
    sources: Mapping[str, Sequence[str]]
    tests: Mapping[str, Sequence[str]]

    @staticmethod
    def of(projects: Sequence[DbtProjectContent]) -> _Names:
        relations: defaultdict[str, list[str]] = defaultdict(list)
        sources: defaultdict[str, list[str]] = defaultdict(list)
        tests: defaultdict[str, list[str]] = defaultdict(list)
        for project in projects:
            for unique_id, relation in project.relations.items():
                node = project.graph.nodes[unique_id]
                if node.resource_type == "source":
                    sources[f"{node.source_name}.{node.name}".lower()].append(unique_id)
                elif relation.table_name:
                    relations[".".join(relation.table_name.lower().split(".")[-2:])].append(unique_id)
            for test in project.tests.values():
                tests[test.name.lower()].append(test.unique_id)
        return _Names(relations, sources, tests)

    def meant_by(self, what: str) -> Sequence[str]:
        """Return the resources that the words of a line may mean."""
        words = what.lower().split()
        name = words[-1]
        if "freshness of" in what.lower():
            return self.sources.get(name, ())
        is_relation = len(words) > 1 and words[0] != "test"
        return self.relations.get(name, ()) if is_relation else self.tests.get(name, ())


def read_text_log(lines: Iterable[str], projects: Sequence[DbtProjectContent]) -> Found:
    """Read the lines in which dbt tells people of each result.

    Args:
        lines: The lines, with whatever stands before them, and in colour or not.
        projects: What the manifests know.

    Returns:
        What is told of a name that means one resource; the others are told of in notes.
    """
    names = _Names.of(projects)
    results: dict[str, NodeResult] = {}
    notes: dict[str, None] = {}
    plain = [_COLOUR.sub("", line) for line in lines]
    for line in plain:
        found = _LINE.search(line)
        if found is None:
            continue
        what = _DUE.sub("", found["what"]).rstrip(" .")
        meant = list(dict.fromkeys(names.meant_by(what)))
        if len(meant) == 1:
            results.pop(meant[0], None)
            results[meant[0]] = _result(meant[0], found)
        elif meant:
            notes[f"{what!r} in the log may be any of {', '.join(sorted(meant))}"] = None
        elif "." in what.split()[-1] or (" " not in what and "::" not in what):  # no unit test, no exposure
            notes[f"{what!r} in the log is nothing in the manifest"] = None
    nodes = [node for project in projects for name in results if (node := project.graph.nodes.get(name))]
    reasons = read_reasons(plain, nodes) if results else {}
    told = (replace(each, message=reasons.get(each.unique_id)) for each in results.values())
    run = RunResults(None, tuple(told), is_evident=True)
    return Found((run,) if results else (), tuple(notes))


def _result(unique_id: str, found: re.Match[str]) -> NodeResult:
    status = found["status"]
    is_test = unique_id.startswith("test.")
    return NodeResult(
        unique_id=unique_id,
        status=_STATUSES.get(status, status.lower()),
        seconds=float(found["seconds"]) if found["seconds"] else None,
        failures=int(found["failures"]) if is_test and found["failures"] else None,
    )
