"""Names in a sentence: some of many, and the one that may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Literal

_REST = {", ": " and {} more", "; ": "; and {} more", " ": " And {} more."}


def some_of(texts: Iterable[str], most: int, *, between: Literal[", ", "; ", " "] = ", ") -> str:
    """Return texts in a row; of many the first, and how many more there are.

    Args:
        texts: Names, clauses or whole sentences.
        most: So many are shown.
        between: What stands between them: a comma for names, a semicolon for clauses, a space for sentences.
    """
    told = list(texts)
    rest = _REST[between].format(len(told) - most) if len(told) > most else ""
    return between.join(told[:most]) + rest


def nearest(wanted: str, existing: Sequence[str]) -> str:
    """Return a question that names what may have been meant, with a space before it; nothing where nothing is near.

    Args:
        wanted: The name that there is not.
        existing: The names that there are.
    """
    near = difflib.get_close_matches(wanted, existing, n=1)
    return f" Did you mean {near[0]}?" if near else ""
