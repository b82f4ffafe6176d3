"""The simple commands of a shell script, as far as they can be told without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TEMPLATE = r"\{\{.*?\}\}|\{%.*?%\}|\{\#.*?\#\}"
_TOKEN = re.compile(
    rf"""
      (?P<continuation> \\\r?\n )
    | (?P<template> {_TEMPLATE} )
    | (?P<single> '(?:{_TEMPLATE}|[^'])*'? )
    | (?P<double> "(?:{_TEMPLATE}|\\.|[^"\\])*"? )
    | (?P<substitution> \$\( | ` )
    | (?P<variable> \$\{{[^}}]*\}}? | \$\w+ | \$[@*\#?!$-] )
    | (?P<escape> \\. )
    | (?P<redirection> \d*(?: <<<|<<-?|>>|>\||[<>]&|<>|[<>] ) | &>>? )
    | (?P<operator> &&|\|\||;;|[;|&()\n] )
    | (?P<space> [\ \t\r]+ )
    | (?P<text> . )
    """,
    re.DOTALL | re.VERBOSE,
)
_EXPANDED = re.compile(r"(?<!\\)[$`]|" + _TEMPLATE, re.DOTALL)
_OPENS = frozenset({"if", "while", "until", "for", "case", "select", "function"})
_CLOSES = frozenset({"fi", "done", "esac"})
_GOES_ON = frozenset({"then", "else", "elif", "do", "!", "{", "time"})


@dataclass(frozen=True)
class Word:
    """A word of a command.

    Args:
        text: Without its quotes.
        is_dynamic: Whether a template, a variable or another command decides what it is.
    """

    text: str
    is_dynamic: bool = False


@dataclass(frozen=True)
class SimpleCommand:
    """A program with its arguments.

    Args:
        words: Them.
        condition: Why it may not run at all, or nothing.
    """

    words: tuple[Word, ...]
    condition: str = ""


def has_template(text: str) -> bool:
    """Whether Airflow renders a text."""
    return re.search(_TEMPLATE, text, re.DOTALL) is not None


def simple_commands(script: str) -> list[SimpleCommand]:
    """Split a script.

    Args:
        script: What a shell would read. It may hold templates that Airflow renders before, and mistakes.

    Returns:
        Its commands in order, those in `$(…)` before the one that has it as an argument.
    """
    return _Splitter(script).split()


@dataclass
class _Splitter:
    script: str
    at: int = 0
    commands: list[SimpleCommand] = field(default_factory=list[SimpleCommand])
    words: list[Word] = field(default_factory=list[Word])
    parts: list[Word] = field(default_factory=list[Word])
    target: str = ""
    heredocs: list[str] = field(default_factory=list[str])
    condition: str = ""
    depth: int = 0
    blocks: int = 0
    functions: int = 0

    def split(self) -> list[SimpleCommand]:
        while found := _TOKEN.match(self.script, self.at):
            self.at = found.end()
            self._take(str(found.lastgroup), found[0])
        self._end_command("")
        return self.commands

    def _take(self, kind: str, text: str) -> None:
        match kind:
            case "space":
                self._end_word()
            case "operator":
                if text == ")" and self.script[: self.at - 1].rstrip(" ")[-1:] == "(":
                    self.functions += 1
                self._end_command(text)
            case "redirection":
                self._redirect(text)
            case "text" if text == "#" and not self.parts:
                end = self.script.find("\n", self.at)
                self.at = len(self.script) if end < 0 else end
            case "substitution":
                self._substitute(text)
            case "continuation":
                pass
            case "template" if not text.startswith("{{"):
                self._take_block(text)
            case _:
                self.parts.append(_part(kind, text))

    def _take_block(self, text: str) -> None:
        """Airflow may leave out what stands between two of them; a comment is nothing."""
        found = re.match(r"\{%[-+]?\s*(\w+)", text)
        if found is None:
            return
        self.blocks += {"if": 1, "for": 1, "endif": -1, "endfor": -1}.get(found[1], 0)
        self._end_word()
        if self.words:
            self.words.append(Word(text, is_dynamic=True))

    def _redirect(self, text: str) -> None:
        digits = text.rstrip("<>&|-")
        if digits and self.parts:
            # No file descriptor: the digits end the word before.
            self.parts.append(Word(digits))
        self._end_word()
        self.target = text.lstrip("0123456789")

    def _substitute(self, opening: str) -> None:
        start = self.at
        self.at = _end_of_substitution(self.script, start, opening)
        body = self.script[start : self.at - 1]
        self.commands.extend(_Splitter(body).split() if body != self.script else ())
        self.parts.append(Word(f"{opening}{body}{')' if opening == '$(' else '`'}", is_dynamic=True))

    def _end_word(self) -> None:
        if not self.parts:
            return
        word = Word("".join(part.text for part in self.parts), any(part.is_dynamic for part in self.parts))
        self.parts.clear()
        if self.target in {"<<", "<<-"}:
            self.heredocs.append(word.text)
        if not self.target:
            self.words.append(word)
        self.target = ""

    def _end_command(self, operator: str) -> None:
        self._end_word()
        self.target = ""
        words = tuple(self._without_keywords())
        if words:
            inside = (
                "it stands in a condition, a loop or a function"
                if self.depth + self.blocks + self.functions > 0
                else ""
            )
            self.commands.append(SimpleCommand(words, self.condition or inside))
        self.words.clear()
        self.condition = "it runs only if what stands before it fails" if operator == "||" else ""
        if operator == "\n":
            self._skip_heredocs()

    def _without_keywords(self) -> Iterator[Word]:
        words = iter(self.words)
        for word in words:
            if word.text in _OPENS:
                self.depth += 1
            elif word.text in _CLOSES:
                self.depth = max(self.depth - 1, 0)
            elif word.text == "}":
                self.functions = max(self.functions - 1, 0)
            elif word.text not in _GOES_ON:
                yield word
                break
        yield from words

    def _skip_heredocs(self) -> None:
        for end in self.heredocs:
            lines = re.compile(rf"^\t*{re.escape(end)}$", re.MULTILINE)
            found = lines.search(self.script, self.at)
            self.at = found.end() if found else len(self.script)
        self.heredocs.clear()


def _part(kind: str, text: str) -> Word:
    match kind:
        case "single":
            inner = text[1:].removesuffix("'")
            return Word(inner, has_template(inner))
        case "double":
            inner = text[1:].removesuffix('"')
            return Word(re.sub(r'\\(["\\$`\n])', r"\1", inner), _EXPANDED.search(inner) is not None)
        case "escape":
            return Word(text[1:])
        case _:
            return Word(text, kind in {"template", "variable"})


def _end_of_substitution(script: str, start: int, opening: str) -> int:
    if opening == "`":
        end = script.find("`", start)
        return len(script) + 1 if end < 0 else end + 1
    depth = 1
    for at in range(start, len(script)):
        depth += {"(": 1, ")": -1}.get(script[at], 0)
        if depth == 0:
            return at + 1
    return len(script) + 1
