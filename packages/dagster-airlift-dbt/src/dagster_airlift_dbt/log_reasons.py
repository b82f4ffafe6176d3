"""Why models and tests failed, in what dbt writes for people at the end of a run."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from dagster_airlift_dbt.nodes import DbtNode

# The name of a resource, and its file: the SQL of a model, or the YAML with a test.
_HEAD = re.compile(
    r"^\s*(?P<what>Failure|Warning|[A-Z]\w+ Error) in (?P<kind>model|snapshot|seed|test) (?P<name>\S+) \((?P<path>\S+)\)\s*$"
)
_END = re.compile(r"^\s*(compiled [Cc]ode at |Done\. |See test failures:)")
# What Airflow 2 puts before a line, and then dbt.
_BEFORE = re.compile(r"^(\[[^\]]*\] \{[^}]*\} [A-Z]+ -( |$))?(\d\d:\d\d:\d\d( {1,2}|$))?")
_HEADINGS = frozenset({"Failure", "Warning"})
MAX_LINES = 60
"""Lines of one reason that are kept, beside an empty one between two of them."""


def read_reasons(lines: Iterable[str], nodes: Iterable[DbtNode]) -> Mapping[str, str]:
    """Read what dbt says of each failure after it has told of all results.

    Args:
        lines: The lines of a log, without colours.
        nodes: What the results are of.

    Returns:
        Unique id → the reason, as it is in the `message` of run results, up to `MAX_LINES`; of a name that means
        one resource.
    """
    known = _by_name(nodes)
    reasons: defaultdict[str, list[str]] = defaultdict(list)
    current: str | None = None
    for line in lines:
        said = _BEFORE.sub("", line, count=1)
        head = _HEAD.match(said)
        if head:
            found = known.get((head["kind"], head["name"], head["path"]))
            if found != current:  # what dbt repeats of the same resource belongs to its reason
                reasons.pop(found or "", None)
            current = found
        elif _END.match(said):
            current = None
        is_heading = head and head["what"] in _HEADINGS
        if current and not is_heading and _has_room(reasons[current], said.rstrip()):
            reasons[current].append(said.rstrip())
    told = {unique_id: "\n".join(said).strip() for unique_id, said in reasons.items()}
    return {unique_id: reason for unique_id, reason in told.items() if reason}


def _has_room(kept: list[str], line: str) -> bool:
    """Whether a line of a reason is to be kept too; a log may go on with any number of empty ones."""
    return len([*filter(None, kept)]) < MAX_LINES and (bool(line) or kept[-1:] != [""])


def _by_name(nodes: Iterable[DbtNode]) -> Mapping[tuple[str, str, str], str | None]:
    """The resources by what such a heading says of them; None where it may mean several."""
    found: dict[tuple[str, str, str], str | None] = {}
    for node in nodes:
        name = (node.resource_type, node.name, node.path)
        found[name] = None if name in found else node.unique_id
    return found
