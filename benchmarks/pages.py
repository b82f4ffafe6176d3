"""The page of the docs: the parts of it that a benchmark writes stand between two marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def replace_part(page: Path, name: str, text: str) -> None:
    """Write one part of a page again, at its end if the page has no such part.

    Args:
        page: The page.
        name: Names the part in its two marks.
        text: What stands between them from now on.
    """
    begin, end = f"<!-- {name}: written by benchmarks/{name}.py -->", f"<!-- end of {name} -->"
    old = page.read_text() if page.exists() else ""
    if begin not in old:
        old = f"{old}{begin}\n{end}\n"
    before, _, rest = old.partition(begin)
    page.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{rest.partition(end)[2]}")
