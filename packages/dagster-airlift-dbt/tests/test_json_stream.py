from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagster_airlift_dbt.json_stream import pieces

# Few characters, but each kind: what JSON escapes, and what takes two, three and four bytes.
TEXT = st.text('ab"\\{}[],: \n\u00e9\u2028\U0001f600', max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["nodes", "metadata", "x", ""])


# No entry of a manifest has an empty name.
ENTRIES = st.dictionaries(TEXT.filter(bool), VALUES, max_size=4)


def put_together(text: str, chunk: int) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for member, entry, value in pieces(io.StringIO(text), {"nodes", "x"}, chunk):
        if entry or (member in whole and isinstance(whole[member], dict)):
            whole.setdefault(member, {})[entry] = value
        else:
            whole[member] = value
    return whole


@settings(deadline=None)
@given(
    content=st.dictionaries(NAMES, ENTRIES | VALUES.filter(lambda value: not isinstance(value, dict))),
    chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_the_pieces_make_up_the_whole(
    *, content: dict[str, Any], chunk: int, indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(content, indent=indent, ensure_ascii=ascii_only)

    assert put_together(text, chunk) == content


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", '{"nodes"', '{"nodes": ', '{"nodes": {', '{"nodes": {"a": 1', '{"nodes": {"a": 1 "b"}}'),
        *("{1: 2}", "{} {}", '{"nodes": {"a": tru}}', '{"a": 1,}'),
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^Expecting|^Extra data|^Unterminated"):
        put_together(text, chunk=3)


@pytest.mark.parametrize("text", ["[1, 2]", "3", '"nodes"', "null"])
def test_what_is_no_object_has_no_pieces(text: str) -> None:
    assert put_together(text, chunk=3) == {}
