"""Reads a large JSON object piece by piece, so that it is never in memory as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import TextIO, TypeAlias

Piece: TypeAlias = tuple[str, str, object]
"""A member of the object, the entry of it or nothing, and the value."""

CHUNK = 1 << 20
_ENDS = frozenset(" \t\n\r,:}]")
_SPACE = re.compile(r"[ \t\n\r]*")


def pieces(file: TextIO, opened: Collection[str], chunk: int = CHUNK) -> Iterator[Piece]:
    """Read a JSON object.

    Args:
        file: Its text.
        opened: Members whose value, if it is an object itself, is read entry by entry.
        chunk: How many characters to read at least at a time.

    Yields:
        Each member with its value, and instead of each opened one that is not empty its entries.
        Nothing, if the text is no object.

    Raises:
        ValueError: The text is no JSON.
    """
    window = _Window(file, chunk)
    if window.peek() != "{":
        window.value()
        return
    for member in window.names():
        if member not in opened or window.peek() != "{":
            yield member, "", window.value()
            continue
        is_empty = True
        for entry in window.names():
            is_empty = False
            yield member, entry, window.value()
        if is_empty:
            yield member, "", {}
    window.expect_end()


class _Window:
    """The part of a text that is being read."""

    def __init__(self, file: TextIO, chunk: int) -> None:
        self._file = file
        self._chunk = chunk
        self._text = ""
        self._at = 0
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """The next character that is no space."""
        while True:
            self._skip_space()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._read_on():
                raise json.JSONDecodeError("Expecting value", self._text, self._at)

    def names(self) -> Iterator[str]:
        """The names in an object, each before its value."""
        self._take("{")
        if self.peek() == "}":
            self._take("}")
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise json.JSONDecodeError("Expecting property name", self._text, self._at)
            self._take(":")
            yield name
            if self.peek() == "}":
                break
            self._take(",")
        self._take("}")

    def value(self) -> object:
        """The next value, of any kind."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError:
                if self._read_on():
                    continue
                raise
            # A number may go on behind the end of the window: what ends a value has to be seen.
            if self._text[end : end + 1] in _ENDS or not self._read_on():
                self._at = end
                return value

    def expect_end(self) -> None:
        """Refuse anything but space."""
        while True:
            self._skip_space()
            if self._at < len(self._text):
                raise json.JSONDecodeError("Extra data", self._text, self._at)
            if not self._read_on():
                return

    def _take(self, character: str) -> None:
        if self.peek() != character:
            raise json.JSONDecodeError(f"Expecting {character!r}", self._text, self._at)
        self._at += 1

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _read_on(self) -> bool:
        # At least as much again, so that a value of any size is tried a few times only.
        more = self._file.read(max(self._chunk, len(self._text) - self._at))
        self._text = self._text[self._at :] + more
        self._at = 0
        return bool(more)
